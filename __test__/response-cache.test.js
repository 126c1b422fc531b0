'use strict';

/**
 * What a cache of responses must never do first. Much of it is what one or another of those for Express does.
 */

const assert = require('node:assert/strict');
const http = require('node:http');
const { describe, it } = require('node:test');
const { HOSTS, counter, serve } = require('./response-cache-rig.js');

const MINUTE = 60_000;

/** Asks twice, and says whether the second answer is the first. */
async function isCached(ask, first = {}, second = first, path = '/a') {
  const before = await ask(path, first);
  const after = await ask(path, second);
  return before.body === after.body;
}

for (const host of Object.keys(HOSTS)) {
  describe(`on ${host}`, () => {
    it('a response is answered from the cache with its status, fields and bytes, and its age', async () => {
      const headers = { 'Cache-Control': 'max-age=60', 'X-One': ['a', 'b'], 'Content-Type': 'text/plain' };
      const { ask, clock, seen } = await serve(counter(headers, 203), { host });
      const first = await ask('/a?b=c');
      clock.advance(5500);
      const second = await ask('/a?b=c');
      assert.equal(seen.length, 1);
      assert.deepEqual([first.x, second.x], ['MISS', 'HIT']);
      assert.deepEqual([second.status, second.body], [203, 'answer 1']);
      assert.equal(second.headers['x-one'], 'a, b');
      assert.equal(second.headers['content-type'], 'text/plain');
      assert.equal(second.headers['content-length'], '8');
      assert.equal(second.headers.age, '5');
      assert.equal(second.headers.date, new Date(clock.now() - 5500).toUTCString());
    });

    it('nobody gets what was made for another one', async () => {
      const { ask, cache, seen } = await serve(counter(), { host });
      assert.equal(await isCached(ask, { headers: { cookie: 'session=1' } }), false);
      assert.equal(await isCached(ask, { headers: { authorization: 'Basic YTpi' } }), false);
      assert.equal(cache.stats().entries, 0);
      assert.equal(seen.length, 4);
      // Nor is a word of the response enough, or does somebody who is known get what is for those who are not.
      const shared = await serve(counter({ 'Cache-Control': 'public, max-age=60' }), { host });
      const known = { headers: { authorization: 'Basic YTpi' } };
      assert.equal(await isCached(shared.ask, known), false);
      assert.equal(await isCached(shared.ask, {}, known), false);
      assert.equal(await isCached(ask, {}, { headers: { cookie: 'session=1' } }), false);
      assert.equal(await isCached(ask, {}, { headers: { authorization: 'Basic YTpi' } }), false);
    });

    it('a response that sets a cookie is not given to others', async () => {
      const { ask, cache } = await serve(
        counter({ 'Cache-Control': 'max-age=60', 'Set-Cookie': 'session=1' }),
        { host },
      );
      assert.equal(await isCached(ask), false);
      assert.deepEqual(cache.stats().refused, { 'set-cookie': 2 });
    });

    it('a HEAD gets the fields of the GET, and nothing of a HEAD is taken for a GET', async () => {
      const { ask, seen } = await serve(counter(), { host });
      assert.deepEqual(await ask('/a', { method: 'HEAD' }).then(({ body }) => body), '');
      assert.equal((await ask('/a')).body, 'answer 2');
      const head = await ask('/a', { method: 'HEAD' });
      assert.deepEqual([head.x, head.body, head.headers['content-length']], ['HIT', '', '8']);
      assert.equal(seen.length, 2);
    });

    it('a POST is never answered from a GET, nor a GET from a POST', async () => {
      const { ask, seen } = await serve(counter(), { host });
      await ask('/a', { method: 'POST' });
      await ask('/a');
      await ask('/a', { method: 'OPTIONS' });
      await ask('/a', { method: 'POST' });
      assert.deepEqual(
        seen.map(({ method }) => method),
        ['POST', 'GET', 'OPTIONS', 'POST'],
      );
    });

    it('what the handler says of validation reaches the client as the handler meant it', async () => {
      const fields = { 'Cache-Control': 'max-age=60', ETag: '"a"' };
      const { ask, clock, seen } = await serve(counter(fields), { host });
      await ask('/a');
      const same = await ask('/a', { headers: { 'if-none-match': 'W/"a"' } });
      assert.deepEqual([same.status, same.body, same.headers.etag], [304, '', '"a"']);
      assert.equal(same.headers['content-length'], undefined);
      assert.equal((await ask('/a', { headers: { 'if-none-match': '"b"' } })).status, 200);
      for (const age of ['7', '14']) {
        clock.advance(7000);
        assert.equal((await ask('/a', { headers: { 'if-none-match': '"a"' } })).headers.age, age);
      }
      assert.equal(seen.length, 1);
    });
  });
}

describe('what is not stored', () => {
  for (const [name, headers, status] of [
    ['without a word of how long it is fresh', {}],
    ['no-store', { 'Cache-Control': 'max-age=60, no-store' }],
    ['private', { 'Cache-Control': 'private, max-age=60' }],
    ['private with names, which is as private', { 'Cache-Control': 'private="x-user", max-age=60' }],
    ['no-store behind quotes that never end', { 'Cache-Control': 'max-age=60, a="b, no-store' }],
    ['a number that is none', { 'Cache-Control': 'max-age=60s' }],
    ['Vary: *', { 'Cache-Control': 'max-age=60', Vary: 'accept, *' }],
    ['a 500 with a max-age that was meant for the page', { 'Cache-Control': 'max-age=60' }, 500],
    ['a 503', { 'Cache-Control': 'public, max-age=60' }, 503],
    ['a 403', { 'Cache-Control': 'max-age=60' }, 403],
    ['a part', { 'Cache-Control': 'max-age=60', 'Content-Range': 'bytes 0-7/20' }, 206],
  ]) {
    it(name, async () => {
      const { ask, cache } = await serve(counter(headers, status));
      assert.equal(await isCached(ask), false);
      assert.equal(cache.stats().entries, 0);
    });
  }

  it('what names the origin that asked, unless Vary says so', async () => {
    const answer = (vary) => (req, res) => {
      const { origin = 'none' } = req.headers;
      res.writeHead(200, { 'Cache-Control': 'max-age=60', 'Access-Control-Allow-Origin': origin, ...vary });
      res.end(origin);
    };
    const careless = await serve(answer({}));
    await careless.ask('/a', { headers: { origin: 'https://a.example' } });
    assert.equal(
      (await careless.ask('/a', { headers: { origin: 'https://b.example' } })).body,
      'https://b.example',
    );
    const careful = await serve(answer({ Vary: 'Origin' }));
    for (const name of ['a', 'b', 'a', 'b']) {
      const origin = `https://${name}.example`;
      const { body, headers } = await careful.ask('/a', { headers: { origin } });
      assert.deepEqual([body, headers['access-control-allow-origin']], [origin, origin]);
    }
    assert.equal(careful.seen.length, 2);
  });

  it('what was asked with a body, or on a condition that only the handler can judge', async () => {
    const { ask, cache } = await serve(counter());
    for (const given of [
      { body: 'x=1', headers: { 'content-length': 3 } },
      { body: 'x=1', headers: { 'transfer-encoding': 'chunked' } },
      { headers: { 'if-match': '"a"' } },
      { headers: { 'if-unmodified-since': 'Thu, 01 Jan 2026 00:00:00 GMT' } },
    ]) {
      assert.equal(await isCached(ask, given), false, JSON.stringify(given));
    }
    assert.equal(cache.stats().entries, 0);
  });

  it('fields of one connection, and those that no-cache names', async () => {
    const { ask } = await serve(
      counter({
        'Cache-Control': 'max-age=60, no-cache="x-user"',
        Connection: 'x-hop',
        'X-Hop': '1',
        'X-User': '2',
        'X-All': '3',
        'Proxy-Authenticate': 'Basic',
      }),
    );
    await ask('/a');
    const { headers, x } = await ask('/a');
    assert.equal(x, 'HIT');
    assert.deepEqual(
      [headers['x-hop'], headers['x-user'], headers['x-all'], headers['proxy-authenticate']],
      [undefined, undefined, '3', undefined],
    );
  });

  it('what the ones in front have set, which they set anew for each request', async () => {
    let id = 0;
    const { ask } = await serve(
      (_req, res) => {
        res.set('Cache-Control', 'max-age=60').set('X-Default', 'mine').removeHeader('X-Powered-By');
        res.send('x');
      },
      {
        before: [
          (_req, res, next) => {
            res.set('X-Request-Id', String(++id)).set('X-Default', 'theirs');
            next();
          },
        ],
      },
    );
    await ask('/a');
    const { headers, x } = await ask('/a');
    assert.deepEqual([x, headers['x-request-id'], headers['x-default']], ['HIT', '2', 'mine']);
    assert.equal(headers['x-powered-by'], undefined);
  });
});

describe('what is stored', () => {
  it('has what a handler added to what the ones in front have set', async () => {
    const { ask } = await serve(
      (_req, res) => {
        res.set('Cache-Control', 'max-age=60').appendHeader('X-List', 'b');
        res.send('x');
      },
      {
        before: [
          (_req, res, next) => {
            res.setHeader('X-List', ['a']);
            next();
          },
        ],
      },
    );
    await ask('/a');
    assert.equal((await ask('/a')).headers['x-list'], 'a, b');
  });

  it('has one Age, which counts on from the one it came with', async () => {
    const { ask, clock } = await serve(counter({ 'Cache-Control': 'max-age=60', Age: '50' }), {
      host: 'plain http',
      cache: { statusHeader: 'none' },
    });
    await ask('/a');
    clock.advance(2000);
    assert.equal((await ask('/a')).headers.age, '52');
  });

  it('with another status than 200 is never called unmodified, nor cut in parts', async () => {
    const { ask } = await serve(counter({ 'Cache-Control': 'max-age=60', ETag: '"a"' }, 404));
    await ask('/a');
    assert.equal((await ask('/a', { headers: { 'if-none-match': '"a"' } })).status, 404);
    assert.equal((await ask('/a', { headers: { range: 'bytes=0-1' } })).status, 404);
  });
});

describe('what counts as the same', () => {
  it('not another Host, scheme, query or what proxies say of them', async () => {
    const { ask, seen } = await serve(counter());
    const asked = [
      ['/a'],
      ['/a?'],
      ['/a?b=1'],
      ['/A'],
      ['/a', { host: 'other.example' }],
      ['/a', { 'x-forwarded-host': 'evil.example' }],
      ['/a', { 'x-forwarded-proto': 'https' }],
    ];
    const bodies = [];
    for (const [path, headers] of [...asked, ...asked]) {
      bodies.push((await ask(path, { headers })).body);
    }
    assert.deepEqual(bodies.slice(asked.length), bodies.slice(0, asked.length));
    assert.equal(seen.length, asked.length);
  });

  it('two URLs whose hashes are alike are two', async () => {
    // By CRC-32 they are: among 100,000 URLs some are alike for any hash of 32 bits.
    const { ask, seen } = await serve((req, res) => {
      res.set('Cache-Control', 'max-age=60').send(req.url);
    });
    for (const path of ['/plumless', '/buckeroo', '/plumless', '/buckeroo']) {
      assert.equal((await ask(path)).body, path);
    }
    assert.equal(seen.length, 2);
  });

  it('a mounted router is told apart from another one', async () => {
    const express = require('express');
    const { responseCache } = require('../lib/express.js');
    const app = express();
    const cache = responseCache({ ttl: MINUTE });
    for (const name of ['/one', '/two']) {
      const router = express.Router();
      router.use(cache);
      router.get('/a', (_req, res) => res.send(name));
      app.use(name, router);
    }
    const server = http.createServer(app).listen(0);
    const { ask } = require('./response-cache-rig.js');
    const { port } = server.address();
    for (const name of ['/one', '/two', '/one', '/two']) {
      assert.equal((await ask(port, `${name}/a`)).body, name);
    }
    server.close();
    assert.equal(cache.stats().hits, 2);
  });

  it('by Vary, one for each of what it names, and no more', async () => {
    const { ask, seen, cache } = await serve((req, res) => {
      res.set({ 'Cache-Control': 'max-age=60', Vary: 'Accept-Language, X-Kind' });
      res.send(`${req.headers['accept-language']} ${req.headers['x-kind']}`);
    });
    const kinds = [
      {},
      { 'accept-language': 'de' },
      { 'accept-language': '' },
      { 'accept-language': 'de', 'x-kind': '1' },
    ];
    for (const headers of [...kinds, ...kinds, { 'accept-language': 'DE', 'x-other': '1' }]) {
      const { body } = await ask('/a', { headers });
      const language = headers['accept-language']?.toLowerCase();
      assert.equal(body, `${language} ${headers['x-kind']}`);
    }
    assert.equal(seen.length, kinds.length);
    assert.equal(cache.stats().entries, kinds.length + 1);
  });

  it('a later Vary adds to an earlier one, and neither is forgotten', async () => {
    const { ask, clock } = await serve((req, res) => {
      const vary = req.headers['x-a'] === undefined ? 'X-B' : 'X-A';
      res.set({ 'Cache-Control': 'max-age=60', Vary: vary });
      res.send(`${req.headers['x-a']} ${req.headers['x-b']}`);
    });
    for (const headers of [{ 'x-a': '1' }, { 'x-b': '1' }, { 'x-a': '1', 'x-b': '2' }, { 'x-b': '2' }, {}]) {
      for (let i = 0; i < 2; i++) {
        clock.advance(1);
        assert.equal((await ask('/a', { headers })).body, `${headers['x-a']} ${headers['x-b']}`);
      }
    }
  });

  it('what is the same as it is, where a normaliser throws', async () => {
    const normalize = {
      'User-Agent': () => {
        throw new Error('no idea');
      },
    };
    const { ask, seen } = await serve(counter({ 'Cache-Control': 'max-age=60', Vary: 'User-Agent' }), {
      cache: { normalize },
    });
    for (const agent of ['a', 'b', 'a', 'b']) {
      await ask('/a', { headers: { 'user-agent': agent } });
    }
    assert.equal(seen.length, 2);
  });

  it('what a normaliser says', async () => {
    const normalize = { 'User-Agent': (agent) => (agent.includes('Mobile') ? 'm' : 'd') };
    const { ask, seen } = await serve(counter({ 'Cache-Control': 'max-age=60', Vary: 'User-Agent' }), {
      cache: { normalize },
    });
    for (const agent of ['Mobile 1', 'Mobile 2', 'Desktop 1', 'Desktop 2']) {
      await ask('/a', { headers: { 'user-agent': agent } });
    }
    assert.equal(seen.length, 2);
  });
});

describe('for how long', () => {
  for (const [name, headers, options, seconds] of [
    ['max-age', { 'Cache-Control': 'max-age=60' }, {}, 60],
    ['s-maxage goes before max-age', { 'Cache-Control': 'max-age=10, s-maxage=60' }, {}, 60],
    ['less the Age it came with', { 'Cache-Control': 'max-age=60', Age: '50' }, {}, 10],
    [
      'Expires less Date',
      { Date: 'Thu, 01 Jan 2026 00:00:00 GMT', Expires: 'Thu, 01 Jan 2026 00:01:00 GMT' },
      {},
      60,
    ],
    [
      'less the age that its Date tells',
      { Date: 'Wed, 31 Dec 2025 23:59:50 GMT', 'Cache-Control': 'max-age=60' },
      {},
      50,
    ],
    ['ttl where it does not say', {}, { ttl: 60_000 }, 60],
    ['its own word against a ttl', { 'Cache-Control': 'max-age=10' }, { ttl: 60_000 }, 10],
    [
      'a tenth of what a document is old',
      { 'Last-Modified': 'Wed, 31 Dec 2025 23:50:00 GMT' },
      { heuristic: 0.1 },
      60,
    ],
    [
      'targeted',
      { 'Cache-Control': 'no-store', 'CDN-Cache-Control': 'max-age=60' },
      { targets: ['cdn-cache-control'] },
      60,
    ],
  ]) {
    it(name, async () => {
      const { ask, clock } = await serve(counter(headers), { cache: options });
      await ask('/a');
      clock.advance(seconds * 1000 - 1);
      assert.equal((await ask('/a')).x, 'HIT');
      clock.advance(1);
      assert.notEqual((await ask('/a')).x, 'HIT');
    });
  }

  it('no time at all where a ttl is none of its business', async () => {
    for (const headers of [
      { 'Cache-Control': 'no-store' },
      { 'Cache-Control': 'private' },
      { Expires: '0' },
    ]) {
      const { ask } = await serve(counter(headers), { cache: { ttl: MINUTE } });
      assert.equal(await isCached(ask), false, JSON.stringify(headers));
    }
    const { ask } = await serve(counter({}, 302), { cache: { ttl: MINUTE } });
    assert.equal(await isCached(ask), false, 'a 302 says how long, or is not stored');
  });

  it('a clock that is put back makes nothing young again', async () => {
    const { ask, clock } = await serve(counter());
    await ask('/a');
    clock.advance(-1);
    assert.equal((await ask('/a')).x, 'MISS');
  });

  it('a response that was overwritten does not end the newer one', async () => {
    const { ask, clock, seen } = await serve(counter());
    await ask('/a');
    clock.advance(MINUTE - 1);
    await ask('/a', { headers: { 'cache-control': 'no-cache' } });
    clock.advance(MINUTE - 1);
    assert.equal((await ask('/a')).x, 'HIT');
    assert.equal(seen.length, 2);
  });
});

describe('what clients say', () => {
  it('no-cache, max-age, min-fresh and Pragma ask the handler, whose answer is stored', async () => {
    for (const headers of [
      { 'cache-control': 'no-cache' },
      { 'cache-control': 'max-age=0' },
      { 'cache-control': 'max-age=5' },
      { 'cache-control': 'min-fresh=60' },
      { pragma: 'no-cache' },
    ]) {
      const { ask, clock } = await serve(counter());
      await ask('/a');
      clock.advance(5000);
      assert.equal((await ask('/a', { headers })).body, 'answer 2', JSON.stringify(headers));
      assert.equal((await ask('/a')).body, 'answer 2');
    }
  });

  it('no-store leaves no trace', async () => {
    const { ask, cache } = await serve(counter());
    await ask('/a', { headers: { 'cache-control': 'no-store' } });
    assert.equal(cache.stats().entries, 0);
  });

  it('means nothing if they may not bypass, but only-if-cached and max-stale do', async () => {
    const headers = { 'Cache-Control': 'max-age=60', ETag: '"a"' };
    const { ask, clock, seen } = await serve(counter(headers), { cache: { clientMayBypass: false } });
    assert.equal((await ask('/b', { headers: { 'cache-control': 'only-if-cached' } })).status, 504);
    await ask('/a');
    for (const value of ['no-cache', 'no-store', 'max-age=0', 'min-fresh=100']) {
      assert.equal((await ask('/a', { headers: { 'cache-control': value, pragma: 'no-cache' } })).x, 'HIT');
    }
    assert.equal((await ask('/a', { headers: { 'x-apicache-bypass': 'true' } })).x, 'HIT');
    clock.advance(MINUTE);
    const stale = await ask('/a', { headers: { 'cache-control': 'max-stale=10' } });
    assert.equal(stale.x, 'STALE');
    assert.equal(seen.length, 1);
  });

  it('max-stale gets nothing that must be validated', async () => {
    for (const directive of ['must-revalidate', 'proxy-revalidate', 's-maxage=1', 'no-cache']) {
      const { ask, clock } = await serve(
        counter({ 'Cache-Control': `max-age=1, ${directive}`, ETag: '"a"' }),
      );
      await ask('/a');
      clock.advance(2000);
      const { body } = await ask('/a', { headers: { 'cache-control': 'max-stale' } });
      assert.equal(body, 'answer 2', directive);
    }
  });
});

describe('if told', () => {
  it('cookies that mean nothing do not matter, others do', async () => {
    const { ask } = await serve(counter(), { cache: { ignoreCookies: ['_ga', 'theme'] } });
    assert.equal(await isCached(ask, { headers: { cookie: '_ga=1; theme=dark' } }, {}), true);
    assert.equal(await isCached(ask, { headers: { cookie: '_ga=1; session=1' } }, {}), false);
    const all = await serve(counter(), { cache: { ignoreCookies: true } });
    assert.equal(await isCached(all.ask, { headers: { cookie: 'session=1' } }, {}), true);
  });

  it('Authorization is looked at, and only what says that it is for all is for all', async () => {
    const known = { headers: { authorization: 'Basic YTpi' } };
    for (const [value, shared] of [
      ['max-age=60', false],
      ['public, max-age=60', true],
      ['s-maxage=60', true],
      ['max-age=60, must-revalidate', true],
    ]) {
      const { ask } = await serve(counter({ 'Cache-Control': value }), { cache: { authorization: true } });
      assert.equal(await isCached(ask, known, known), shared, value);
      const { ask: other } = await serve(counter({ 'Cache-Control': value }), {
        cache: { authorization: true },
      });
      assert.equal(await isCached(other, {}, known), shared, `${value}, after somebody unknown`);
    }
  });

  it('Set-Cookie is left out, or given to everybody', async () => {
    const headers = { 'Cache-Control': 'max-age=60', 'Set-Cookie': ['a=1', 'b=2'] };
    const strip = await serve(counter(headers), { cache: { setCookie: 'strip' } });
    assert.deepEqual((await strip.ask('/a')).headers['set-cookie'], ['a=1', 'b=2']);
    const second = await strip.ask('/a');
    assert.deepEqual([second.x, second.headers['set-cookie']], ['HIT', undefined]);
    const store = await serve(counter(headers), { cache: { setCookie: 'store' } });
    await store.ask('/a');
    assert.deepEqual((await store.ask('/a')).headers['set-cookie'], ['a=1', 'b=2']);
  });

  it('other statuses are stored', async () => {
    const { ask } = await serve(counter({ 'Cache-Control': 'max-age=60' }, 503), {
      cache: { statuses: [503] },
    });
    assert.equal(await isCached(ask), true);
    const any = await serve(counter({ 'Cache-Control': 'max-age=60' }, 418), { cache: { statuses: 'any' } });
    assert.equal(await isCached(any.ask), true);
  });
});

describe('ranges', () => {
  it('are cut out of what is stored, and never stored themselves', async () => {
    const { ask, seen, cache } = await serve((req, res) => {
      res.set({ 'Cache-Control': 'max-age=60', ETag: '"a"' });
      if (req.headers.range === undefined) {
        res.end('0123456789');
      } else {
        res.writeHead(206, { 'Content-Range': 'bytes 0-1/10' }).end('01');
      }
    });
    assert.equal((await ask('/a', { headers: { range: 'bytes=0-1' } })).status, 206);
    assert.equal(cache.stats().entries, 0);
    await ask('/a');
    for (const [range, status, body, span] of [
      ['bytes=2-4', 206, '234', 'bytes 2-4/10'],
      ['bytes=8-', 206, '89', 'bytes 8-9/10'],
      ['bytes=-3', 206, '789', 'bytes 7-9/10'],
      ['bytes=5-100', 206, '56789', 'bytes 5-9/10'],
      ['bytes=10-', 416, '', 'bytes */10'],
      ['bytes=-0', 416, '', 'bytes */10'],
      ['bytes=3-1', 200, '0123456789', undefined],
      ['bytes=0-1,3-4', 200, '0123456789', undefined],
      ['pages=1', 200, '0123456789', undefined],
    ]) {
      const answer = await ask('/a', { headers: { range } });
      assert.deepEqual(
        [answer.status, answer.body, answer.headers['content-range']],
        [status, body, span],
        range,
      );
      assert.equal(answer.headers['content-length'], String(body.length));
    }
    assert.equal((await ask('/a', { headers: { range: 'bytes=0-1', 'if-range': '"b"' } })).status, 200);
    assert.equal((await ask('/a', { headers: { range: 'bytes=0-1', 'if-range': 'W/"a"' } })).status, 200);
    assert.equal((await ask('/a', { headers: { range: 'bytes=0-1', 'if-range': '"a"' } })).status, 206);
    const head = await ask('/a', { method: 'HEAD', headers: { range: 'bytes=0-1' } });
    assert.deepEqual([head.status, head.headers['content-length']], [200, '10']);
    assert.equal(seen.length, 2);
  });
});

describe('the field that says how', () => {
  it('is a member of Cache-Status, and is not stored', async () => {
    const { ask, clock } = await serve(
      counter({ 'Cache-Control': 'max-age=60, stale-while-revalidate=60' }),
      {
        cache: { statusHeader: 'cache-status', name: 'front' },
      },
    );
    const status = async (headers) => (await ask('/a', { headers })).headers['cache-status'];
    assert.equal(await status(), 'front; fwd=uri-miss; stored');
    assert.equal(await status(), 'front; hit; ttl=60');
    assert.equal(await status({ 'cache-control': 'no-cache' }), 'front; fwd=request; stored');
    assert.equal(await status({ cookie: 'a=1' }), 'front; fwd=bypass');
    clock.advance(MINUTE + 1000);
    assert.equal(await status(), 'front; hit; ttl=-1');
  });
});
