// node-flags: --expose-gc
'use strict';

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const { Cache } = require('..');
const { NOT_STRINGS, assertCode, collected, deferred, manualClock, seeded } = require('./helper.js');
const { manualCache } = require('./manual-cache.js');

describe('misuse of a namespace', () => {
  test('is refused', () => {
    const cache = new Cache({ max: 5 });
    for (const wrong of NOT_STRINGS) {
      assertCode(() => cache.namespace(wrong), 'ERR_HEAPWISE_INVALID_ARG_TYPE', TypeError, wrong);
    }
    const users = cache.namespace('users');
    users.set('a', 1);
    assertCode(() => users.set('a', 2, { ttl: -1 }), 'ERR_HEAPWISE_INVALID_ARG_VALUE', RangeError);
    assertCode(() => users.getOrLoad('a', 5), 'ERR_HEAPWISE_INVALID_ARG_TYPE', TypeError);
    assert.equal(users.get('a'), 1);
  });

  test('after close of the cache throws, and close twice does no harm', () => {
    const cache = new Cache({ max: 5 });
    const users = cache.namespace('users');
    users.set('a', 1);
    cache.close();
    cache.close();
    assert.equal(users.size, 0);
    for (const use of [
      () => cache.namespace('users'),
      () => users.get('a'),
      () => users.set('a', 1),
      () => users.clear(),
      () => users.getOrLoad('a', () => 1),
      () => users.keys().next(),
    ]) {
      assertCode(use, 'ERR_HEAPWISE_CACHE_CLOSED', Error);
    }
  });

  test('by a dump that names none is refused', () => {
    const cache = new Cache({ max: 5 });
    const rest = { ttl: 0, size: null, namespace: 5 };
    assertCode(() => cache.load([['a', 1, rest]]), 'ERR_HEAPWISE_INVALID_ARG_TYPE', TypeError);
    assert.equal(cache.size, 0);
  });
});

describe('keys of namespaces', () => {
  test('do not meet those of another one, or of the cache, whatever they are', () => {
    const cache = new Cache({ max: 1000 });
    const keys = ['a', 5, '5', 0.5, {}, Symbol('s'), 10n, NaN, null, undefined, ''];
    for (const key of keys) {
      cache.set(key, 'none');
    }
    const [users, teams] = ['users', ''].map((name) => cache.namespace(name));
    for (const key of keys) {
      assert.equal(users.has(key), false);
      users.set(key, 'users');
      assert.equal(teams.get(key), undefined);
      teams.set(key, 'teams');
    }
    for (const key of keys) {
      assert.deepEqual(
        [cache, users, teams].map((it) => it.get(key)),
        ['none', 'users', 'teams'],
      );
    }
    assert.deepEqual([cache.size, users.size, teams.size], [33, 11, 11]);
    assert.deepEqual(new Set(users.keys()), new Set(keys));
    assert.deepEqual(new Set(users.values()), new Set(['users']));
    assert.equal([...cache].length, 11);
    assert.ok(keys.every((key) => users.delete(key)));
    assert.deepEqual([cache.size, users.size, teams.size], [22, 0, 11]);
  });

  test('are the same ones each time, and come after entries that were there before', () => {
    const cache = new Cache({ max: 5000, policy: 'lru' });
    for (let i = 0; i < 3000; i++) {
      cache.set(i, -i);
    }
    cache.namespace('users').set(5, 'five');
    assert.equal(cache.namespace('users'), cache.namespace('users'));
    assert.equal(cache.namespace('users').get(5), 'five');
    assert.equal(cache.get(5), -5);
    assert.equal(cache.size, 3001);
    // One slot is used again by the other side.
    cache.delete(7);
    cache.namespace('users').set('x', 1);
    cache.namespace('users').delete(5);
    cache.set('y', 2);
    assert.deepEqual([cache.get('y'), cache.get(5), cache.namespace('users').size], [2, -5, 1]);
  });

  test('share the bound of the cache, and whoever is used least makes room', () => {
    const cache = new Cache({ max: 4, policy: 'lru' });
    const [a, b] = ['a', 'b'].map((name) => cache.namespace(name));
    a.set(1, 'a1');
    b.set(1, 'b1');
    cache.set(1, 'none');
    a.set(2, 'a2');
    a.get(1);
    b.set(2, 'b2');
    assert.equal(b.has(1), false);
    cache.set(2, 'two');
    assert.equal(cache.has(1), false);
    assert.deepEqual([a.get(1), a.get(2), b.get(2), cache.get(2)], ['a1', 'a2', 'b2', 'two']);
    assert.equal(cache.stats().evictions, 2);
  });

  test('share its size, times, tags and statistics', () => {
    const { now, advance } = manualClock();
    const cache = new Cache({ max: 100, maxSize: 10, sizeOf: () => 4, ttl: 100, now });
    const users = cache.namespace('users');
    users.set('a', 1, { tags: ['t'] });
    cache.set('a', 2, { tags: ['t'], ttl: 500 });
    users.set('b', 3);
    assert.equal(cache.stats().totalSize, 8);
    assert.equal(cache.invalidateTag('t'), true);
    assert.equal(users.get('a'), undefined);
    assert.equal(cache.get('a'), undefined);
    advance(100);
    assert.equal(users.get('b'), undefined);
    const { hits, misses, sets } = cache.stats();
    assert.deepEqual({ hits, misses, sets }, { hits: 0, misses: 3, sets: 3 });
  });

  test('are loaded once for each namespace', async () => {
    const cache = new Cache({ max: 10 });
    const [a, b] = ['a', 'b'].map((name) => cache.namespace(name));
    const gate = deferred();
    const loads = [];
    const load = (name) => (key) => {
      loads.push(`${name} ${key}`);
      return gate.promise.then(() => name);
    };
    const all = [a.getOrLoad(1, load('a')), a.getOrLoad(1, load('a')), b.getOrLoad(1, load('b'))];
    gate.resolve();
    assert.deepEqual(await Promise.all(all), ['a', 'a', 'b']);
    assert.deepEqual(loads, ['a 1', 'b 1']);
    assert.deepEqual([a.get(1), b.get(1), cache.get(1)], ['a', 'b', undefined]);
  });

  test('come back from a dump', () => {
    const cache = new Cache({ max: 10, policy: 'lru' });
    cache.set('a', 1);
    cache.namespace('users').set('a', 2, { tags: ['t'] });
    cache.namespace('').set('a', 3);
    const dead = cache.namespace('dead');
    dead.set('a', 4);
    dead.clear();
    const dump = JSON.parse(JSON.stringify(cache.dump()));
    assert.equal(dump.length, 3);
    const other = new Cache({ max: 10, policy: 'lru' });
    other.load(dump);
    assert.deepEqual(other.dump(), cache.dump());
    assert.deepEqual(
      [other.get('a'), other.namespace('users').get('a'), other.namespace('').get('a')],
      [1, 2, 3],
    );
    assert.equal(other.invalidateTag('t'), true);
    assert.equal(other.namespace('users').has('a'), false);
  });
});

describe('clear of a namespace', () => {
  test('hides its entries at once, and those of no other', () => {
    const cache = new Cache({ max: 100 });
    const users = cache.namespace('users');
    for (let i = 0; i < 20; i++) {
      users.set(i, 'old');
      cache.set(i, 'none');
    }
    users.clear();
    assert.equal(users.size, 0);
    assert.deepEqual([...users], []);
    for (let i = 0; i < 20; i++) {
      assert.equal(users.has(i), false);
      assert.equal(users.peek(i), undefined);
      assert.equal(users.delete(i), false);
      assert.equal(users.get(i), undefined);
      assert.equal(cache.get(i), 'none');
    }
    users.set(5, 'new');
    assert.equal(users.get(5), 'new');
    assert.deepEqual([...users], [[5, 'new']]);
  });

  test('has the dead removed by the timer, and onEvict told of each once', () => {
    const { cache, timers, told } = manualCache({});
    const users = cache.namespace('users');
    cache.set('stays', 1);
    users.set('a', 1);
    users.set('b', 2);
    users.clear();
    users.set('a', 3);
    assert.deepEqual(told, []);
    assert.equal(cache.size, 4);
    timers.advance(5000);
    assert.deepEqual(told, ['a clear', 'b clear']);
    assert.deepEqual([cache.size, users.size], [2, 1]);
    assert.equal(users.get('a'), 3);
    assert.equal(timers.planned, 0);
    assert.equal(cache.stats().evictions, 0);
  });

  test('while the timer looks has the dead removed as well', () => {
    const { cache, timers } = manualCache({});
    const users = cache.namespace('users');
    users.set('passed', 1);
    for (let i = 0; i < 30_000; i++) {
      cache.set(i, i);
    }
    const others = cache.namespace('others');
    others.set('x', 1);
    others.clear();
    timers.advance(1000);
    // Its slot was passed already.
    users.clear();
    timers.advance(5000);
    assert.equal(cache.size, 30_000);
  });

  test('lets the dead make room, and does not count them as evicted', () => {
    const { cache, told } = manualCache({ max: 10, policy: 'lru' });
    const users = cache.namespace('users');
    for (let i = 0; i < 10; i++) {
      users.set(i, i);
    }
    users.clear();
    for (let i = 0; i < 10; i++) {
      cache.set(`k${i}`, i);
    }
    assert.equal(cache.stats().evictions, 0);
    assert.equal(told.length, 10);
    assert.ok(told.every((line) => line.endsWith(' clear')));
    assert.equal(cache.size, 10);
  });

  test('has sets remove the dead, before they make the living go', () => {
    const cache = new Cache({ max: 2000, policy: 'lru' });
    const users = cache.namespace('users');
    for (let i = 0; i < 1000; i++) {
      cache.set(i, 'old');
      users.set(i, 'dead');
    }
    users.clear();
    for (let i = 1000; i < 2000; i++) {
      cache.set(i, 'new');
    }
    const lost = Array.from({ length: 2000 }, (_, i) => i).filter((i) => !cache.has(i));
    // The sweep begins anywhere: a few go before it comes to the dead.
    assert.ok(lost.length < 20, `${lost.length}`);
  });

  test('keeps what is being loaded from being stored', async () => {
    const cache = new Cache({ max: 10 });
    const users = cache.namespace('users');
    const gate = deferred();
    const loading = users.getOrLoad('a', () => gate.promise);
    users.clear();
    gate.resolve(1);
    assert.equal(await loading, 1);
    assert.equal(users.has('a'), false);
  });

  test('by a clock that throws changes nothing', () => {
    let fails = false;
    const now = () => {
      if (fails) {
        throw new Error('no time');
      }
      return 1;
    };
    const cache = new Cache({ max: 10, now });
    const users = cache.namespace('users');
    users.set('a', 1);
    fails = true;
    assert.throws(() => users.clear(), /no time/);
    fails = false;
    assert.equal(users.get('a'), 1);
    assert.equal(users.size, 1);
  });

  test('of the whole cache empties all namespaces, which go on', () => {
    const { cache, told } = manualCache({});
    const [a, b] = ['a', 'b'].map((name) => cache.namespace(name));
    a.set(1, 1);
    b.set(1, 2);
    b.clear();
    b.set(2, 2);
    cache.set(1, 3);
    cache.clear();
    assert.deepEqual([cache.size, a.size, b.size], [0, 0, 0]);
    assert.equal(told.length, 4);
    a.set(1, 'again');
    cache.set(1, 'none');
    assert.deepEqual([a.get(1), b.get(1), b.get(2), cache.get(1)], ['again', undefined, undefined, 'none']);
    assert.ok(a.delete(1));
    assert.equal(cache.get(1), 'none');
  });
});

test('namespaces with entries are not forgotten, whatever was cleared before', async () => {
  const cache = new Cache({ max: 10 });
  // In functions of their own: what a frame has had is not collected.
  const use = (name, clear) => {
    const namespace = cache.namespace(name);
    namespace.set('a', 0);
    clear(namespace);
    namespace.set('a', name);
  };
  use('own', (namespace) => namespace.clear());
  use('all', () => cache.clear());
  use('own', (namespace) => namespace.clear());
  for (let i = 0; i < 3; i++) {
    await collected([new WeakRef({})]);
  }
  assert.deepEqual(
    cache.dump().map(([key, value, { namespace }]) => [key, value, namespace]),
    [
      ['a', 'all', 'all'],
      ['a', 'own', 'own'],
    ],
  );
  assert.deepEqual([cache.namespace('own').get('a'), cache.namespace('all').get('a')], ['own', 'all']);
});

test('namespaces without entries are forgotten, those with entries are not', async () => {
  const cache = new Cache({ max: 10 });
  const refs = Array.from({ length: 100 }, (_, i) => new WeakRef(cache.namespace(`user ${i}`)));
  const kept = new WeakRef(cache.namespace('kept'));
  kept.deref().set('a', 1);
  assert.ok(await collected(refs));
  assert.notEqual(kept.deref(), undefined);
  assert.equal(cache.namespace('kept').get('a'), 1);
  cache.namespace('kept').clear();
  assert.ok(await collected([kept]));
});

test('names of namespaces that nobody has any more do not fill the memory', async () => {
  const cache = new Cache({ max: 10 });
  const length = 100_000;
  const before = process.memoryUsage().heapUsed;
  const refs = Array.from({ length: 300 }, (_, i) => {
    return new WeakRef(cache.namespace(`${i}`.padStart(length, '.')));
  });
  assert.ok(await collected(refs));
  // Finalizers run in a turn of their own.
  await new Promise((resolve) => setImmediate(resolve));
  globalThis.gc();
  const grown = process.memoryUsage().heapUsed - before;
  assert.ok(grown < (refs.length * length) / 2, `${grown} bytes`);
  assert.equal(cache.size, 0);
});

test('keys that were evicted from one namespace are no proof for those of another', () => {
  const cache = new Cache({ max: 1000, policy: 's3fifo' });
  const keys = Array.from({ length: 20 }, (_, i) => `setting ${i}`);
  const evict = (name, count) => {
    for (let i = 0; i < count; i++) {
      cache.namespace(name).set(`${name} ${i}`, i);
    }
  };
  const set = (name) => keys.forEach((key) => cache.namespace(name).set(key, 1));
  const held = (name) => keys.filter((key) => cache.namespace(name).has(key)).length;
  evict('a', 3000);
  set('b');
  // Enough for what is new to go, too few for it to be forgotten.
  evict('c', 500);
  assert.equal(held('b'), 0);
  // They come for the first time to another one, and back to their own one, where they are remembered.
  set('other');
  set('b');
  evict('d', 500);
  // What remembers them loses a few by chance, and takes one in ten thousand for another.
  assert.ok(held('b') >= 12, `${held('b')} of 20`);
  assert.ok(held('other') <= 2, `${held('other')} of 20`);
});

test('random operations on namespaces do what as many Maps do', () => {
  for (let seed = 1; seed <= 10; seed++) {
    const random = seeded(seed);
    const { cache, timers } = manualCache({
      max: 4000,
      policy: random.pick(['lru', 'sieve', 's3fifo', 'auto']),
    });
    const names = ['a', 'b', 'c'];
    const maps = new Map(names.map((name) => [name, new Map()]));
    const none = new Map();
    for (let i = 0; i < 5000; i++) {
      const name = random.pick([...names, undefined]);
      const it = name === undefined ? cache : cache.namespace(name);
      const map = name === undefined ? none : maps.get(name);
      const key = random.below(200);
      const choice = random.below(1000);
      if (choice < 400) {
        it.set(key, i);
        map.set(key, i);
      } else if (choice < 700) {
        assert.equal(it.get(key), map.get(key));
      } else if (choice < 900) {
        assert.equal(it.delete(key), map.delete(key));
      } else if (choice < 950) {
        timers.advance(300);
      } else if (choice < 990 && name !== undefined) {
        it.clear();
        map.clear();
      } else if (choice === 999) {
        cache.clear();
        none.clear();
        maps.forEach((each) => each.clear());
      }
      if (name !== undefined) {
        assert.equal(it.size, map.size);
      }
    }
    for (const [name, map] of maps) {
      assert.deepEqual(new Map(cache.namespace(name)), map);
    }
    assert.deepEqual(new Map(cache), none);
    timers.advance(10_000);
    assert.equal(cache.size, none.size + names.reduce((sum, name) => sum + maps.get(name).size, 0));
  }
});
