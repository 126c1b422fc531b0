'use strict';

/**
 * One run of the handler for many, validation, stale answers, and what is invalidated.
 */

const assert = require('node:assert/strict');
const { AsyncLocalStorage } = require('node:async_hooks');
const { once } = require('node:events');
const net = require('node:net');
const { join } = require('node:path');
const { describe, it } = require('node:test');
const { Worker } = require('node:worker_threads');
const { nextTurn } = require('./helper.js');
const { HOSTS, counter, serve } = require('./response-cache-rig.js');
const { ROOT, runScript } = require('./run-script.js');

const SECOND = 1000;

/** A handler that answers when it is told to, and tells when it is asked. */
function held(answer) {
  const waiting = [];
  let count = 0;
  const handler = (req, res) => {
    waiting.push({ req, res, id: ++count });
  };
  return {
    handler,
    waiting,
    /** Until the handler was asked this often. */
    asked: (times) => until(() => count >= times),
    release() {
      for (const { req, res, id } of waiting.splice(0)) {
        answer(req, res, id);
      }
    },
  };
}

const cacheable = (_req, res, id) =>
  res.writeHead(200, { 'Cache-Control': 'max-age=60' }).end(`answer ${id}`);

/** Until something is so; each turn is one of the event loop. */
async function until(condition) {
  while (!condition()) {
    await nextTurn();
  }
}

/** Until so many requests have come to the server, and to the cache. */
function arrivals(server) {
  let count = 0;
  server.on('request', () => count++);
  return async (times) => {
    await until(() => count >= times);
    await nextTurn();
  };
}

describe('requests for the same at the same time', () => {
  for (const host of Object.keys(HOSTS)) {
    it(`run the handler once, on ${host}`, async () => {
      const { handler, asked, release } = held(cacheable);
      const { ask, cache, seen, server } = await serve(handler, { host });
      const came = arrivals(server);
      const answers = Array.from({ length: 100 }, () => ask('/a'));
      await came(100);
      await asked(1);
      release();
      const bodies = new Set((await Promise.all(answers)).map(({ body }) => body));
      assert.deepEqual([...bodies], ['answer 1']);
      assert.equal(seen.length, 1);
      const { misses, hits, collapsed } = cache.stats();
      assert.deepEqual({ misses, hits, collapsed }, { misses: 1, hits: 99, collapsed: 99 });
    });
  }

  it('share nothing if the response turns out to be for one', async () => {
    const { handler, asked, release } = held((req, res) => {
      res.writeHead(200, { 'Cache-Control': 'private, max-age=60' }).end(req.headers['x-user']);
    });
    const { ask, seen, server, cache } = await serve(handler);
    const came = arrivals(server);
    const answers = Array.from({ length: 10 }, (_, i) => ask('/a', { headers: { 'x-user': `user ${i}` } }));
    await came(10);
    release();
    await asked(10);
    release();
    const bodies = (await Promise.all(answers)).map(({ body }) => body);
    assert.deepEqual(
      bodies,
      Array.from({ length: 10 }, (_, i) => `user ${i}`),
    );
    assert.equal(seen.length, 10);
    // The next ones do not even wait.
    const next = [ask('/a', { headers: { 'x-user': 'a' } }), ask('/a', { headers: { 'x-user': 'b' } })];
    await asked(12);
    release();
    await Promise.all(next);
    assert.equal(cache.stats().stored, 0);
  });

  it('are not let down by the first client that goes away', async () => {
    const { handler, asked, waiting, release } = held(cacheable);
    const { ask, port, seen, server } = await serve(handler);
    const came = arrivals(server);
    const first = net.connect(port, '127.0.0.1');
    first.write(`GET /a HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`);
    await asked(1);
    const answers = [ask('/a'), ask('/a'), ask('/a')];
    await came(4);
    first.destroy();
    await asked(2);
    assert.equal(seen.length, 2, 'one of those who wait asks in its place');
    waiting.shift();
    release();
    const bodies = new Set((await Promise.all(answers)).map(({ body }) => body));
    assert.deepEqual([...bodies], ['answer 2']);
    assert.equal(seen.length, 2);
  });

  it('ask one after another while the handler fails', async () => {
    const { handler, asked, release } = held((_req, res, id) =>
      id < 3 ? res.writeHead(500).end(`failure ${id}`) : cacheable(_req, res, id),
    );
    const { ask, seen, server } = await serve(handler);
    const came = arrivals(server);
    const answers = Array.from({ length: 5 }, () => ask('/a'));
    await came(5);
    for (let i = 1; i <= 3; i++) {
      await asked(i);
      release();
    }
    const bodies = (await Promise.all(answers)).map(({ body }) => body).toSorted();
    assert.deepEqual(bodies, ['answer 3', 'answer 3', 'answer 3', 'failure 1', 'failure 2']);
    assert.equal(seen.length, 3);
  });

  it('do not wait for ever for a handler that never ends', async () => {
    const { handler, asked, waiting, release } = held(cacheable);
    const { ask, server } = await serve(handler, { cache: { waitTimeout: 20 } });
    const came = arrivals(server);
    void ask('/a').catch(() => {});
    await asked(1);
    const answers = [ask('/a'), ask('/a')];
    await came(3);
    await asked(3);
    waiting.shift();
    release();
    assert.deepEqual((await Promise.all(answers)).map(({ body }) => body).toSorted(), [
      'answer 2',
      'answer 3',
    ]);
  });

  it('each get the variant that they ask for', async () => {
    const { handler, asked, release } = held((req, res, id) => {
      res
        .writeHead(200, { 'Cache-Control': 'max-age=60', Vary: 'X-Kind' })
        .end(`${req.headers['x-kind']} ${id}`);
    });
    const { ask, seen, server } = await serve(handler);
    const came = arrivals(server);
    const kinds = ['a', 'a', 'b', 'b', 'b'];
    const answers = kinds.map((kind) => ask('/a', { headers: { 'x-kind': kind } }));
    await came(5);
    release();
    await asked(2);
    release();
    const bodies = (await Promise.all(answers)).map(({ body }) => body);
    assert.deepEqual(
      bodies.map((body) => body[0]),
      kinds,
    );
    assert.equal(seen.length, 2);
  });

  it('do not wait one after another for what is stale at once', async () => {
    const { handler, asked, release } = held((req, res, id) => {
      res.writeHead(200, { 'Cache-Control': 'no-cache', ETag: `"${id}"` }).end(`answer ${id}`);
    });
    const { ask, seen, server } = await serve(handler);
    const came = arrivals(server);
    const answers = Array.from({ length: 5 }, () => ask('/a'));
    await came(5);
    release();
    await asked(5);
    release();
    await Promise.all(answers);
    assert.equal(seen.length, 5);
  });

  it('wait twice at most, however often what the response varies with turns out to be more', async () => {
    const vary = { 1: 'A', 2: 'B' };
    const { handler, asked, release } = held((_req, res, id) => {
      res.writeHead(200, { 'Cache-Control': 'max-age=60', Vary: vary[id] ?? 'A' }).end();
    });
    const { ask, server } = await serve(handler);
    const came = arrivals(server);
    const kinds = [{ a: '0' }, { a: '1', b: '2' }, { a: '1', b: '3' }, { a: '1', b: '3' }];
    const answers = [];
    for (const headers of kinds) {
      answers.push(ask('/a', { headers }));
      await came(answers.length);
    }
    release();
    await asked(2);
    release();
    await asked(4);
    release();
    await Promise.all(answers);
  });

  it('are let go when the cache is closed', async () => {
    const { handler, asked, release } = held(cacheable);
    const { ask, cache, seen, server } = await serve(handler);
    const came = arrivals(server);
    const answers = Array.from({ length: 4 }, () => ask('/a'));
    await came(4);
    cache.close();
    await asked(4);
    release();
    await Promise.all(answers);
    assert.deepEqual([seen.length, cache.stats().entries], [4, 0]);
  });

  it('go on in their own async context', async () => {
    const storage = new AsyncLocalStorage();
    const { handler, asked, release } = held((req, res) => {
      res.writeHead(200, { 'Cache-Control': 'no-store' }).end(storage.getStore());
    });
    const inContext = (req, res, next) => storage.run(req.headers['x-user'], next);
    const inHandler = (req, res) => {
      assert.equal(storage.getStore(), req.headers['x-user']);
      handler(req, res);
    };
    const { ask, server } = await serve(inHandler, { before: [inContext] });
    const came = arrivals(server);
    const answers = ['a', 'b', 'c'].map((user) => ask('/a', { headers: { 'x-user': user } }));
    await came(3);
    release();
    await asked(3);
    release();
    await Promise.all(answers);
  });

  it('do not wait if they want what is newer', async () => {
    const { handler, asked, release } = held(cacheable);
    const { ask } = await serve(handler);
    const answers = [ask('/a'), ask('/a', { headers: { 'cache-control': 'no-cache' } })];
    await asked(2);
    release();
    await Promise.all(answers);
  });

  it('who have gone away while they waited are not handled', async () => {
    const { handler, asked, release } = held((_req, res, id) => res.writeHead(200).end(`answer ${id}`));
    const { ask, port, server, seen } = await serve(handler);
    const came = arrivals(server);
    let closed = 0;
    server.on('request', (_req, res) => res.once('close', () => closed++));
    const first = ask('/a');
    await asked(1);
    const gone = net.connect(port, '127.0.0.1');
    gone.write(`GET /a HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`);
    await came(2);
    gone.destroy();
    await until(() => closed === 1);
    release();
    await first;
    await nextTurn();
    assert.equal(seen.length, 1);
  });
});

describe('a stale response', () => {
  const validated = (req, res) => {
    const fields = {
      'Cache-Control': 'max-age=1',
      ETag: '"a"',
      'Last-Modified': 'Thu, 01 Jan 2026 00:00:00 GMT',
    };
    if (req.headers['if-none-match'] === '"a"') {
      res.writeHead(304, { ...fields, 'X-New': '1' }).end();
    } else {
      res.writeHead(200, { ...fields, 'X-Old': '1' }).end('whole');
    }
  };

  for (const host of Object.keys(HOSTS)) {
    it(`is validated by its handler, and the client sees nothing of it, on ${host}`, async () => {
      const { ask, clock, seen, cache } = await serve(validated, { host });
      await ask('/a');
      clock.advance(2 * SECOND);
      const second = await ask('/a', { headers: { 'if-none-match': '"other"' } });
      assert.deepEqual([second.status, second.body, second.x], [200, 'whole', 'REVALIDATED']);
      assert.deepEqual([second.headers['x-old'], second.headers['x-new']], ['1', '1']);
      assert.equal(seen[1].headers['if-none-match'], '"a"');
      assert.equal(seen[1].headers['if-modified-since'], 'Thu, 01 Jan 2026 00:00:00 GMT');
      const third = await ask('/a', { headers: { 'if-none-match': '"a"' } });
      assert.deepEqual([third.status, third.x, third.headers.age], [304, 'HIT', '0']);
      assert.equal(cache.stats().revalidated, 1);
    });
  }

  it('gives the request back the fields it came with', async () => {
    const logged = [];
    const log = (req, res, next) => {
      res.once('finish', () => logged.push(req.headers['if-none-match']));
      next();
    };
    const { ask, clock } = await serve(validated, { before: [log] });
    await ask('/a');
    clock.advance(2 * SECOND);
    await ask('/a', { headers: { 'if-none-match': '"mine"' } });
    clock.advance(2 * SECOND);
    await ask('/a');
    assert.deepEqual(logged, [undefined, '"mine"', undefined]);
  });

  it('is replaced by what the handler answers instead', async () => {
    let etag = '"a"';
    const { ask, clock } = await serve((req, res) => {
      res.writeHead(200, { 'Cache-Control': 'max-age=1', ETag: etag }).end(etag);
    });
    await ask('/a');
    etag = '"b"';
    clock.advance(2 * SECOND);
    assert.equal((await ask('/a')).body, '"b"');
    assert.equal((await ask('/a')).x, 'HIT');
  });

  it('stays as it is if the handler of a no-cache says that it has not changed', async () => {
    const { ask, seen } = await serve((req, res) => {
      const fields = { 'Cache-Control': 'no-cache', ETag: '"a"' };
      res
        .writeHead(req.headers['if-none-match'] ? 304 : 200, fields)
        .end(req.headers['if-none-match'] ? '' : 'whole');
    });
    for (let i = 0; i < 3; i++) {
      assert.equal((await ask('/a')).body, 'whole');
    }
    assert.equal(seen.length, 3);
  });

  it('is served while it is validated behind the scenes, by one', async () => {
    for (const host of Object.keys(HOSTS)) {
      const { handler, asked, release } = held((_req, res, id) => {
        res.writeHead(200, { 'Cache-Control': 'max-age=1, stale-while-revalidate=10' }).end(`answer ${id}`);
      });
      const { ask, clock, seen } = await serve(handler, { host });
      const first = ask('/a');
      await asked(1);
      release();
      await first;
      clock.advance(2 * SECOND);
      const own = { 'if-none-match': '"x"', 'x-a': '1' };
      const [second, third] = await Promise.all([ask('/a', { headers: own }), ask('/a', { headers: own })]);
      assert.deepEqual([second.x, second.body, third.body], ['STALE', 'answer 1', 'answer 1']);
      await asked(2);
      const { host: authority, 'x-a': a, 'if-none-match': tag } = seen[1].headers;
      assert.deepEqual([authority, a, tag], [seen[0].headers.host, '1', undefined]);
      release();
      const fourth = await ask('/a');
      assert.deepEqual([fourth.x, fourth.body], ['HIT', 'answer 2']);
      clock.advance(12 * SECOND);
      const last = ask('/a');
      await asked(3);
      release();
      assert.equal((await last).body, 'answer 3', 'not after its time');
      assert.equal(seen.length, 3);
    }
  });

  it('is validated again when a validation was lost', async () => {
    const { handler, asked, release, waiting } = held((_req, res, id) => {
      res.writeHead(200, { 'Cache-Control': 'max-age=1, stale-while-revalidate=1000' }).end(`answer ${id}`);
    });
    const { ask, clock } = await serve(handler);
    const first = ask('/a');
    await asked(1);
    release();
    await first;
    clock.advance(2 * SECOND);
    await ask('/a');
    await asked(2);
    waiting.shift();
    await ask('/a');
    clock.advance(61 * SECOND);
    await ask('/a');
    await asked(3);
    release();
    assert.equal((await ask('/a')).body, 'answer 3');
  });

  it('ends what listens to a response that nobody has asked for', async () => {
    const ended = [];
    const log = (req, res, next) => {
      res.once('finish', () => ended.push('finish'));
      res.once('close', () => ended.push('close'));
      next();
    };
    const { ask, clock } = await serve(counter({ 'Cache-Control': 'max-age=1, stale-while-revalidate=9' }), {
      before: [log],
    });
    await ask('/a');
    clock.advance(2 * SECOND);
    await ask('/a');
    await until(() => ended.length === 6);
    assert.deepEqual(ended.toSorted(), ['close', 'close', 'close', 'finish', 'finish', 'finish']);
  });

  it('is asked for once more from where it was asked for, by a connection that takes what others take', async () => {
    const { ask, clock, seen } = await serve((req, res) => {
      req.setTimeout(1000);
      res.setTimeout(1000);
      req.socket.setNoDelay(true).setKeepAlive(true);
      res.set('Cache-Control', 'max-age=1, stale-while-revalidate=9');
      res.send(`${req.ip} ${req.protocol} ${req.socket.remotePort > 0} ${req.httpVersion} ${seen.length}`);
    });
    await ask('/a');
    clock.advance(2 * SECOND);
    await ask('/a');
    await until(() => seen.length === 2);
    await nextTurn();
    const { body, x } = await ask('/a');
    assert.deepEqual([body, x], ['127.0.0.1 http true 1.1 2', 'HIT']);
  });

  it('stands in for a handler that fails, and spares it for a second', async () => {
    let fails = false;
    const { ask, clock, seen } = await serve((_req, res) => {
      if (fails) {
        res.set('X-Failed', '1');
        throw new Error('down');
      }
      res.set('Cache-Control', 'max-age=1, stale-if-error=10').send('whole');
    });
    await ask('/a');
    fails = true;
    clock.advance(2 * SECOND);
    const [second, third] = [await ask('/a'), await ask('/a')];
    assert.deepEqual([second.status, second.body, second.x, third.x], [200, 'whole', 'STALE', 'STALE']);
    assert.equal(second.headers['content-type'], 'text/html; charset=utf-8');
    assert.equal(second.headers['x-failed'], undefined);
    assert.equal(seen.length, 2);
    clock.advance(2 * SECOND);
    await ask('/a');
    assert.equal(seen.length, 3);
    clock.advance(10 * SECOND);
    assert.equal((await ask('/a')).status, 500, 'not after its time');
  });

  it('does not stand in where it must not', async () => {
    for (const directive of ['must-revalidate', 'proxy-revalidate', 'no-cache', 's-maxage=1']) {
      let fails = false;
      const headers = { 'Cache-Control': `max-age=1, ${directive}`, ETag: '"a"' };
      const { ask, clock } = await serve(
        (_req, res) => res.writeHead(fails ? 503 : 200, fails ? {} : headers).end('x'),
        {
          cache: { staleIfError: 10_000, staleWhileRevalidate: 10_000 },
        },
      );
      await ask('/a');
      fails = true;
      clock.advance(2 * SECOND);
      assert.equal((await ask('/a')).status, 503, directive);
    }
    let fails = false;
    const headers = { 'Cache-Control': 'max-age=60, no-cache', ETag: '"a"' };
    const { ask } = await serve((_req, res) =>
      res.writeHead(fails ? 503 : 200, fails ? {} : headers).end('x'),
    );
    await ask('/a');
    fails = true;
    assert.equal((await ask('/a')).status, 503, 'though it is young');
  });
});

describe('what is out of date', () => {
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'PURGE']) {
    it(`goes with a ${method} that succeeds`, async () => {
      const { ask } = await serve(counter());
      await ask('/a');
      await ask('/a', { method });
      assert.equal((await ask('/a')).x, 'MISS');
    });
  }

  it('does not go with one that fails, or with what changes nothing', async () => {
    let status = 500;
    const { ask } = await serve((req, res) => {
      res.writeHead(req.method === 'GET' ? 200 : status, { 'Cache-Control': 'max-age=60' }).end();
    });
    await ask('/a');
    for (status of [500, 404, 401]) {
      await ask('/a', { method: 'POST' });
    }
    await ask('/a', { method: 'OPTIONS' });
    await ask('/a', { method: 'HEAD' });
    assert.equal((await ask('/a')).x, 'HIT');
  });

  it('goes with Location and Content-Location of this host only', async () => {
    let where = '';
    const { ask } = await serve((req, res) => {
      res.writeHead(req.method === 'GET' ? 200 : 201, {
        'Cache-Control': 'max-age=60',
        ...(req.method === 'POST' && { Location: where, 'Content-Location': '/list/c?d=1' }),
      });
      res.end();
    });
    const { headers } = { headers: { host: 'shop.example' } };
    for (const path of ['/list/b', '/list/c?d=1']) {
      await ask(path, { headers });
    }
    where = 'https://evil.example/list/b';
    await ask('/list/a', { method: 'POST', headers });
    assert.equal((await ask('/list/b', { headers })).x, 'HIT');
    assert.equal((await ask('/list/c?d=1', { headers })).x, 'MISS');
    for (where of ['b', 'http://shop.example/list/b', '//shop.example/list/b']) {
      await ask('/list/a', { method: 'POST', headers });
      assert.equal((await ask('/list/b', { headers })).x, 'MISS', where);
    }
  });

  it('goes by URL, in all its variants, and by group', async () => {
    const { ask, cache } = await serve((req, res) => {
      const groups = req.url === '/c' ? '"other"' : '"products", "all"';
      res.writeHead(200, { 'Cache-Control': 'max-age=60', Vary: 'X-Kind', 'Cache-Groups': groups }).end();
    });
    const fill = async () => {
      for (const path of ['/a', '/b', '/c']) {
        for (const kind of ['1', '2']) {
          await ask(path, { headers: { 'x-kind': kind } });
        }
      }
    };
    await fill();
    assert.equal(cache.stats().entries, 9);
    assert.equal(cache.invalidate({ url: '/a' }), 3);
    assert.equal(cache.invalidate({ url: '/a' }), 0);
    await fill();
    assert.equal(cache.invalidate({ group: 'products' }), 4);
    assert.equal(cache.invalidate({ group: 'products' }), 0);
    assert.equal((await ask('/c', { headers: { 'x-kind': '1' } })).x, 'HIT');
    assert.equal((await ask('/b', { headers: { 'x-kind': '1' } })).x, 'MISS');
    cache.clear();
    assert.equal(cache.stats().entries, 0);
    assert.equal(cache.stats().bytes, 0);
  });

  it('is what was stored last, by its own URL and groups', async () => {
    let group = 'old';
    const { ask, cache } = await serve((_req, res) => {
      res.writeHead(200, { 'Cache-Control': 'max-age=60', 'Cache-Groups': `"${group}"` }).end();
    });
    const again = { headers: { 'cache-control': 'no-cache' } };
    await ask('/a');
    group = 'new';
    await ask('/a', again);
    assert.equal(cache.invalidate({ group: 'old' }), 0);
    assert.equal((await ask('/a')).x, 'HIT');
    assert.equal(cache.invalidate({ group: 'new' }), 1);
    await ask('/a');
    await ask('/a', again);
    assert.equal(cache.invalidate({ url: '/a' }), 1);
  });

  it('belongs to its groups after a validation as well', async () => {
    const { ask, cache, clock } = await serve(
      (req, res) => {
        const fields = { 'Cache-Control': 'max-age=1', ETag: '"a"' };
        res.writeHead(req.headers['if-none-match'] === undefined ? 200 : 304, fields).end();
      },
      { cache: { groups: () => 'products' } },
    );
    await ask('/a');
    clock.advance(2 * SECOND);
    assert.equal((await ask('/a')).x, 'REVALIDATED');
    assert.equal(cache.invalidate({ group: 'products' }), 1);
  });

  it('goes with a group that a response names, and a group that a function has named', async () => {
    const { ask } = await serve(
      (req, res) => {
        res.writeHead(200, {
          'Cache-Control': 'max-age=60',
          ...(req.method === 'POST' && { 'Cache-Group-Invalidation': '"of a"' }),
        });
        res.end();
      },
      { cache: { groups: (req) => [`of ${req.url.slice(1)}`] } },
    );
    await ask('/a');
    await ask('/b');
    await ask('/c', { method: 'POST' });
    assert.deepEqual([(await ask('/a')).x, (await ask('/b')).x], ['MISS', 'HIT']);
  });

  it('is not stored by a handler that had begun before', async () => {
    for (const change of [
      ({ cache }) => cache.invalidate({ url: '/a' }),
      ({ cache }) => cache.invalidate({ group: 'any' }),
      ({ cache }) => cache.clear(),
      ({ ask }) => ask('/a', { method: 'POST' }),
    ]) {
      const { handler, asked, release } = held(cacheable);
      const served = await serve((req, res) => (req.method === 'POST' ? res.end() : handler(req, res)));
      const first = served.ask('/a');
      await asked(1);
      await change(served);
      // Whoever comes later does not wait for it.
      const second = served.ask('/a');
      await asked(2);
      release();
      await first;
      await second;
      assert.equal((await served.ask('/a')).body, 'answer 2');
      assert.equal(served.cache.stats().stored, 1);
    }
  });
});

describe('a process with requests that wait', () => {
  const source = `
    const { IncomingMessage, ServerResponse } = require('node:http');
    const { Socket } = require('node:net');
    const { responseCache } = require(${JSON.stringify(join(ROOT, 'lib', 'express.js'))});
    const cache = responseCache({ waitTimeout: 60_000 });
    for (let i = 0; i < 3; i++) {
      const req = Object.assign(new IncomingMessage(new Socket()), { method: 'GET', url: '/a', headers: {} });
      cache(req, new ServerResponse(req), () => {});
    }`;

  it('ends when there is nothing else to do', async () => {
    const { code, stdout, stderr } = await runScript(
      `${source} process.on('exit', () => console.log(process.uptime() < 30, cache.stats().misses));`,
    );
    assert.deepEqual([code, stdout.trim(), stderr], [0, 'true 3', '']);
  });

  it('may be a worker that is terminated', async () => {
    for (let i = 0; i < 5; i++) {
      const alive = `setInterval(() => {}, 1000); require('node:worker_threads').parentPort.postMessage('x');`;
      const worker = new Worker(source + alive, { eval: true });
      await once(worker, 'message');
      assert.equal(await worker.terminate(), 1);
    }
  });
});
