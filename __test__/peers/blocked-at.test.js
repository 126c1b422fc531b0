'use strict';

/**
 * What the tests of blocked-at (github.com/naugtur/blocked-at: test/index.js, test/runtime.js, test/cases; commit 477f05b)
 * ask of the stacks of blocked turns, asked of ours. docs/loop-lag.md says what was left out.
 */

const assert = require('node:assert/strict');
const { once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const { after, describe, it } = require('node:test');
const { setTimeout: rest } = require('node:timers/promises');
const { EventLoopMonitor } = require('../..');

const alive = setInterval(() => {}, 60_000);
after(() => clearInterval(alive));
const skip = process.platform === 'win32' && "V8's names are not known on Windows";

function slow() {
  const end = performance.now() + 100;
  while (performance.now() < end) {
    // Holds the thread.
  }
}

/** Who is at fault in each case is the function named `culprit`. */
const CASES = {
  'a function that an immediate calls'() {
    setImmediate(function culprit() {
      slow();
    });
  },
  'the listener of an HTTP server'() {
    const server = http.createServer(function culprit(_request, response) {
      slow();
      response.end('hello');
    });
    server.listen(0, '127.0.0.1', () =>
      http.get({ host: '127.0.0.1', port: server.address().port, agent: false }, (response) =>
        response.resume().once('end', () => server.close()),
      ),
    );
  },
  'the last of 2500 immediates, each made by the one before'() {
    let remaining = 2500;
    function step() {
      if (--remaining > 0) {
        setImmediate(step);
      } else {
        setImmediate(function culprit() {
          slow();
        });
      }
    }
    step();
  },
  'one of several reads of a file that are under way'() {
    setTimeout(() => {
      fs.open(__filename, 'r', (failed, file) => {
        assert.ifError(failed);
        let left = 2;
        const done = () => --left === 0 && fs.close(file, assert.ifError);
        fs.read(file, Buffer.alloc(10), 0, 10, 0, done);
        fs.read(file, Buffer.alloc(10), 0, 10, 10, function culprit() {
          slow();
          done();
        });
      });
      fs.readdir(__dirname, assert.ifError);
    }, 1);
  },
  'one link of a chain of promises'() {
    setImmediate(() =>
      Promise.resolve('1')
        .then((text) => [text])
        .then((list) => list.join(',').repeat(50))
        .then(function culprit(text) {
          slow();
          return text;
        }),
    );
  },
  'what was planned before the monitor was started'() {},
};

describe('the stacks of blocked-at', { skip }, () => {
  for (const [name, begin] of Object.entries(CASES)) {
    it(`name ${name}`, async () => {
      if (name.startsWith('what was planned')) {
        setTimeout(function culprit() {
          slow();
        }, 10);
      }
      const monitor = new EventLoopMonitor({ blockedThreshold: 50, stackInterval: 0 }).start();
      const seen = once(monitor, 'blocked');
      begin();
      const [{ duration, stack, frames }] = await seen;
      monitor.close();
      assert.ok(duration >= 99.9, `${duration} ms`);
      const culprit = frames.find(({ functionName }) => functionName === 'culprit');
      assert.equal(culprit?.fileName, __filename, stack);
      assert.match(fs.readFileSync(__filename, 'utf8').split('\n')[culprit.line - 1], /slow\(\)/);
      assert.doesNotMatch(stack, /async_hooks|^Error|lib.event-loop/m, 'nothing of the instrument');
    });
  }

  it('do not come for turns below the threshold', async () => {
    const monitor = new EventLoopMonitor({ blockedThreshold: 200 }).start();
    monitor.on('blocked', ({ duration, stack }) => assert.fail(`${duration} ms\n${stack}`));
    const someWork = () => 'takes some time, though not much'.repeat(100).split('').join(':');
    for (let i = 0; i < 20; i++) {
      setTimeout(someWork, 3);
      someWork();
      await rest(5);
    }
    monitor.close();
  });
});
