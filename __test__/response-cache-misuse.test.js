'use strict';

const assert = require('node:assert/strict');
const { once } = require('node:events');
const { describe, it } = require('node:test');
const { responseCache } = require('../lib/express.js');
const { NOT_BOOLEANS, NOT_FUNCTIONS, NOT_NUMBERS, NOT_OBJECTS, assertCode } = require('./helper.js');
const { counter, serve } = require('./response-cache-rig.js');

const TYPE = ['ERR_HEAPWISE_INVALID_ARG_TYPE', TypeError];
const VALUE = ['ERR_HEAPWISE_INVALID_ARG_VALUE', RangeError];

describe('options that are wrong are refused', () => {
  it('what is no object, and a name that is misspelt', () => {
    for (const options of NOT_OBJECTS) {
      assertCode(() => responseCache(options), ...TYPE, options);
    }
    const { message } = assertCode(
      () => responseCache({ maxByte: 1 }),
      'ERR_HEAPWISE_UNKNOWN_OPTION',
      TypeError,
    );
    assert.match(message, /"maxBytes"/);
  });

  it('numbers that are none, or out of range', () => {
    const numbers = [
      'maxBytes',
      'maxEntryBytes',
      'ttl',
      'heuristic',
      'staleWhileRevalidate',
      'staleIfError',
      'waitTimeout',
    ];
    for (const name of numbers) {
      for (const value of NOT_NUMBERS) {
        assertCode(() => responseCache({ [name]: value }), ...TYPE, value);
      }
      for (const value of [NaN, -1, Infinity]) {
        assertCode(() => responseCache({ [name]: value }), ...VALUE, value);
      }
    }
    for (const options of [
      { maxBytes: 0 },
      { maxBytes: 1.5 },
      { maxEntryBytes: 0 },
      { maxBytes: 10, maxEntryBytes: 11 },
      { heuristic: 1.1 },
      { waitTimeout: 2 ** 31 },
    ]) {
      assertCode(() => responseCache(options), ...VALUE, JSON.stringify(options));
    }
  });

  it('flags, functions and choices', () => {
    for (const value of NOT_BOOLEANS) {
      assertCode(() => responseCache({ authorization: value }), ...TYPE, value);
      assertCode(() => responseCache({ clientMayBypass: value }), ...TYPE, value);
    }
    for (const value of NOT_FUNCTIONS.slice(1)) {
      for (const name of ['key', 'groups', 'now']) {
        assertCode(() => responseCache({ [name]: value }), ...TYPE, value);
      }
      assertCode(() => responseCache({ normalize: { cookie: value } }), ...TYPE, value);
    }
    for (const value of [null, 5, 'all', [], true]) {
      assertCode(() => responseCache({ setCookie: value }), ...VALUE, value);
      assertCode(() => responseCache({ statusHeader: value }), ...VALUE, value);
    }
  });

  it('lists, and what is in them', () => {
    for (const value of [null, 5, 'theme', {}]) {
      assertCode(() => responseCache({ ignoreCookies: value }), ...TYPE, value);
      assertCode(() => responseCache({ targets: value }), ...TYPE, value);
      assertCode(() => responseCache({ statuses: value }), ...TYPE, value);
    }
    assertCode(() => responseCache({ ignoreCookies: [5] }), ...TYPE);
    assertCode(() => responseCache({ ignoreCookies: ['a b'] }), ...VALUE);
    assertCode(() => responseCache({ targets: ['CDN Cache'] }), ...VALUE);
    assertCode(() => responseCache({ statuses: ['200'] }), ...TYPE);
    assertCode(() => responseCache({ statuses: [199] }), ...VALUE);
    assertCode(() => responseCache({ name: 'my cache' }), ...VALUE);
    assertCode(() => responseCache({ name: '1' }), ...VALUE);
    assertCode(() => responseCache({ normalize: [] }), ...TYPE);
  });
});

describe('invalidate', () => {
  it('refuses what names neither a URL nor a group, or both', () => {
    const cache = responseCache();
    for (const what of [undefined, null, '/a', {}, { url: 5 }, { url: '/a', group: 'a' }, { tag: 'a' }]) {
      assertCode(() => cache.invalidate(what), ...TYPE, what);
    }
    cache.close();
  });
});

describe('inFrontOf', () => {
  it('refuses what is no listener', () => {
    const cache = responseCache();
    for (const listener of NOT_FUNCTIONS) {
      assertCode(() => cache.inFrontOf(listener), ...TYPE, listener);
    }
    cache.close();
  });
});

describe('a key function', () => {
  it('that throws, or returns no string, is an error of the request, and nothing is stored', async () => {
    for (const key of [
      () => {
        throw Object.assign(new Error('no key'), { code: 'NO_KEY' });
      },
      () => 5,
    ]) {
      const { ask, cache, seen } = await serve(counter(), { cache: { key } });
      const { status, body } = await ask('/a');
      assert.equal(status, 500);
      assert.match(body, /NO_KEY|ERR_HEAPWISE_INVALID_ARG_TYPE/);
      assert.equal(seen.length, 0);
      assert.equal(cache.stats().entries, 0);
    }
  });

  it('that throws in front of an app is a 500 that says nothing, and a warning', async () => {
    const key = () => {
      throw new Error('no key');
    };
    const warned = once(process, 'warning');
    const { ask, seen } = await serve(counter(), { host: 'http in front of Express 5', cache: { key } });
    const { status, body } = await ask('/a');
    assert.deepEqual([status, body], [500, '']);
    const [warning] = await warned;
    assert.equal(warning.code, 'HEAPWISE_RESPONSE_KEY');
    assert.match(warning.message, /no key/);
    assert.equal(seen.length, 0);
  });

  it('that returns nothing lets the request pass', async () => {
    const { ask, cache } = await serve(counter(), { cache: { key: () => undefined } });
    assert.deepEqual([(await ask('/a')).body, (await ask('/a')).body], ['answer 1', 'answer 2']);
    assert.equal(cache.stats().bypassed, 2);
  });
});

describe('groups that throw', () => {
  it('leave the response whole, and not stored; a warning tells', async () => {
    const groups = () => {
      throw new Error('no groups');
    };
    const { ask, cache } = await serve(counter(), { cache: { groups } });
    const warned = once(process, 'warning');
    assert.equal((await ask('/a')).body, 'answer 1');
    const [warning] = await warned;
    assert.equal(warning.code, 'HEAPWISE_RESPONSE_GROUPS');
    assert.match(warning.message, /no groups/);
    assert.equal((await ask('/a')).body, 'answer 2');
    assert.equal(cache.stats().entries, 0);
    assert.deepEqual(cache.stats().refused, { groups: 2 });
  });
});

describe('a closed cache', () => {
  it('lets all pass, holds nothing, and closes again', async () => {
    const { ask, cache } = await serve(counter());
    await ask('/a');
    assert.equal(cache.stats().entries, 1);
    cache.close();
    cache.close();
    cache[Symbol.dispose]();
    assert.equal(cache.stats().entries, 0);
    assert.equal((await ask('/a')).body, 'answer 2');
    assert.equal((await ask('/a', { method: 'POST' })).status, 200);
    assert.equal(cache.invalidate({ url: '/a' }), 0);
    cache.clear();
  });
});
