'use strict';

/**
 * A program with one instrument of the loop, or none: `node program.js MODE INSTRUMENT PACKAGES`. `turns` prints the
 * nanoseconds of a turn in a loop of immediates. `server` is a plain HTTP server as lib/apps.js starts them, which also
 * tells how often its loop has turned.
 */

const http = require('node:http');
const { createRequire } = require('node:module');
const { join } = require('node:path');
const { performance } = require('node:perf_hooks');
const { CONTENDERS } = require('../loop-accuracy/contenders.js');

/** Turns before, and in, the measured stretch. */
const WARM_UP = 200_000;
const TURNS = 1_000_000;

const MODES = {
  turns() {
    let count = 0;
    let start = 0n;
    const turn = () => {
      if (++count === WARM_UP) {
        start = process.hrtime.bigint();
      }
      if (count < WARM_UP + TURNS) {
        setImmediate(turn);
      } else {
        const elapsed = Number(process.hrtime.bigint() - start);
        process.stdout.write(`${elapsed / TURNS}\n`, () => process.exit());
      }
    };
    setImmediate(turn);
  },
  server() {
    const server = http
      .createServer((_request, response) => response.end('ok'))
      .listen(0, '127.0.0.1', () => {
        process.send({ port: server.address().port });
      });
    process.on('message', () => {
      const { user, system } = process.cpuUsage();
      const { loopCount } = performance.nodeTiming.uvMetricsInfo ?? {};
      process.send({ cpuMicros: user + system, turns: loopCount });
    });
    process.on('disconnect', () => process.exit());
  },
};

async function main([mode, name, packages]) {
  await CONTENDERS[name]?.(createRequire(join(packages, 'index.js')));
  MODES[mode]();
}

void main(process.argv.slice(2));
