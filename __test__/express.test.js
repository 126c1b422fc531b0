'use strict';

const assert = require('node:assert/strict');
const { AsyncLocalStorage } = require('node:async_hooks');
const { EventEmitter, once } = require('node:events');
const http = require('node:http');
const http2 = require('node:http2');
const net = require('node:net');
const { after, describe, it } = require('node:test');
const express = require('express');
const { ObjectPool, ResourcePool } = require('..');
const { pooled } = require('../lib/express.js');
const { NOT_BOOLEANS, NOT_NUMBERS, NOT_OBJECTS, assertCode, deferred, nextTurn } = require('./helper.js');

const TYPE = 'ERR_HEAPWISE_INVALID_ARG_TYPE';
const RAW = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';

const servers = new Set();
after(() => servers.forEach((server) => server.close()));

async function listen(server) {
  servers.add(server.listen(0, '127.0.0.1'));
  await once(server, 'listening');
  return server.address().port;
}

/** Serves an app on a free port. */
async function serve(app) {
  const port = await listen(http.createServer(app));
  return {
    port,
    get: async (path = '/') => {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`);
      return { status: answer.status, text: await answer.text() };
    },
    /** A connection that sends what it is given. */
    send: (text = RAW) =>
      net
        .connect(port, '127.0.0.1')
        .on('error', () => {})
        .end(text)
        .unref(),
    open(text = RAW) {
      const socket = net.connect(port, '127.0.0.1').on('error', () => {});
      socket.write(text);
      return socket;
    },
  };
}

/** Resources that count from 1. */
function numbered(options) {
  let number = 0;
  return new ResourcePool({ create: () => ({ number: ++number }), ...options });
}

/** Waits until a condition holds that the event loop brings about. */
async function until(condition) {
  for (let turn = 0; turn < 10_000 && !condition(); turn++) {
    await nextTurn();
  }
  assert.ok(condition(), String(condition));
}

const isBack = (pool) => () => pool.stats().borrowed === 0;

describe('pooled refuses', () => {
  const db = numbered();

  it('pools that are none', () => {
    for (const pools of [undefined, ...NOT_OBJECTS]) {
      assertCode(() => pooled(pools), TYPE, TypeError, pools);
    }
    for (const pool of [undefined, ...NOT_OBJECTS, {}, { acquire() {} }]) {
      const { message } = assertCode(() => pooled({ db: pool }), TYPE, TypeError, pool);
      assert.match(message, /pools\.db/);
    }
  });

  it('options that are none, or not known', () => {
    for (const options of NOT_OBJECTS) {
      assertCode(() => pooled({ db }, options), TYPE, TypeError, options);
    }
    for (const timeout of NOT_NUMBERS) {
      assertCode(() => pooled({ db }, { timeout }), TYPE, TypeError, timeout);
    }
    for (const timeout of [0, -1, NaN, 2 ** 31]) {
      assertCode(() => pooled({ db }, { timeout }), 'ERR_HEAPWISE_INVALID_ARG_VALUE', RangeError, timeout);
    }
    for (const destroyOnAbort of NOT_BOOLEANS) {
      assertCode(() => pooled({ db }, { destroyOnAbort }), TYPE, TypeError, destroyOnAbort);
    }
    assertCode(() => pooled({ db }, { timeOut: 5 }), 'ERR_HEAPWISE_UNKNOWN_OPTION', TypeError);
  });
});

describe('what a request has on loan', () => {
  it('is of each pool, for as long as the response takes', async () => {
    const db = numbered();
    const parsers = new ObjectPool(() => ({ parse: JSON.parse }));
    const app = express();
    app.use(pooled({ db, parser: parsers }, { timeout: 1000 }));
    app.get('/', (req, res) => {
      const lent = [db.stats().borrowed, parsers.stats().borrowed];
      res.json({ number: req.pooled.db.number, parsed: req.pooled.parser.parse('5'), lent });
    });
    const { get } = await serve(app);
    for (let i = 0; i < 3; i++) {
      assert.deepEqual(await get(), { status: 200, text: '{"number":1,"parsed":5,"lent":[1,1]}' });
      await until(isBack(db));
      assert.equal(parsers.stats().borrowed, 0);
    }
    assert.equal(db.stats().released, 3);
  });

  it('can be had without Express', async () => {
    const db = numbered();
    const lend = pooled({ db });
    const { get } = await serve((req, res) => lend(req, res, () => res.end(String(req.pooled.db.number))));
    assert.equal((await get()).text, '1');
    await until(isBack(db));
  });

  it('is told to belong to its route, or to the path without its query', async () => {
    const db = numbered();
    const app = express();
    const router = express.Router();
    const tell = (_req, res) => res.json(db.holders().map(({ owner }) => owner));
    router.get('/users/:id', pooled({ db }), tell);
    router.use('/files', pooled({ db }), tell);
    app.use('/api', router);
    const { get } = await serve(app);
    assert.equal((await get('/api/users/5?key=secret')).text, '["GET /api/users/:id"]');
    await until(isBack(db));
    assert.equal(
      (await get(`/api/files/${'x'.repeat(200)}?key=secret`)).text.length,
      100 + '["GET "]'.length,
    );
    await until(isBack(db));
  });

  it('keeps the async context of the request, also when it had to wait', async () => {
    const db = numbered({ max: 1 });
    const context = new AsyncLocalStorage();
    const app = express();
    app.use((req, _res, next) => context.run(req.url, next));
    app.use(pooled({ db }));
    app.use((_req, res) => res.end(context.getStore()));
    const { get } = await serve(app);
    const answers = await Promise.all(['/a', '/b', '/c'].map(get));
    assert.deepEqual(
      answers.map(({ text }) => text),
      ['/a', '/b', '/c'],
    );
  });

  it('is lent once when the middleware is mounted twice, and adds up when the pools are others', async () => {
    const db = numbered({ max: 1 });
    const parsers = new ObjectPool(() => ({}));
    const app = express();
    app.use(pooled({ db }), pooled({ db }), pooled({ parser: parsers }));
    app.use((req, res) => res.json([Object.keys(req.pooled), db.stats().borrowed]));
    const { get } = await serve(app);
    assert.equal((await get()).text, '[["db","parser"],1]');
    await until(isBack(db));
    assert.equal(parsers.stats().borrowed, 0);
  });

  it('is refused under a name that another pool has', async () => {
    const [first, second] = [numbered(), numbered()];
    const errors = [];
    const app = express();
    app.use(pooled({ db: first }), pooled({ db: second }));
    app.use((error, _req, res, _next) => res.end(String(errors.push(error))));
    const { get } = await serve(app);
    await get();
    assert.equal(errors[0].code, 'ERR_HEAPWISE_DUPLICATE_NAME');
    await until(isBack(first));
    assert.equal(second.stats().acquired, 0);
  });

  it('cannot be read when the response is over', async () => {
    const db = numbered();
    const app = express();
    const seen = deferred();
    app.use(pooled({ db }), (req, res) => {
      const { pooled: kept } = req;
      res.once('close', () => seen.resolve([req, kept]));
      res.end('x');
    });
    const { get } = await serve(app);
    await get();
    const [req, kept] = await seen.promise;
    assertCode(() => req.pooled.db, 'ERR_HEAPWISE_POOL_RESPONSE_OVER', Error);
    assertCode(() => kept.db, 'ERR_HEAPWISE_POOL_RESPONSE_OVER', Error);
    assert.equal(JSON.stringify(req.pooled), '{}', 'a logger does not stumble over it');
  });

  it('may be given back or destroyed by the handler, though another request has it by then', async () => {
    const db = numbered({ max: 1 });
    const parsers = new ObjectPool(() => ({}));
    const app = express();
    const held = deferred();
    app.use(pooled({ db, parser: parsers }));
    app.get('/release', (req, res) => {
      db.release(req.pooled.db);
      void held.promise.then(() => res.end('x'));
    });
    app.get('/destroy', async (req, res) => {
      parsers.release(req.pooled.parser);
      await db.destroy(req.pooled.db);
      res.end('x');
    });
    app.get('/hold', (_req, res) => {
      held.resolve();
      setImmediate(() => res.end(String(db.stats().borrowed)));
    });
    const { get } = await serve(app);
    const warnings = [];
    const hear = (warning) => warnings.push(warning);
    process.on('warning', hear);
    const [released, holder] = await Promise.all([get('/release'), get('/hold')]);
    assert.deepEqual([released.text, holder.text], ['x', '1']);
    await get('/destroy');
    await until(isBack(db));
    process.off('warning', hear);
    assert.deepEqual([db.stats().size, parsers.stats().borrowed, warnings], [0, 0, []]);
  });

  it('goes back though a release fails, which is told once', async () => {
    const db = numbered();
    const parsers = new ObjectPool(() => ({}), {
      reset() {
        throw new Error('cannot be reset');
      },
    });
    const app = express();
    app.use(pooled({ db, parser: parsers }), (_req, res) => res.end('x'));
    const { get } = await serve(app);
    const warnings = [];
    const hear = (warning) => warnings.push(warning);
    process.on('warning', hear);
    await get();
    await get();
    await until(() => isBack(db)() && parsers.stats().released === 2);
    await nextTurn();
    process.off('warning', hear);
    assert.deepEqual(
      warnings.map(({ code }) => code),
      ['HEAPWISE_POOLED_RELEASE'],
    );
    assert.match(warnings[0].message, /"parser".*cannot be reset/s);
  });
});

describe('a request for which there is nothing', () => {
  it('is answered with 503, and has nothing of the other pools', async () => {
    const db = numbered();
    const closed = numbered();
    await closed.close();
    const broken = numbered({ create: () => Promise.reject(new Error('no database')) });
    const full = numbered({ max: 1, maxWaiting: 0 });
    const slow = numbered({ max: 1 });
    const one = new ObjectPool(() => ({}), { max: 1 });
    const kept = [await full.acquire(), await slow.acquire(), one.acquire()];
    const app = express();
    const errors = {};
    for (const [name, pool] of Object.entries({ closed, broken, full, slow, one })) {
      app.get(`/${name}`, pooled({ db, pool }, { timeout: 20 }));
    }
    app.use((error, req, _res, next) => {
      errors[req.path] = error.code;
      next(error);
    });
    const { get } = await serve(app.set('env', 'test'));
    for (const path of ['/closed', '/broken', '/full', '/slow', '/one']) {
      assert.equal((await get(path)).status, 503, path);
      await until(isBack(db));
    }
    assert.deepEqual(errors, {
      '/closed': 'ERR_HEAPWISE_POOL_CLOSED',
      '/broken': 'ERR_HEAPWISE_RESOURCE_CREATE',
      '/full': 'ERR_HEAPWISE_RESOURCE_QUEUE_FULL',
      '/slow': 'ERR_HEAPWISE_RESOURCE_TIMEOUT',
      '/one': 'ERR_HEAPWISE_POOL_EXHAUSTED',
    });
    full.release(kept[0]);
    slow.release(kept[1]);
    one.release(kept[2]);
    assert.equal((await get('/one')).status, 404, 'nothing was lost');
  });

  it('because create of an ObjectPool has a fault gets that fault', async () => {
    const fault = new RangeError('no such size');
    const parsers = new ObjectPool(() => {
      throw fault;
    });
    const app = express();
    app.use(pooled({ parser: parsers }));
    app.use((error, _req, res, _next) =>
      res.status(500).end(String(error === fault && !('status' in error))),
    );
    const { get } = await serve(app);
    assert.deepEqual(await get(), { status: 500, text: 'true' });
  });

  it('does not wait for one that waits for it', async () => {
    // So that each could have one of the two before it comes to the other one.
    const create = () => nextTurn().then(() => ({}));
    const [a, b] = [numbered({ max: 1, create }), numbered({ max: 1, create })];
    const served = [pooled({ a, b }, { timeout: 500 }), pooled({ b, a }, { timeout: 500 })].map((lend) => {
      const res = new EventEmitter();
      const answer = deferred();
      lend({}, res, (error) => {
        answer.resolve(error?.code);
        res.emit('close');
      });
      return answer.promise;
    });
    assert.deepEqual(await Promise.all(served), [undefined, undefined]);
  });
});

describe('a request whose client goes away', () => {
  it('before the middleware, gets nothing, and no handler runs', async () => {
    const db = numbered();
    const lend = pooled({ db });
    const called = [];
    const gone = deferred();
    const { open } = await serve((req, res) => {
      res.once('close', () => {
        lend(req, res, () => called.push('next'));
        gone.resolve();
      });
      socket.destroy();
    });
    const socket = open();
    await gone.promise;
    await nextTurn();
    assert.deepEqual([called, db.stats().acquired, db.stats().waiting], [[], 0, 0]);
  });

  it('in the line, leaves it, and gives back what it had already', async () => {
    const free = numbered();
    const busy = numbered({ max: 1 });
    const kept = await busy.acquire();
    const called = [];
    const lend = pooled({ free, busy });
    const { open } = await serve((req, res) => lend(req, res, () => called.push('next')));
    const socket = open();
    await until(() => busy.stats().waiting === 1 && free.stats().borrowed === 1);
    socket.destroy();
    await until(() => busy.stats().waiting === 0 && free.stats().borrowed === 0);
    busy.release(kept);
    await nextTurn();
    assert.deepEqual([called, busy.stats().borrowed, busy.stats().aborted], [[], 0, 1]);
  });

  it('when a resource has just become its own, gives it back', async () => {
    const db = numbered({ max: 1 });
    const kept = await db.acquire();
    const called = [];
    const lend = pooled({ db });
    const { open } = await serve((req, res) => {
      // Lent before the middleware hears of the end, received after that.
      res.once('close', () => db.release(kept));
      lend(req, res, () => called.push('next'));
    });
    const socket = open();
    await until(() => db.stats().waiting === 1);
    socket.destroy();
    await until(() => db.stats().acquired === 2 && isBack(db)());
    assert.deepEqual([called, db.stats().idle, db.stats().aborted], [[], 1, 0]);
  });

  it('in the handler, gives it back once, or has it destroyed where that is wanted', async () => {
    for (const [destroyOnAbort, size] of [
      [false, 1],
      [true, 0],
    ]) {
      const db = numbered();
      const parsers = new ObjectPool(() => ({}));
      const arrived = new EventEmitter();
      const lend = pooled({ db, parser: parsers }, { destroyOnAbort });
      const { open, get } = await serve((req, res) =>
        lend(req, res, () => (req.url === '/whole' ? res.end('x') : arrived.emit('request'))),
      );
      await get('/whole');
      await until(isBack(db));
      assert.equal(db.stats().size, 1, 'a whole response destroys nothing');
      const socket = open();
      await once(arrived, 'request');
      socket.destroy();
      await until(isBack(db));
      assert.deepEqual([db.stats().released, db.stats().size], [2, size]);
      assert.deepEqual([parsers.stats().borrowed, parsers.stats().idle], [0, 1]);
    }
  });

  it('while it waits behind another one on its connection, gives it back', async () => {
    const db = numbered({ max: 20 });
    const lend = pooled({ db });
    const arrived = new EventEmitter();
    let count = 0;
    const { open } = await serve((req, res) => lend(req, res, () => ++count === 15 && arrived.emit('all')));
    const warnings = [];
    const hear = (warning) => warnings.push(warning.name);
    process.on('warning', hear);
    const socket = open(RAW.repeat(15));
    await once(arrived, 'all');
    assert.equal(db.stats().borrowed, 15);
    socket.destroy();
    await until(isBack(db));
    process.off('warning', hear);
    assert.deepEqual([db.stats().released, warnings], [15, []]);
  });

  it('over HTTP/2, gives it back, and has it destroyed where that is wanted', async () => {
    const db = numbered();
    const lend = pooled({ db }, { destroyOnAbort: true });
    const arrived = new EventEmitter();
    const port = await listen(
      http2.createServer((req, res) =>
        lend(req, res, () => (req.url === '/whole' ? res.end('x') : arrived.emit('request'))),
      ),
    );
    const client = http2.connect(`http://127.0.0.1:${port}`);
    await once(client.request({ ':path': '/whole' }).resume(), 'close');
    await until(isBack(db));
    assert.equal(db.stats().size, 1);
    const slow = client.request({ ':path': '/slow' }).on('error', () => {});
    await once(arrived, 'request');
    slow.close(http2.constants.NGHTTP2_CANCEL);
    await until(isBack(db));
    assert.equal(db.stats().size, 0);
    client.destroy();
  });
});

describe('the requests of one connection', () => {
  it('leave no listener on it', async () => {
    const db = numbered();
    const lend = pooled({ db });
    const counts = [];
    const { port } = await serve((req, res) => {
      lend(req, res, () => {
        const { socket } = req;
        counts.push(socket.eventNames().reduce((sum, name) => sum + socket.listenerCount(name), 0));
        res.end('x');
      });
    });
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    for (let i = 0; i < 30; i++) {
      const [answer] = await once(http.get({ port, agent }), 'response');
      await once(answer.resume(), 'end');
    }
    agent.destroy();
    assert.equal(counts.length, 30);
    assert.equal(new Set(counts).size, 1, `${counts}`);
    await until(isBack(db));
  });
});
