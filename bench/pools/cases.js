'use strict';

const { TIME } = require('../lib/measures.js');
const { time } = require('../lib/timing.js');

/**
 * A way to get a thing and to give it back.
 *
 * @typedef {object} Source
 * @property {(n?: number) => any} acquire a thing, or a promise of one; of that length, if it has one
 * @property {(thing: any) => void} release what `acquire` gave
 */

/**
 * A case in which each contender opens a source of things and the same loop takes from it.
 *
 * @param {string} name
 * @param {(source: Source) => (n: number) => number | Promise<number>} loop
 * @param {{ name: string, npm?: string, ours?: boolean, open: (settings: any) => Source }[]} sources
 * @param {any} [settings] given to `open`
 */
function poolCase(name, loop, sources, settings) {
  const contenders = sources.map(({ name: source, npm, ours, open }) => ({
    name: source,
    npm,
    ours,
    run: (options) => time(loop(open(settings)), options),
  }));
  return { name, measure: TIME, contenders };
}

module.exports = { poolCase };
