'use strict';

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const net = require('node:net');
const { describe, it } = require('node:test');
const { ROOT } = require('./run-script.js');

/** Runs the demonstration; `during(child, firstLine)` may act while it runs. */
async function shop(args, during) {
  const child = spawn(process.execPath, ['examples/shop', ...args], { cwd: ROOT });
  let stdout = '';
  let stderr = '';
  child.stderr.on('data', (chunk) => (stderr += chunk));
  const acted = new Promise((resolve, reject) => {
    child.stdout.on('data', (chunk) => {
      const first = stdout === '';
      stdout += chunk;
      if (first && during) {
        during(child, stdout).then(resolve, (error) => {
          // Or a failed assertion would leave the shop open for ever.
          child.kill('SIGKILL');
          reject(error);
        });
      }
    });
    child.once('close', resolve);
  });
  const [code, signal] = await once(child, 'close');
  await acted;
  return { code, signal, stdout, stderr };
}

describe('the shop, used wrongly', () => {
  const wrong = [
    ['--nonsense'],
    ['--seconds'],
    ['--seconds', '0'],
    ['--seconds', 'ten'],
    ['--port', '70000'],
    ['--rate', '-1'],
    ['--rate', ''],
    ['positional'],
    ['--json=yes'],
  ];
  for (const args of wrong) {
    it(`says so in one line and exits with 2: ${args.join(' ')}`, async () => {
      const { code, stdout, stderr } = await shop(args);
      assert.equal(code, 2);
      assert.equal(stdout, '');
      assert.match(stderr, /^[^\n]+\n$/);
    });
  }

  it('says that a port is taken in one line and exits with 2', async () => {
    const server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address();
    const { code, stderr } = await shop(['--port', String(port), '--seconds', '5']);
    server.close();
    assert.equal(code, 2);
    assert.equal(stderr, `port ${port} is taken; pass --port\n`);
  });
});

describe('the shop', { timeout: 60_000 }, () => {
  it('runs for the given time, ends by itself and closes with a report in JSON', async () => {
    const { code, stdout, stderr } = await shop(['--seconds', '8', '--port', '0', '--json']);
    assert.equal(code, 0, stderr);
    assert.equal(stderr, '');
    const report = JSON.parse(stdout.trimEnd().split('\n').at(-1));
    assert.ok(report.requests > 1000, `${report.requests} requests`);
    assert.equal(report.errors, 0);
    assert.ok(report.latency.p50 > 0 && report.latency.p99 >= report.latency.p50);
    assert.ok(report.lag.max >= 150 && report.lag.p99 >= report.lag.p50);
    assert.ok(report.blocked.length >= 1);
    assert.ok(report.blocked.every(({ duration }) => duration >= 100));
    assert.ok(['warming', 'steady', 'suspect', 'leak'].includes(report.leak.state));
    assert.ok(report.cache.hitRate > 0.2 && report.cache.hitRate < 1);
    assert.equal(report.pool.borrowed, 0);
    assert.ok(report.pool.acquired > 100);
  });

  it('serves its pages, prints its table, and ends on Ctrl-C with nothing left running', async () => {
    let url;
    const { code, stdout, stderr } = await shop(['--port', '0', '--no-leak'], async (child, first) => {
      url = /http:\/\/127\.0\.0\.1:\d+/.exec(first)[0];
      const metrics = await fetch(`${url}/metrics`);
      assert.match(await metrics.text(), /^# TYPE http_request_duration_seconds histogram$/m);
      assert.equal((await (await fetch(`${url}/healthz`)).json()).status, 'ok');
      assert.match(await (await fetch(`${url}/heapwise`)).text(), /<title>heapwise/);
      while (!/^ +\d+s /m.test(first)) {
        const [chunk] = await once(child.stdout, 'data');
        first += chunk;
      }
      child.kill('SIGINT');
    });
    assert.equal(code, 0, stderr);
    assert.match(stdout, /req\/s.*latency.*loop.*heap\/limit.*rss\/limit.*gc.*hits.*pool/);
    assert.match(stdout, /After \d+ s: \d+ requests, 0 errors/);
    await assert.rejects(fetch(url), 'the server is gone');
  });
});
