'use strict';

/**
 * One program of the matrix under the detector: `node program.js NAME PACKAGES SECONDS`. Prints what was found, and when,
 * as one line of JSON.
 */

const { LeakDetector } = require('../..');
const { createGcSource } = require('../../lib/gc.js');
const binding = require('../../lib/binding.js');
const { createServer } = require('./app/server.js');
const { isLeaky, programs } = require('./cases.js');
const { loader } = require('./packages.js');
const { whatOthersSay } = require('./rules.js');

/** The detector in a hurry: what takes 8 minutes with its defaults takes 17 seconds. */
const OPTIONS = { warmup: 5000, window: 3500, gcInterval: 200, maxGcShare: 0.1 };

async function main([name, packages, seconds]) {
  const program = programs.find((one) => one.name === name);
  const { local, load } = loader(packages);
  const side = program.leaky ? 'leaky' : 'fixed';
  const context = {
    local,
    leaky: program.leaky,
    load: (wanted, version = side) => load(`${wanted}-${version}`),
  };
  const extra = await require(`./app/${program.file}.js`)[program.export](context);
  const server = createServer(seedOf(name));

  const begin = performance.now();
  const detector = new LeakDetector({ ...OPTIONS, operations: () => server.requests });
  /** What was said when it was said for the first time. @type {Record<string, any>} */
  const first = {};
  for (const event of ['suspect', 'leak', 'clear', 'located']) {
    detector.on(event, ({ dimension, growthPerHour, growthPerWork, sites }) => {
      first[event] ??= {
        seconds: (performance.now() - begin) / 1000,
        requests: server.requests,
        dimension,
        growthPerHour,
        explained: sites.reduce((sum, site) => sum + site.growthPerWork, 0) / growthPerWork?.bytes,
        sites: sites.slice(0, 3).map((site) => `${site.function} ${site.file} ${site.births}:${site.deaths}`),
      };
    });
  }
  /** The report that says where. @type {any} */
  let located;
  detector.on('located', (said) => {
    located ??= said;
  });
  // The series that the rules of others are applied to: the same collections.
  const gc = createGcSource(binding);
  const points = [];
  gc.acquire();
  gc.listen((fresh) => {
    const now = performance.now() - begin;
    points.push(...fresh.map(({ age, used }) => ({ at: (now - age) / 1000, used })));
  });
  detector.start();
  setTimeout(() => server.stop(), seconds * 1000);
  await server.run(extra);

  const report = detector.check();
  const { sites, knownLeaks } = located ?? report;
  const [site] = sites;
  const { culprit } = program;
  const known = knownLeaks.find(({ match }) => match === 'site');
  const named = known?.package ?? site?.package?.name;
  const warm = points.filter(({ at }) => at > OPTIONS.warmup / 1000);
  return {
    leaky: isLeaky(program),
    graded: program.graded ?? false,
    first,
    state: report.state,
    kind: report.kind,
    rightKind: report.kind === program.kind,
    perRequest: report.growthPerWork?.bytes ?? null,
    site: site && {
      function: site.function,
      file: site.file,
      line: site.line,
      package: site.package?.name,
      share: site.share,
    },
    named,
    // Of a leak of Node's own, the program that meets it is right as well.
    rightPackage: named !== undefined && [culprit?.package, program.alsoRight].includes(named),
    rightFile: sites.some(
      ({ file, package: owner }) => owner?.name === culprit?.package && culprit?.files.includes(file),
    ),
    known: knownLeaks.filter(({ match }) => match === 'site').map(({ id }) => id),
    attribution: report.attribution,
    growth: Object.fromEntries(Object.entries(report.dimensions).map(([key, { growth }]) => [key, growth])),
    requests: server.requests,
    points: warm.length,
    others: whatOthersSay(warm),
  };
}

/** Each program has traffic of its own, but the same one in each run. */
function seedOf(name) {
  return [...name].reduce((sum, character) => (Math.imul(sum, 31) + character.charCodeAt(0)) | 0, 7);
}

main(process.argv.slice(2)).then(
  (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`, () => process.exit()),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
