'use strict';

const assert = require('node:assert/strict');
const http = require('node:http');
const { Readable, pipeline } = require('node:stream');
const { it } = require('node:test');
const { nextTurn, seeded } = require('./helper.js');
const { serve } = require('./response-cache-rig.js');

const REQUESTS = 4000;
/** At a time. */
const CLIENTS = 30;
const URLS = 12;
/** What handlers do, by the number in the URL. */
const KINDS = ['cacheable', 'vary', 'private', 'stream', 'failing', 'stale', 'validated', 'destroyed'];

/** Turns of the event loop before a handler goes on. */
async function turns(count) {
  for (let i = 0; i < count; i++) {
    await nextTurn();
  }
}

/** The body says for whom it is; it is long enough to come in several pieces. */
function bodyFor(req, kind) {
  const owner = kind === 'private' ? req.headers['x-user'] : kind === 'vary' ? req.headers['x-kind'] : 'all';
  return `${req.url} ${owner} `.repeat(200);
}

function answer(random) {
  return async (req, res) => {
    const kind = KINDS[Number(req.url.slice(1)) % KINDS.length];
    await turns(random.below(6));
    const body = bodyFor(req, kind);
    switch (kind) {
      case 'private':
        res.writeHead(200, { 'Cache-Control': 'private, max-age=60' }).end(body);
        break;
      case 'vary':
        res.writeHead(200, { 'Cache-Control': 'max-age=2', Vary: 'X-Kind' }).end(body);
        break;
      case 'stream':
        res.writeHead(200, { 'Cache-Control': 'max-age=2' });
        pipeline(Readable.from([body.slice(0, 100), body.slice(100)]), res, () => {});
        break;
      case 'failing':
        if (random.chance(0.5)) {
          throw new Error('down');
        }
        res.set('Cache-Control', 'max-age=1, stale-if-error=3').end(body);
        break;
      case 'stale':
        res.writeHead(200, { 'Cache-Control': 'max-age=1, stale-while-revalidate=5' }).end(body);
        break;
      case 'validated':
        if (req.headers['if-none-match'] === '"a"') {
          res.writeHead(304, { ETag: '"a"', 'Cache-Control': 'max-age=1' }).end();
        } else {
          res.writeHead(200, { ETag: '"a"', 'Cache-Control': 'max-age=1' }).end(body);
        }
        break;
      case 'destroyed':
        res.writeHead(200, { 'Cache-Control': 'max-age=60' }).write(body.slice(0, 100));
        await turns(1);
        res.destroy();
        break;
      default:
        res.set('Cache-Control', 'max-age=2').send(body);
    }
  };
}

/** One client, which may go away after some turns. Returns what it got, if it got all. */
async function client(port, path, headers, patience) {
  const req = http.get({ port, host: '127.0.0.1', path, headers, agent: false });
  req.on('error', () => {});
  // Not by `once`, for which an error is the end.
  const closed = new Promise((resolve) => {
    req.once('close', resolve);
  });
  if (patience !== Infinity) {
    void turns(patience).then(() => req.destroy());
  }
  let given;
  req.once('response', (res) => {
    let body = '';
    res.setEncoding('latin1');
    res.on('data', (chunk) => (body += chunk));
    res.on('error', () => {});
    res.on('end', () => {
      given = res.complete ? { status: res.statusCode, body } : undefined;
    });
  });
  await closed;
  return given;
}

it(
  '4,000 requests of clients that go away get what is theirs, and leave nothing behind',
  { timeout: 60_000 },
  async () => {
    const random = seeded(11);
    const { cache, clock, port, ask } = await serve(answer(random), {
      cache: { maxBytes: 200_000, maxEntryBytes: 50_000, waitTimeout: 1000 },
    });
    const got = { all: 0, failed: 0 };
    let next = 0;
    await Promise.all(
      Array.from({ length: CLIENTS }, async () => {
        while (next < REQUESTS) {
          next++;
          const number = random.below(URLS);
          const headers = { 'x-user': `user${next}`, 'x-kind': random.pick(['a', 'b', 'c']) };
          if (random.chance(0.05)) {
            headers['cache-control'] = random.pick(['no-cache', 'max-age=0', 'no-store', 'max-stale']);
          }
          if (random.chance(0.02)) {
            cache.invalidate({ url: `/${number}` });
          }
          clock.advance(random.below(40));
          const patience = random.chance(0.3) ? random.below(8) : Infinity;
          const given = await client(port, `/${number}`, headers, patience);
          const kind = KINDS[number % KINDS.length];
          if (given?.status === 200) {
            got.all++;
            assert.equal(
              given.body,
              bodyFor({ url: `/${number}`, headers }, kind),
              `${kind} of ${JSON.stringify(headers)}`,
            );
          } else if (given !== undefined) {
            got.failed++;
            assert.equal(given.status, 500, kind);
          }
          assert.ok(given === undefined || kind !== 'destroyed', 'what breaks off is never whole');
        }
      }),
    );
    const { hits, stale, collapsed, revalidated, stored, bytes, maxBytes } = cache.stats();
    // That the test is what its name says.
    assert.ok(got.all > REQUESTS / 3 && got.failed > 0, JSON.stringify(got));
    assert.ok(
      hits > 200 && stale > 20 && collapsed > 10 && revalidated > 5 && stored > 100,
      JSON.stringify(cache.stats()),
    );
    assert.ok(bytes <= maxBytes);
    // Nothing is taken for being copied still, and nobody waits for who has gone.
    await turns(50);
    cache.clear();
    for (let number = 0; number < URLS; number++) {
      const kind = KINDS[number % KINDS.length];
      if (kind === 'cacheable' || kind === 'stream' || kind === 'validated') {
        await ask(`/${number}`);
        assert.equal((await ask(`/${number}`)).x, 'HIT', kind);
      }
    }
  },
);
