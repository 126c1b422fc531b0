'use strict';

/**
 * A program with one instrument of the loop, or none: `node program.js MODE INSTRUMENT PACKAGES`. `turns` prints the
 * nanoseconds that it adds to a turn of a loop of immediates. `server` is a plain HTTP server as lib/apps.js starts them,
 * whose instrument is disabled and enabled by messages.
 */

const http = require('node:http');
const { createRequire } = require('node:module');
const { join } = require('node:path');
const { performance } = require('node:perf_hooks');
const { inTurn } = require('../lib/in-turn.js');
const { median } = require('../lib/statistics.js');
const { CONTENDERS } = require('../loop-accuracy/contenders.js');

/** Milliseconds of a stretch, of which the end is looked for every so many turns. */
const STRETCH = 40;
const LOOK_EVERY = 500;
/** Pairs of stretches, one with the instrument and one without. */
const WARM_UP_PAIRS = 2;
const PAIRS = 41;

const NO_INSTRUMENT = { enable() {}, disable() {} };

const MODES = {
  async turns(instrument) {
    const measured = await inTurn(WARM_UP_PAIRS + PAIRS, (side) => {
      instrument[side]();
      return nanosecondsOfATurn();
    });
    const differences = measured.slice(WARM_UP_PAIRS).map(({ enable, disable }) => enable - disable);
    process.stdout.write(`${median(differences)}\n`, () => process.exit());
  },
  server(instrument) {
    let requests = 0;
    const server = http
      .createServer((_request, response) => {
        requests++;
        response.end('ok');
      })
      .listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));
    process.on('message', (message) => {
      instrument[message]?.();
      const { user, system } = process.cpuUsage();
      const { loopCount } = performance.nodeTiming.uvMetricsInfo ?? {};
      process.send({ cpuMicros: user + system, turns: loopCount, requests, now: performance.now() });
    });
    process.on('disconnect', () => process.exit());
  },
};

function nanosecondsOfATurn() {
  return new Promise((resolve) => {
    let count = 0;
    const start = performance.now();
    const turn = () => {
      if (++count % LOOK_EVERY === 0) {
        const elapsed = performance.now() - start;
        if (elapsed >= STRETCH) {
          resolve((elapsed * 1e6) / count);
          return;
        }
      }
      setImmediate(turn);
    };
    setImmediate(turn);
  });
}

async function main([mode, name, packages]) {
  const instrument = await CONTENDERS[name]?.(createRequire(join(packages, 'index.js')));
  await MODES[mode](instrument ?? NO_INSTRUMENT);
}

void main(process.argv.slice(2));
