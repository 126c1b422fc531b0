'use strict';

const assert = require('node:assert/strict');
const { once } = require('node:events');
const http = require('node:http');
const { describe, it } = require('node:test');
const { Cache, ObjectPool, createMonitor } = require('..');
const { chromium, domOf } = require('./browser.js');

const browser = chromium();
const skip = browser === undefined && 'no Chromium found (CHROME_PATH may name one)';

describe('the status page in a browser', { skip }, () => {
  it('shows the figures, names as text and not as markup, and no error', async () => {
    const cache = new Cache({ max: 5 });
    cache.set('a', 1);
    cache.get('a');
    const pool = new ObjectPool(() => ({}));
    pool.acquire();
    const monitor = createMonitor({
      caches: { '<b id="evil">x</b>': cache },
      pools: { images: pool },
    }).start();
    const measure = monitor.middleware();
    const handler = monitor.handler();
    const server = http.createServer((req, res) => measure(req, res, () => handler(req, res)));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const dom = await domOf(browser, `http://127.0.0.1:${server.address().port}/heapwise`);
    server.close();
    server.closeAllConnections();
    monitor.close();

    for (const heading of ['Service', 'Event loop', 'Memory', 'Leak verdict', 'Caches', 'Pools', 'Routes']) {
      assert.ok(dom.includes(`<h2>${heading}</h2>`), `${heading} is missing:\n${dom}`);
    }
    assert.match(dom, /<td>State<\/td><td>warming<\/td>/);
    assert.match(dom, /&lt;b id="evil"&gt;x&lt;\/b&gt;<\/td><td>100\.0 % hits, 1 entries/);
    assert.doesNotMatch(dom, /<b id="evil">/);
    assert.match(dom, /<td>images<\/td><td>1 lent, 0 idle, 1 times lent<\/td>/);
    assert.match(dom, /<td>GET \/heapwise 200<\/td>/);
    assert.match(dom, /<p id="error" role="status"><\/p>/);
  });
});
