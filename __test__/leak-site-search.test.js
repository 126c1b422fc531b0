'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { ROOT, runScript } = require('./run-script.js');

/**
 * A program that keeps what `keepOrder` allocates, under a search with a window of 80 ms; `dimensions` are what the verdict says
 * of heap, external memory, array buffers and resident set. `body` prints what is to be known as JSON.
 */
const PROGRAM = (body) => `
  const { createAttribution } = require(${JSON.stringify(`${ROOT}/lib/leak/attribution.js`)});
  const { createSiteSearch } = require(${JSON.stringify(`${ROOT}/lib/leak/site-search.js`)});
  const { noBridge } = require(${JSON.stringify(`${ROOT}/lib/runtime.js`)});
  const binding = require(${JSON.stringify(`${ROOT}/lib/binding.js`)});
  const calm = () => ({ growth: 'flat', growthPerHour: 0, workPerHour: NaN });
  const dimensions = [calm(), calm(), calm(), calm()];
  const settings = { window: 80, confidence: 0.99, samplingInterval: 1024, attribution: 'suspect' };
  const attribution = createAttribution({ binding, bridgeRefused: noBridge });
  const verdict = { dimensions: () => dimensions };
  const search = createSiteSearch({ attribution, verdict, settings });
  const kept = [];
  function keepOrder() { kept.push({ id: kept.length, lines: [1, 2, 3] }); }
  let operations = 0;
  /** Works until there is a reading, as one is due. */
  function read() {
    do {
      for (let i = 0; i < 300; i++) keepOrder();
      operations += 300;
      globalThis.gc();
    } while (!search.read(performance.now(), operations, false));
  }
  function readings(count) { while (count-- > 0) read(); }
  const begin = performance.now();
  const windows = () => (performance.now() - begin) / settings.window;
  ${body}`;

async function run(body) {
  const { code, stdout, stderr } = await runScript(PROGRAM(body), { flags: ['--expose-gc'] });
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
}

describe('sites are said to explain a leak', () => {
  it('that rises by what they do, and no other; none is explained while nothing rises', async () => {
    const said = await run(`
      search.pursue();
      readings(16);
      const perOperation = search.sites[0].growthPerWork;
      const settled = (changes) => {
        dimensions.forEach((dimension, i) => Object.assign(dimension, calm(), changes[i]));
        return search.describe().settled;
      };
      const rising = (bytes) => ({ growth: 'rising', growthPerHour: bytes * 1000, workPerHour: 1000 });
      console.log(JSON.stringify({
        sites: search.sites.map((site) => site.function),
        perOperation,
        calm: settled({}),
        right: settled({ 0: rising(perOperation) }),
        more: settled({ 0: rising(perOperation * 5) }),
        less: settled({ 0: rising(perOperation / 5) }),
        buffers: settled({ 2: rising(1e6) }),
        resident: settled({ 3: rising(1e6) }),
      }));
      attribution.stop();`);
    const { sites, perOperation, ...settled } = said;
    assert.deepEqual(sites, ['keepOrder']);
    assert.ok(perOperation > 40 && perOperation < 400, `${perOperation}`);
    assert.deepEqual(settled, {
      calm: false,
      right: true,
      more: false,
      less: false,
      buffers: true,
      resident: false,
    });
  });
});

describe('a rise of the heap waits for sites', () => {
  it('for eight windows, and the search ends four later though nothing explains it', async () => {
    const said = await run(`
      Object.assign(dimensions[0], { growth: 'rising', growthPerHour: 1e12, workPerHour: 1 });
      search.pursue();
      const told = [search.holds(), search.isOpen];
      while (search.holds()) read();
      told.push(search.conclude(), search.isOpen);
      const waited = windows();
      const { readings: count } = attribution.describe();
      // Each reading asks again whether the sites are known: that must not put off the end.
      while (!search.rest(performance.now(), true)) { read(); search.conclude(); }
      console.log(JSON.stringify({ told, waited, count, ended: windows() - waited, source: attribution.describe().source }));`);
    assert.deepEqual(said.told, [true, true, false, false]);
    assert.ok(said.waited >= 8 && said.count >= 16, JSON.stringify(said));
    assert.ok(said.ended >= 4 && said.ended < 12, JSON.stringify(said));
    assert.equal(said.source, 'off');
  });
});

describe('a search that nothing asks for any more', () => {
  it('goes on for four windows, and begins anew with the next suspicion', async () => {
    const said = await run(`
      search.pursue();
      readings(4);
      search.relax();
      const told = [search.rest(performance.now(), true), attribution.running];
      const since = windows();
      while (!search.rest(performance.now(), true)) read();
      told.push(windows() - since >= 4, attribution.running);
      search.pursue();
      told.push(attribution.running, attribution.describe().readings);
      search.stop();
      told.push(attribution.running);
      console.log(JSON.stringify(told));`);
    assert.deepEqual(said, [false, true, true, false, true, 0, false]);
  });

  it('as one that a limit was near for ends as well', async () => {
    const said = await run(`
      search.start();
      readings(2);
      const told = [search.rest(performance.now(), false), attribution.running];
      while (!search.rest(performance.now(), true)) read();
      told.push(attribution.running);
      console.log(JSON.stringify(told));`);
    assert.deepEqual(said, [false, true, false]);
  });
});
