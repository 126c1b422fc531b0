'use strict';

const { locate } = require('./packages.js');
const { isInRange } = require('./version-range.js');

/** @typedef {typeof import('../../data/known-leaks.json')['leaks'][number]} Entry */

/** Read when there is a leak to compare with, and not before. @returns {Entry[]} */
function database() {
  return require('../../data/known-leaks.json').leaks;
}

/**
 * The known leaks that a report's sites or the loaded packages point to.
 *
 * @param {import('../..').LeakSite[]} sites
 * @param {Iterable<string>} [scripts] of the loaded modules; those of `require` by default
 * @returns {import('../..').KnownLeak[]} those of sites first
 */
function matchKnownLeaks(sites, scripts = Object.keys(require.cache)) {
  const frames = sites.flatMap(({ stack }) => stack);
  /** @type {Map<string, string | null>} */
  const loaded = new Map([...scripts].flatMap((script) => entry(locate(script).package)));
  return database()
    .flatMap((leak) => {
      const ofSites = frames.filter((frame) => concerns(leak, frame.package?.name, frame.package?.version));
      const inFile = ofSites.some(({ file }) => leak.files.includes(file));
      // Node itself is on every stack: only its named modules say something.
      if (inFile || (ofSites.length > 0 && leak.package !== 'node')) {
        return [described(leak, 'site')];
      }
      const isLoaded = leak.package !== 'node' && concerns(leak, leak.package, loaded.get(leak.package));
      return isLoaded ? [described(leak, 'loaded')] : [];
    })
    .toSorted((a, b) => Number(b.match === 'site') - Number(a.match === 'site'));
}

/** @param {{ name: string, version: string | null } | null} owner */
function entry(owner) {
  return owner === null ? [] : [/** @type {[string, string | null]} */ ([owner.name, owner.version])];
}

/**
 * @param {Entry} leak
 * @param {string | undefined} name
 * @param {string | null | undefined} version
 */
function concerns(leak, name, version) {
  return name === leak.package && typeof version === 'string' && isInRange(version, leak.versions);
}

/**
 * @param {Entry} leak
 * @param {'site' | 'loaded'} match
 */
function described({ id, package: name, versions, fixedIn, condition, what, advice, sources }, match) {
  return { id, package: name, versions, fixedIn, condition, what, advice, sources, match };
}

module.exports = { matchKnownLeaks };
