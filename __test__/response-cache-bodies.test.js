'use strict';

/**
 * Bodies: streams, what breaks off, sizes, encodings, and what others do to a response.
 */

const assert = require('node:assert/strict');
const { once } = require('node:events');
const http2 = require('node:http2');
const http = require('node:http');
const net = require('node:net');
const { PassThrough, Readable, pipeline } = require('node:stream');
const { describe, it } = require('node:test');
const zlib = require('node:zlib');
const compression = require('compression');
const { responseCache } = require('../lib/express.js');
const { nextTurn } = require('./helper.js');
const { HOSTS, counter, serve } = require('./response-cache-rig.js');

const KIB = 1024;
const FRESH = { 'Cache-Control': 'max-age=60' };

describe('a body', () => {
  for (const host of Object.keys(HOSTS)) {
    it(`is stored whole, however it was written, on ${host}`, async () => {
      const bytes = Buffer.from([0, 255, 128, 10, 13]);
      const ways = {
        '/end': (res) => res.end(bytes),
        '/text': (res) => res.end('äöü'),
        '/latin1': (res) => res.end('äöü', 'latin1'),
        '/hex': (res) => res.write('00ff', 'hex', () => res.end('800a', 'hex')),
        '/both': (res) => {
          res.write('ä');
          res.write(bytes);
          res.write(new Uint8Array(bytes));
          res.end('end', () => {});
        },
        '/pipe': (res) => Readable.from(['a', 'b', bytes]).pipe(res),
        '/pipeline': (res) => pipeline(Readable.from(['a', 'b']), new PassThrough(), res, () => {}),
        '/empty': (res) => res.end(),
        '/flushed': (res) => {
          res.flushHeaders();
          setImmediate(() => res.end('later'));
        },
      };
      const { ask, seen } = await serve(
        (req, res) => {
          res.setHeader('Cache-Control', 'max-age=60');
          ways[req.url](res);
        },
        { host },
      );
      for (const path of Object.keys(ways)) {
        const first = await ask(path);
        const second = await ask(path);
        assert.equal(second.x, 'HIT', path);
        assert.deepEqual(second.bytes, first.bytes, path);
        assert.equal(second.headers['content-length'], String(first.bytes.length), path);
      }
      assert.equal(seen.length, Object.keys(ways).length);
    });
  }

  it('is not changed by who writes into his buffer afterwards', async () => {
    const { ask } = await serve((_req, res) => {
      const buffer = Buffer.from('right');
      res.writeHead(200, FRESH);
      res.write(buffer, () => {
        buffer.fill('!');
        res.end();
      });
    });
    await ask('/a');
    assert.equal((await ask('/a')).body, 'right');
  });

  it('that breaks off is not stored: destroyed, cut from above, or shorter than it says', async () => {
    const upstream = http
      .createServer((_req, res) => {
        res.writeHead(200, { 'Content-Length': 100 });
        res.write('half', () => res.destroy());
      })
      .listen(0);
    const { port } = upstream.address();
    const { ask, cache } = await serve((req, res) => {
      res.writeHead(200, { ...FRESH, ...(req.url === '/short' && { 'Content-Length': 100 }) });
      if (req.url === '/destroyed') {
        res.write('half', () => res.destroy());
      } else if (req.url === '/short') {
        res.write('half', () => {
          res.end();
          setImmediate(() => res.destroy());
        });
      } else {
        http.get({ port }, (answer) => pipeline(answer, res, () => {}));
      }
    });
    for (const path of ['/destroyed', '/cut', '/short']) {
      await assert.rejects(ask(path), path);
    }
    await nextTurn();
    assert.equal(cache.stats().entries, 0);
    upstream.close();
  });

  it('whose client has gone is not stored, whether its handler goes on or not', async () => {
    const gone = [];
    const { ask, port, cache } = await serve((req, res) => {
      if (req.headers['x-stays'] === '1') {
        res.writeHead(200, FRESH).end('whole');
        return;
      }
      res.once('close', () => {
        if (req.url === '/goes-on') {
          res.end('two');
        } else if (req.url === '/begins') {
          res.writeHead(200, FRESH).end('late');
        }
        gone.push(req.url);
      });
      if (req.url === '/goes-on') {
        res.writeHead(200, FRESH).write('one ');
      } else {
        req.socket.destroy();
      }
    });
    for (const path of ['/goes-on', '/begins', '/stops']) {
      const socket = net.connect(port, '127.0.0.1').on('error', () => {});
      socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`);
      await Promise.race([once(socket, 'data'), once(socket, 'close')]);
      socket.destroy();
      while (!gone.includes(path)) {
        await nextTurn();
      }
      const { body, x } = await ask(path, { headers: { 'x-stays': '1' } });
      assert.deepEqual([body, x], ['whole', 'MISS']);
    }
    assert.equal(cache.stats().stored, 3);
  });
});

describe('sizes', () => {
  it('all that is kept stays within the budget, header fields and keys counted', async () => {
    const maxBytes = 64 * KIB;
    const { ask, cache } = await serve(
      (_req, res) => res.writeHead(200, { ...FRESH, 'X-Long': 'x'.repeat(2 * KIB) }).end('y'.repeat(2 * KIB)),
      { cache: { maxBytes } },
    );
    for (let i = 0; i < 40; i++) {
      await ask(`/${'z'.repeat(KIB)}${i}`);
    }
    const { bytes, entries, evictions } = cache.stats();
    assert.ok(bytes <= maxBytes, `${bytes} bytes`);
    assert.ok(entries <= maxBytes / (5 * KIB) && entries >= 9, `${entries} entries`);
    assert.equal(entries + evictions, 40);
    assert.equal((await ask(`/${'z'.repeat(KIB)}39`)).x, 'HIT');
  });

  it('groups are counted as well', async () => {
    const groups = () => Array.from({ length: 100 }, (_, i) => `group ${i} ${'x'.repeat(100)}`);
    const { ask, cache } = await serve(counter(), { cache: { maxBytes: 64 * KIB, groups } });
    for (let i = 0; i < 10; i++) {
      await ask(`/${i}`);
    }
    const { entries } = cache.stats();
    assert.ok(entries >= 2 && entries <= 3, `${entries} entries`);
  });

  it('a body that is too long passes in pieces, and is not held back', async () => {
    let write;
    const { port, cache } = await serve(
      (_req, res) => {
        res.writeHead(200, FRESH);
        write = (chunk) => res.write(chunk);
        res.write('a'.repeat(600));
      },
      { cache: { maxEntryBytes: 1000 } },
    );
    const req = http.get({ port, path: '/a', agent: false });
    const [res] = await once(req, 'response');
    assert.equal(String((await once(res, 'data'))[0]).length, 600);
    write('b'.repeat(600));
    assert.equal(String((await once(res, 'data'))[0])[0], 'b');
    assert.deepEqual(cache.stats().refused, { size: 1 });
    assert.equal(cache.stats().entries, 0);
    req.destroy();
  });

  it('a body that says that it is too long is not even copied', async () => {
    const { ask, cache } = await serve(
      (_req, res) => res.writeHead(200, { ...FRESH, 'Content-Length': 2000 }).end('a'.repeat(2000)),
      { cache: { maxEntryBytes: 1000 } },
    );
    await ask('/a');
    assert.deepEqual([(await ask('/a')).x, cache.stats().refused], ['MISS', { size: 2 }]);
  });

  it('what is in the making takes no more than the budget again', async () => {
    const open = [];
    const { ask, cache } = await serve(
      (_req, res) => {
        res.writeHead(200, FRESH).write('a'.repeat(600));
        open.push(res);
      },
      { cache: { maxBytes: 4000, maxEntryBytes: 2000 } },
    );
    const answers = Array.from({ length: 10 }, (_, i) => ask(`/${i}`));
    while (open.length < 10) {
      await nextTurn();
    }
    assert.equal(cache.stats().refused.size, 4);
    open.forEach((res) => res.end());
    await Promise.all(answers);
    // What was copied is free again.
    const last = ask('/last');
    while (open.length < 11) {
      await nextTurn();
    }
    open[10].end();
    await last;
    assert.equal((await ask('/last')).x, 'HIT');
  });

  it('a response that is larger than all there is leaves the others alone', async () => {
    const { ask, cache } = await serve(
      (req, res) => res.writeHead(200, FRESH).end(req.url === '/big' ? 'a'.repeat(4000) : 'small'),
      { cache: { maxBytes: 4000 } },
    );
    await ask('/small');
    await ask('/big');
    assert.deepEqual([(await ask('/small')).x, cache.stats().refused], ['HIT', { size: 1 }]);
  });
});

describe('with compression', () => {
  const page = 'a page that is long enough. '.repeat(100);
  const answer = (_req, res) => res.set({ ...FRESH, 'Content-Type': 'text/plain' }).send(page);
  const decode = ({ bytes, headers }) => {
    switch (headers['content-encoding']) {
      case 'gzip':
        return zlib.gunzipSync(bytes).toString();
      case 'br':
        return zlib.brotliDecompressSync(bytes).toString();
      default:
        return bytes.toString();
    }
  };
  const CODINGS = ['gzip', 'br', 'gzip, br', 'br,gzip;q=1', 'deflate;q=0, gzip, br', 'identity', undefined];

  it('behind the cache each coding is stored once, and nobody gets one that he cannot read', async () => {
    const { ask, cache } = await serve(answer, { behind: [compression()] });
    for (let round = 0; round < 3; round++) {
      for (const coding of CODINGS) {
        const given = await ask('/a', { headers: coding === undefined ? {} : { 'accept-encoding': coding } });
        assert.equal(decode(given), page, coding);
        assert.ok((coding ?? 'identity').includes(given.headers['content-encoding'] ?? 'identity'), coding);
        assert.equal(given.x, round === 0 ? given.x : 'HIT');
      }
    }
    const { bytes, stored } = cache.stats();
    assert.ok(stored >= 3);
    assert.ok(bytes < 12 * KIB, `one of each of three codings: ${bytes} bytes`);
  });

  it('in front of the cache the page is stored as it is, and compressed for each', async () => {
    const { ask, cache, seen } = await serve(answer, { before: [compression()] });
    for (const coding of [...CODINGS, ...CODINGS]) {
      const given = await ask('/a', { headers: coding === undefined ? {} : { 'accept-encoding': coding } });
      assert.equal(decode(given), page, coding);
    }
    assert.equal(seen.length, 1);
    assert.equal(cache.stats().entries, 1);
    const { status } = await ask('/a', { headers: { 'accept-encoding': 'gzip', 'if-none-match': '*' } });
    assert.equal(status, 304);
  });

  it('a validation is not seen by what stands between the handler and the cache', async () => {
    const shout = (_req, res, next) => {
      const { end } = res;
      res.end = (chunk, ...rest) => end.call(res, chunk && `${chunk}!`, ...rest);
      next();
    };
    const handler = (req, res) => {
      res.set({ 'Cache-Control': 'max-age=1', ETag: '"a"' });
      if (req.headers['if-none-match'] === '"a"') {
        res.status(304).end();
      } else {
        res.end('hey');
      }
    };
    const { ask, clock, cache } = await serve(handler, { behind: [shout] });
    for (let i = 0; i < 3; i++) {
      assert.equal((await ask('/a')).body, 'hey!');
      clock.advance(2000);
    }
    assert.equal(cache.stats().revalidated, 2);
  });

  it('a validation behind it does not compress twice', async () => {
    const handler = (req, res) => {
      res.set({ 'Cache-Control': 'max-age=1', 'Content-Type': 'text/plain', ETag: 'W/"a"' });
      res.send(page);
    };
    const { ask, clock, cache } = await serve(handler, { behind: [compression()] });
    for (let i = 0; i < 3; i++) {
      const given = await ask('/a', { headers: { 'accept-encoding': 'gzip' } });
      assert.deepEqual([decode(given), given.headers['content-encoding']], [page, 'gzip']);
      clock.advance(2000);
    }
    assert.equal(cache.stats().revalidated, 2);
  });
});

describe('what else a response can be', () => {
  it('interim responses and trailers pass, and are not stored', async () => {
    const { port } = await serve((_req, res) => {
      res.writeEarlyHints({ link: '</a.css>; rel=preload' });
      res.writeHead(200, { ...FRESH, Trailer: 'X-Sum' });
      res.write('body');
      res.addTrailers({ 'X-Sum': '1' });
      res.end();
    });
    const seen = [];
    for (let i = 0; i < 2; i++) {
      const req = http.get({ port, path: '/a', agent: false });
      let hints = 0;
      req.on('information', () => hints++);
      const [res] = await once(req, 'response');
      res.resume();
      await once(res, 'end');
      seen.push([hints, res.trailers['x-sum'], res.headers.trailer, res.headers['x-cache']]);
    }
    assert.deepEqual(seen, [
      [1, '1', 'X-Sum', 'MISS'],
      [0, undefined, undefined, 'HIT'],
    ]);
  });

  it('one of HTTP/2', async () => {
    const cache = responseCache({ ttl: 1000, staleWhileRevalidate: 1000 });
    let runs = 0;
    const server = http2.createServer((req, res) =>
      cache(req, res, () => {
        res.setHeader('X-Run', String(++runs));
        res.write('one ');
        res.end('two');
      }),
    );
    server.listen(0);
    const client = http2.connect(`http://127.0.0.1:${server.address().port}`);
    for (let i = 0; i < 3; i++) {
      const stream = client.request({ ':path': '/a', ':method': i === 2 ? 'HEAD' : 'GET' });
      const [headers] = await once(stream, 'response');
      let body = '';
      for await (const chunk of stream) {
        body += chunk;
      }
      assert.deepEqual([headers[':status'], headers['x-run'], body], [200, '1', i === 2 ? '' : 'one two']);
    }
    assert.equal(runs, 1);
    client.close();
    server.close();
    cache.close();
  });

  it('one that somebody has answered before', async () => {
    const { ask, seen } = await serve((_req, res) => assert.ok(res.headersSent), {
      before: [
        (req, res, next) => {
          if (req.url === '/taken') {
            res.end('taken');
          }
          next();
        },
      ],
    });
    assert.equal((await ask('/taken')).body, 'taken');
    assert.equal(seen.length, 1);
  });

  it('one whose handler sends two heads, or writes after its end, as without a cache', async () => {
    const { ask, cache } = await serve((req, res) => {
      res.on('error', () => {});
      if (req.url === '/heads') {
        res.writeHead(200, FRESH);
        assert.throws(() => res.writeHead(200), { code: 'ERR_HTTP_HEADERS_SENT' });
        res.end('one');
      } else {
        res.writeHead(200, FRESH).end('one');
        res.write('two');
        res.end('three');
      }
    });
    for (const path of ['/heads', '/after']) {
      assert.deepEqual([(await ask(path)).body, (await ask(path)).body], ['one', 'one'], path);
    }
    assert.equal(cache.stats().stored, 2);
  });

  it('one that is mounted twice, and one within another', async () => {
    const { ask, seen, cache } = await serve(counter(), { behind: [responseCache({ ttl: 1000 })] });
    await ask('/a');
    cache.clear();
    assert.equal((await ask('/a')).body, 'answer 1', 'the inner one has it');
    assert.equal((await ask('/a')).x, 'HIT');
    assert.equal(seen.length, 1);
  });
});
