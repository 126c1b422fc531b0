'use strict';

const assert = require('node:assert/strict');
const { EventEmitter, once } = require('node:events');
const http = require('node:http');
const http2 = require('node:http2');
const net = require('node:net');
const { after, describe, it } = require('node:test');
const express = require('express');
const promClient = require('prom-client');
const successor = require('@prometheus-io/client');
const { BufferPool, Cache, ObjectPool, ResourcePool, createMonitor } = require('..');
const { runScript } = require('./run-script.js');

const servers = new Set();
after(() => servers.forEach((server) => server.close()));

/** Serves an app on a free port; `get(path)` asks it. */
async function serve(app) {
  const server = http.createServer(app).listen(0, '127.0.0.1');
  servers.add(server);
  await once(server, 'listening');
  const { port } = server.address();
  const get = async (path, options) => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, options);
    return { status: answer.status, headers: answer.headers, text: await answer.text() };
  };
  return { port, get };
}

/** Waits until the monitor has seen that many responses end; `close` comes a little after the client's end. */
async function finished(monitor, count) {
  for (let i = 0; i < 1000; i++) {
    const { requests, aborted, inFlight } = monitor.report();
    if (requests + aborted >= count && inFlight === 0) {
      return monitor.report();
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return assert.fail(`fewer than ${count} responses: ${JSON.stringify(monitor.report().routes)}`);
}

const labels = (report) =>
  report.routes.map(({ method, route, status }) => `${method} ${route} ${status}`).toSorted();

/** Name, labels and value of each sample of a Prometheus text. */
function samples(text) {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const match = /^([a-z_:][\w:]*)(?:\{(.*)\})? (\S+)$/i.exec(line);
      assert.ok(match, `not a sample: ${line}`);
      return { name: match[1], labels: match[2] ?? '', value: Number(match[3]) };
    });
}

describe('createMonitor refuses', () => {
  const wrong = [
    [null, 'ERR_HEAPWISE_INVALID_ARG_TYPE'],
    [{ cache: {} }, 'ERR_HEAPWISE_UNKNOWN_OPTION'],
    [{ loop: { blockedThreshold: 0 } }, 'ERR_HEAPWISE_INVALID_ARG_VALUE'],
    [{ leak: { windows: 1 } }, 'ERR_HEAPWISE_UNKNOWN_OPTION'],
    [{ caches: 5 }, 'ERR_HEAPWISE_INVALID_ARG_TYPE'],
    [{ caches: { a: {} } }, 'ERR_HEAPWISE_INVALID_ARG_TYPE'],
    [{ pools: { a: null } }, 'ERR_HEAPWISE_INVALID_ARG_TYPE'],
    [{ registry: {} }, 'ERR_HEAPWISE_INVALID_ARG_TYPE'],
    [{ registry: null }, 'ERR_HEAPWISE_INVALID_ARG_TYPE'],
    [{ paths: { metrics: 'metrics' } }, 'ERR_HEAPWISE_INVALID_ARG_VALUE'],
    [{ paths: { health: '/a?b' } }, 'ERR_HEAPWISE_INVALID_ARG_VALUE'],
    [{ paths: { page: 1 } }, 'ERR_HEAPWISE_INVALID_ARG_TYPE'],
    [{ paths: { metric: '/m' } }, 'ERR_HEAPWISE_UNKNOWN_OPTION'],
    [{ maxLabelSets: 0 }, 'ERR_HEAPWISE_INVALID_ARG_VALUE'],
  ];
  for (const [options, code] of wrong) {
    it(`options ${JSON.stringify(options)}`, () => {
      assert.throws(
        () => createMonitor(options),
        (error) => (error instanceof TypeError || error instanceof RangeError) && error.code === code,
      );
    });
  }

  it('what is no cache or pool, and a name that is taken', () => {
    const monitor = createMonitor({ caches: { a: new Cache({ max: 1 }) } });
    assert.throws(() => monitor.addCache('a', new Cache({ max: 1 })), {
      code: 'ERR_HEAPWISE_DUPLICATE_NAME',
    });
    assert.throws(() => monitor.addCache(5, new Cache({ max: 1 })), {
      code: 'ERR_HEAPWISE_INVALID_ARG_TYPE',
    });
    assert.throws(() => monitor.addPool('p', undefined), { code: 'ERR_HEAPWISE_INVALID_ARG_TYPE' });
    assert.equal(monitor.addPool('p', new ObjectPool(() => ({}))), monitor);
    monitor.close();
  });

  it('everything once it is closed', async () => {
    const monitor = createMonitor().start();
    monitor.close();
    monitor.close();
    const closed = { code: 'ERR_HEAPWISE_MONITOR_CLOSED' };
    for (const method of ['start', 'middleware', 'handler', 'report']) {
      assert.throws(() => monitor[method](), closed);
    }
    assert.throws(() => monitor.addCache('c', new Cache({ max: 1 })), closed);
    await assert.rejects(monitor.metrics(), closed);
    assert.equal(monitor.stop(), monitor);
  });
});

describe('route labels', () => {
  it('are templates with the mount path, never the path that was asked for', async () => {
    const monitor = createMonitor();
    const app = express();
    app.use(monitor.middleware());
    app.get('/users/:id', (_req, res) => res.send('user'));
    const admin = express.Router();
    admin.get('/items/:item', (_req, res) => res.send('item'));
    admin.get('/', (_req, res) => res.send('admin'));
    app.use('/admin', admin);
    app.get(/^\/re.*/, (_req, res) => res.send('regexp'));
    app.get(['/one', '/two'], (_req, res) => res.send('either'));
    const { get } = await serve(app);
    for (let i = 0; i < 20; i++) {
      await get(`/users/${i}`);
      await get(`/admin/items/${i}?page=${i}`);
      await get(`/nothing/${i}.php`);
    }
    await get('/admin');
    await get('/regular');
    await get('/two');
    const report = await finished(monitor, 63);
    assert.deepEqual(labels(report), [
      'GET (unmatched) 404',
      'GET /^\\/re.*/ 200',
      'GET /admin/ 200',
      'GET /admin/items/:item 200',
      'GET /one,/two 200',
      'GET /users/:id 200',
    ]);
    assert.equal(report.routes.find(({ route }) => route === '/users/:id').count, 20);
    assert.equal(report.requests, 63);
    monitor.close();
  });

  it('count failures of handlers, synchronous and not, as 500', async () => {
    const monitor = createMonitor();
    const app = express();
    app.use(monitor.middleware());
    app.get('/sync', () => {
      throw new Error('sync');
    });
    app.get('/async', async () => {
      throw new Error('async');
    });
    app.use((_error, _req, res, _next) => res.status(500).end());
    const { get } = await serve(app);
    await get('/sync');
    await get('/async');
    const report = await finished(monitor, 2);
    assert.deepEqual(labels(report), ['GET /async 500', 'GET /sync 500']);
    assert.equal(report.errors, 2);
    monitor.close();
  });

  it('of methods that clients invent are one label', async () => {
    const monitor = createMonitor();
    const measure = monitor.middleware();
    const { get, port } = await serve((req, res) => measure(req, res, () => res.end()));
    await get('/', { method: 'DELETE' });
    for (const method of ['PROPFIND', 'MKCOL', 'PURGE']) {
      const request = http.request({ port, method, host: '127.0.0.1' }).end();
      const [response] = await once(request, 'response');
      response.resume();
      await once(response, 'end');
    }
    const report = await finished(monitor, 4);
    assert.deepEqual(labels(report), ['DELETE (unmatched) 200', '_OTHER (unmatched) 200']);
    monitor.close();
  });

  it('are capped: the rest is counted under one label and the number dropped is told', async () => {
    const monitor = createMonitor({ maxLabelSets: 3 });
    const app = express();
    app.use(monitor.middleware());
    for (let i = 0; i < 10; i++) {
      app.get(`/route-${i}`, (_req, res) => res.send('x'));
    }
    const { get } = await serve(app);
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 10; i++) {
        await get(`/route-${i}`);
      }
    }
    const report = await finished(monitor, 20);
    assert.equal(report.routes.length, 4);
    assert.equal(report.routes.find(({ route }) => route === '(other)').count, 14);
    const { text } = await monitor.metrics();
    assert.match(text, /^heapwise_http_label_sets_dropped_total 14$/m);
    monitor.close();
  });
});

describe('requests', () => {
  it('that the client aborts are counted apart and not as latency', async () => {
    const monitor = createMonitor();
    const app = express();
    app.use(monitor.middleware());
    let arrived;
    const arrival = new Promise((resolve) => (arrived = resolve));
    app.get('/slow', () => arrived());
    const { port } = await serve(app);
    const socket = net.connect(port, '127.0.0.1');
    socket.write('GET /slow HTTP/1.1\r\nHost: x\r\n\r\n');
    await arrival;
    assert.equal(monitor.report().inFlight, 1);
    socket.destroy();
    const report = await finished(monitor, 1);
    assert.equal(report.aborted, 1);
    assert.equal(report.requests, 0);
    assert.equal(report.latency.count, 0);
    assert.equal(report.inFlight, 0);
    monitor.close();
  });

  it('whose client had gone before they came to the middleware do not stay in flight', async () => {
    const monitor = createMonitor();
    const measure = monitor.middleware();
    const client = new net.Socket();
    let pass;
    const passed = new Promise((resolve) => (pass = resolve));
    const { port } = await serve((req, res) => {
      res.once('close', () => measure(req, res, pass));
      client.destroy();
    });
    client.connect(port, '127.0.0.1').write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await passed;
    const { inFlight, aborted, requests } = monitor.report();
    assert.deepEqual({ inFlight, aborted, requests }, { inFlight: 0, aborted: 0, requests: 0 });
    monitor.close();
  });

  it('whose response never closes are not kept from the collector', async () => {
    const { code, stdout, stderr } = await runScript(
      `
      const { EventEmitter } = require('node:events');
      const { createMonitor } = require('heapwise');
      const measure = createMonitor().middleware();
      let collected = 0;
      const registry = new FinalizationRegistry(() => collected++);
      for (let i = 0; i < 100; i++) {
        const res = new EventEmitter();
        registry.register(res);
        measure({}, res, () => {});
      }
      (async () => {
        for (let i = 0; i < 100 && collected < 99; i++) {
          global.gc();
          await new Promise(setImmediate);
        }
        console.log(collected);
      })();`,
      { flags: ['--expose-gc'] },
    );
    assert.equal(code, 0, stderr);
    assert.equal(stdout.trim(), '99', 'all but the latest');
  });

  it('whose client goes during the second one of a connection are one whole and one aborted', async () => {
    const monitor = createMonitor();
    const arrived = new EventEmitter();
    const app = express();
    app.use(monitor.middleware());
    app.get('/fast', (_req, res) => res.send('x'));
    app.get('/slow', () => arrived.emit('slow'));
    const { port } = await serve(app);
    const socket = net.connect(port, '127.0.0.1');
    socket.write('GET /fast HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(socket, 'data');
    socket.write('GET /slow HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(arrived, 'slow');
    assert.equal(monitor.report().inFlight, 1);
    socket.destroy();
    const { requests, aborted } = await finished(monitor, 2);
    assert.deepEqual({ requests, aborted }, { requests: 1, aborted: 1 });
    monitor.close();
  });

  it('that wait behind others on their connection are all counted, once each', async () => {
    const monitor = createMonitor();
    const app = express();
    app.use(monitor.middleware());
    // The later ones come to the second mount when the first one has been answered.
    app.use((_req, _res, next) => setImmediate(next));
    app.use(monitor.middleware());
    const answers = [];
    app.get('/:n', (_req, res) => {
      answers.push(() => res.send('x'));
      if (answers.length === 3) {
        answers.toReversed().forEach((answer) => answer());
      }
    });
    const { port } = await serve(app);
    const socket = net.connect(port, '127.0.0.1');
    socket.write([1, 2, 3].map((n) => `GET /${n} HTTP/1.1\r\nHost: x\r\n\r\n`).join(''));
    const { requests, aborted } = await finished(monitor, 3);
    assert.deepEqual({ requests, aborted }, { requests: 3, aborted: 0 });
    socket.destroy();
    monitor.close();
  });

  it('that wait behind one on their connection do not stay in flight when it is cut', async () => {
    const monitor = createMonitor();
    const measure = monitor.middleware();
    const arrived = new EventEmitter();
    let count = 0;
    const { port } = await serve((req, res) =>
      measure(req, res, () => ++count === 12 && arrived.emit('all')),
    );
    const warnings = [];
    const listen = (warning) => warnings.push(warning.name);
    process.on('warning', listen);
    const socket = net.connect(port, '127.0.0.1');
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(12));
    await once(arrived, 'all');
    socket.destroy();
    const { requests, aborted } = await finished(monitor, 12);
    process.off('warning', listen);
    assert.deepEqual({ requests, aborted, warnings }, { requests: 0, aborted: 12, warnings: [] });
    monitor.close();
  });

  it('that come to a second mount when it is their turn on the connection are not counted again', async () => {
    const monitor = createMonitor();
    const app = express();
    const firstEnded = new EventEmitter();
    app.use(monitor.middleware());
    app.use(({ url }, _res, next) =>
      url === '/1' ? next() : firstEnded.once('finish', () => setImmediate(next)),
    );
    app.use(monitor.middleware());
    app.get('/1', (_req, res) => {
      res.once('finish', () => firstEnded.emit('finish'));
      // When the second one has come, and waits behind it.
      setImmediate(() => res.send('x'));
    });
    app.get('/2', (_req, res) => res.send('x'));
    const { port } = await serve(app);
    const socket = net.connect(port, '127.0.0.1');
    socket.write([1, 2].map((n) => `GET /${n} HTTP/1.1\r\nHost: x\r\n\r\n`).join(''));
    const { requests, aborted } = await finished(monitor, 2);
    assert.deepEqual({ requests, aborted }, { requests: 2, aborted: 0 });
    socket.destroy();
    monitor.close();
  });

  it('are counted by each of two monitors', async () => {
    const monitors = [createMonitor(), createMonitor()];
    const app = express();
    monitors.forEach((monitor) => app.use(monitor.middleware()));
    app.get('/', (_req, res) => res.send('x'));
    const { get } = await serve(app);
    await get('/');
    await get('/');
    for (const monitor of monitors) {
      const { requests, routes } = await finished(monitor, 2);
      assert.equal(requests, 2);
      assert.equal(routes[0].route, '/');
      monitor.close();
    }
  });

  it('over HTTP/2 are counted, whole and aborted ones', async () => {
    const monitor = createMonitor();
    const measure = monitor.middleware();
    const arrived = new EventEmitter();
    const server = http2.createServer((req, res) =>
      measure(req, res, () => (req.url === '/slow' ? arrived.emit('slow') : res.end('x'))),
    );
    servers.add(server.listen(0, '127.0.0.1'));
    await once(server, 'listening');
    const client = http2.connect(`http://127.0.0.1:${server.address().port}`);
    await once(client.request({ ':path': '/fast' }).resume(), 'close');
    const slow = client.request({ ':path': '/slow' });
    slow.on('error', () => {});
    await once(arrived, 'slow');
    slow.close(http2.constants.NGHTTP2_CANCEL);
    const { requests, aborted } = await finished(monitor, 2);
    client.destroy();
    assert.deepEqual({ requests, aborted }, { requests: 1, aborted: 1 });
    monitor.close();
  });

  it('are counted once when the middleware is mounted twice with others in between', async () => {
    const monitor = createMonitor();
    const app = express();
    app.use(monitor.middleware());
    app.use((_req, _res, next) => setTimeout(next, 20));
    app.use(monitor.middleware());
    app.get('/', (_req, res) => res.send('x'));
    const { get } = await serve(app);
    await Promise.all(Array.from({ length: 10 }, () => get('/')));
    const { requests, inFlight } = await finished(monitor, 10);
    assert.deepEqual({ requests, inFlight }, { requests: 10, inFlight: 0 });
    assert.equal(monitor.latency.count, 10);
    monitor.close();
  });

  it('are counted once when the middleware is mounted twice', async () => {
    const monitor = createMonitor();
    const app = express();
    app.use(monitor.middleware());
    app.use(monitor.middleware());
    app.get('/', (_req, res) => res.send('x'));
    const { get } = await serve(app);
    await get('/');
    assert.equal((await finished(monitor, 1)).requests, 1);
    monitor.close();
  });

  it('are timed from the middleware to the end of the response', async () => {
    const monitor = createMonitor();
    const app = express();
    app.use(monitor.middleware());
    app.get('/', (_req, res) => setTimeout(() => res.send('x'), 60));
    const { get } = await serve(app);
    const start = performance.now();
    await get('/');
    const { latency, routes } = await finished(monitor, 1);
    const elapsed = performance.now() - start;
    assert.ok(latency.max >= 59 && latency.max <= elapsed, `${latency.max} ms of ${elapsed}`);
    assert.ok(Math.abs(routes[0].mean - latency.mean) < 0.01);
    monitor.close();
  });

  it('by the thousand all arrive in the histogram, also those not yet handed over', async () => {
    const monitor = createMonitor();
    const measure = monitor.middleware();
    const { get } = await serve((req, res) => measure(req, res, () => res.end()));
    for (let i = 0; i < 30; i++) {
      await Promise.all(Array.from({ length: 50 }, () => get('/')));
    }
    const report = await finished(monitor, 1500);
    assert.equal(report.latency.count, 1500);
    assert.equal(monitor.latency.count, 1500);
    assert.equal(report.routes[0].count, 1500);
    monitor.close();
  });
});

for (const [name, client] of [
  ['prom-client', promClient],
  ['@prometheus-io/client', successor],
]) {
  describe(`metrics in a registry of ${name}`, () => {
    it('have what each kind of pool tells, and nothing of what it does not', async () => {
      const registry = new client.Registry();
      const objects = new ObjectPool(() => ({}));
      const buffers = new BufferPool({ maxBytes: 2 ** 20 });
      const resources = new ResourcePool({ create: () => ({}), max: 1 });
      buffers.acquire(65_536);
      const resource = await resources.acquire();
      const waiting = resources.acquire();
      const monitor = createMonitor({ registry, pools: { objects, buffers, resources } });
      const { text } = await monitor.metrics();
      const found = samples(text).filter(({ name: metric }) => metric.startsWith('heapwise_pool_'));
      const of = (metric) =>
        Object.fromEntries(
          found
            .filter((sample) => sample.name === `heapwise_pool_${metric}`)
            .map((sample) => [/pool="(\w+)"/.exec(sample.labels)[1], sample.value]),
        );
      assert.deepEqual(of('borrowed'), { objects: 0, buffers: 1, resources: 1 });
      assert.deepEqual(of('waiting'), { resources: 1 });
      assert.deepEqual(of('create_failures_total'), { resources: 0 });
      assert.deepEqual(of('leaked_total'), { objects: 0, resources: 0 });
      assert.deepEqual(of('memory_bytes'), { buffers: 65_536 });
      assert.deepEqual(of('memory_limit_bytes'), { buffers: 2 ** 20 });
      monitor.close();
      resources.release(resource);
      resources.release(await waiting);
      buffers.close();
    });

    it('are whole: histograms cumulative, counts equal, a help and a type for each', async () => {
      const registry = new client.Registry();
      const cache = new Cache({ max: 5 });
      const pool = new ObjectPool(() => ({}));
      pool.acquire();
      cache.set('a', 1);
      cache.get('a');
      cache.get('b');
      const monitor = createMonitor({
        registry,
        caches: { 'with "quotes"': cache },
        pools: { pool },
      }).start();
      const app = express();
      app.use(monitor.middleware());
      app.use(monitor.handler());
      app.get('/a/:b', (_req, res) => res.send('x'));
      const { get } = await serve(app);
      await get('/a/1');
      await get('/a/2');
      await finished(monitor, 2);
      const { status, headers, text } = await get('/metrics');
      assert.equal(status, 200);
      assert.match(headers.get('content-type'), /^text\/plain; version=0\.0\.4/);

      const found = samples(text);
      const value = (wanted, label = '') =>
        found.find((sample) => sample.name === wanted && sample.labels.includes(label))?.value;
      const count = value('http_request_duration_seconds_count', 'route="/a/:b"');
      assert.equal(count, 2);
      const buckets = found.filter(
        (sample) => sample.name === 'http_request_duration_seconds_bucket' && sample.labels.includes('/a/:b'),
      );
      assert.equal(buckets.length, 15);
      buckets.reduce((below, bucket) => {
        assert.ok(bucket.value >= below, 'cumulative');
        return bucket.value;
      }, 0);
      assert.equal(buckets.at(-1).value, count);
      assert.match(buckets.at(-1).labels, /le="\+Inf"/);
      assert.equal(value('heapwise_cache_hits_total', String.raw`cache="with \"quotes\""`), 1);
      assert.equal(value('heapwise_cache_misses_total'), 1);
      assert.equal(value('heapwise_pool_borrowed', 'pool="pool"'), 1);
      assert.ok(value('process_resident_memory_bytes') > 1e7);
      assert.ok(value('nodejs_heap_size_limit_bytes') > value('nodejs_heap_size_used_bytes'));
      assert.ok(value('nodejs_eventloop_iteration_seconds_count') > 0);
      assert.equal(value('nodejs_eventloop_blocked_total'), 0);
      assert.equal(value('nodejs_eventloop_blocked_seconds_total'), 0);
      const [active, idle] = ['active', 'idle'].map((state) =>
        value('nodejs_eventloop_time_seconds_total', `state="${state}"`),
      );
      assert.ok(active > 0 && idle >= 0, `${active} and ${idle}`);
      // A value for each microsecond of the turns that have ended, and of the time between them.
      const arrivals = value('nodejs_eventloop_delay_seconds_count');
      assert.ok(arrivals > 0 && arrivals <= (active + idle) * 1e6 + 1, `${arrivals} in ${active + idle} s`);
      assert.equal(
        found.filter((sample) => sample.name === 'heapwise_leak_state').reduce((sum, s) => sum + s.value, 0),
        1,
      );

      const families = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)];
      const helps = [...text.matchAll(/^# HELP (\S+) \S+/gm)].map(([, family]) => family);
      assert.deepEqual(
        helps,
        families.map(([, family]) => family),
      );
      for (const [, family, type] of families) {
        assert.equal(family.endsWith('_total'), type === 'counter', `${family} is a ${type}`);
      }
      monitor.close();
    });

    it('are left to their owner where a name is taken, and leave with the monitor', async () => {
      const registry = new client.Registry();
      client.collectDefaultMetrics({ register: registry });
      const before = (await registry.getMetricsAsJSON()).map((metric) => metric.name);
      const monitor = createMonitor({ registry });
      assert.ok(registry.getSingleMetric('http_request_duration_seconds'));
      const { text } = await monitor.metrics();
      assert.equal([...text.matchAll(/^# TYPE process_resident_memory_bytes /gm)].length, 1);
      monitor.close();
      const names = (await registry.getMetricsAsJSON()).map((metric) => metric.name);
      assert.deepEqual(names.toSorted(), before.toSorted());
      registry.clear();
    });

    it('are the same for two scrapers', async () => {
      const monitor = createMonitor({ registry: new client.Registry() });
      const measure = monitor.middleware();
      const { get } = await serve((req, res) => measure(req, res, () => res.end()));
      await get('/');
      await finished(monitor, 1);
      const latencies = ({ text }) =>
        samples(text).filter((sample) => sample.name.startsWith('http_request_duration'));
      const first = latencies(await monitor.metrics());
      assert.ok(first.length > 0);
      assert.deepEqual(latencies(await monitor.metrics()), first);
      monitor.close();
    });
  });
}

describe('without a Prometheus client', () => {
  it('everything but /metrics works, and that says what to install', async () => {
    const { code, stdout, stderr } = await runScript(`
      const Module = require('node:module');
      const resolve = Module._resolveFilename;
      Module._resolveFilename = function (name, ...rest) {
        if (name === 'prom-client' || name === '@prometheus-io/client') {
          throw Object.assign(new Error('Cannot find module ' + name), { code: 'MODULE_NOT_FOUND' });
        }
        return resolve.call(this, name, ...rest);
      };
      const http = require('node:http');
      const monitor = require('heapwise').createMonitor().start();
      const handler = monitor.handler();
      const server = http.createServer((req, res) => handler(req, res)).listen(0, '127.0.0.1', async () => {
        const url = 'http://127.0.0.1:' + server.address().port;
        const out = [];
        for (const path of ['/metrics', '/healthz', '/heapwise', '/other']) {
          const answer = await fetch(url + path);
          out.push([answer.status, await answer.text()]);
        }
        server.close();
        server.closeAllConnections();
        console.log(JSON.stringify(out));
      });`);
    assert.equal(code, 0, stderr);
    const [metrics, health, page, other] = JSON.parse(stdout);
    assert.equal(metrics[0], 500);
    assert.match(metrics[1], /@prometheus-io\/client.*prom-client.*ERR_HEAPWISE_PROMETHEUS_MISSING/);
    assert.equal(health[0], 200);
    assert.equal(page[0], 200);
    assert.equal(other[0], 404);
  });
});

describe('the handler', () => {
  it('answers health as JSON, the page as HTML and its figures as JSON', async () => {
    const cache = new Cache({ max: 5 });
    const monitor = createMonitor({ caches: { '<b>': cache } }).start();
    const app = express();
    app.use(monitor.handler());
    const { get } = await serve(app);
    const health = await get('/healthz');
    assert.match(health.headers.get('content-type'), /^application\/json/);
    const { status, leak, utilization, memory } = JSON.parse(health.text);
    assert.deepEqual([status, leak], ['ok', 'warming']);
    assert.ok(utilization >= 0 && utilization <= 1);
    assert.ok(memory.heapUsed > 0 && memory.heapUsed < memory.heapLimit);

    const page = await get('/heapwise');
    assert.match(page.headers.get('content-type'), /^text\/html/);
    assert.match(page.text, /<title>heapwise<\/title>/);
    assert.doesNotMatch(page.text, /https?:\/\//, 'no outside resource');
    const report = JSON.parse((await get('/heapwise?json')).text);
    assert.deepEqual(Object.keys(report.caches), ['<b>']);
    monitor.close();
  });

  it('takes other paths, works below a mount point, and passes on what is not its own', async () => {
    const monitor = createMonitor({ paths: { metrics: '/m', health: '/h', page: '/p' } });
    const app = express();
    app.use('/internal', monitor.handler());
    app.get('/internal/own', (_req, res) => res.send('own'));
    const { get } = await serve(app);
    assert.equal((await get('/internal/h')).status, 200);
    assert.equal((await get('/internal/p?x')).status, 200);
    assert.equal((await get('/internal/m')).status, 200);
    assert.equal((await get('/internal/own')).text, 'own');
    assert.equal((await get('/h')).status, 404);
    assert.equal((await get('/internal/metrics')).status, 404);
    monitor.close();
  });

  it('answers HEAD without a body and refuses to be posted to', async () => {
    const monitor = createMonitor();
    const handler = monitor.handler();
    const { get } = await serve((req, res) => handler(req, res));
    const head = await get('/healthz', { method: 'HEAD' });
    assert.equal(head.status, 200);
    assert.equal(head.text, '');
    assert.ok(Number(head.headers.get('content-length')) > 10);
    const post = await get('/healthz', { method: 'POST' });
    assert.equal(post.status, 405);
    assert.equal(post.headers.get('allow'), 'GET, HEAD');
    monitor.close();
  });

  it('does not tell a stranger what went wrong inside', async () => {
    const registry = new promClient.Registry();
    const monitor = createMonitor({ registry });
    const { get } = await serve((req, res) => monitor.handler()(req, res));
    registry.registerMetric({ name: 'broken', get: () => Promise.reject(new Error('secret')) });
    const { status, text } = await get('/metrics');
    assert.equal(status, 500);
    assert.doesNotMatch(text, /secret/);
    monitor.close();
  });
});

describe('a start that fails', () => {
  it('leaves nothing half started and takes nothing from other monitors', () => {
    const healthy = createMonitor().start();
    const { gc } = healthy.report().source;
    const broken = createMonitor();
    broken.leak.close();
    for (let i = 0; i < 3; i++) {
      assert.throws(() => broken.start(), { code: 'ERR_HEAPWISE_DETECTOR_CLOSED' });
      broken.stop();
    }
    assert.equal(healthy.report().source.gc, gc);
    assert.equal(broken.loop.stats().running, false);
    healthy.close();
    broken.close();
  });
});

describe('the report', () => {
  it('lists blocked turns, newest last, and passes the event on', async () => {
    const monitor = createMonitor({ loop: { blockedThreshold: 30 } }).start();
    await new Promise((resolve) => setTimeout(resolve, 5));
    const alive = setInterval(() => {}, 1000);
    for (const length of [40, 60]) {
      const seen = once(monitor, 'blocked');
      setImmediate(() => {
        const end = performance.now() + length;
        while (performance.now() < end) {
          // Holds the thread.
        }
      });
      await seen;
    }
    clearInterval(alive);
    const { blocked, blockedCount } = monitor.report();
    assert.equal(blockedCount, 2);
    assert.ok(blocked[0].duration >= 39.9 && blocked[1].duration >= 59.9);
    blocked.length = 0;
    assert.equal(monitor.report().blocked.length, 2, 'a copy');
    monitor.close();
  });

  it('keeps uptime and figures when the monitor stops, and goes on when it starts again', async () => {
    const monitor = createMonitor().start();
    await new Promise((resolve) => setTimeout(resolve, 10));
    monitor.stop();
    const { uptime } = monitor.report();
    assert.ok(uptime >= 9);
    assert.equal(monitor.report().uptime, uptime);
    monitor.start();
    assert.ok(monitor.report().uptime < uptime + 1000);
    monitor.close();
  });

  it('is plain data: it survives JSON without loss of a key', () => {
    const monitor = createMonitor().start();
    const report = monitor.report();
    assert.deepEqual(Object.keys(JSON.parse(JSON.stringify(report))), Object.keys(report));
    monitor.close();
  });
});
