'use strict';

const assert = require('node:assert/strict');
const { mkdtempSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { after, describe, it } = require('node:test');
const { SharedCache } = require('..');

const maxBytes = 16 << 20;
/** Larger than what is copied when it leaves the cache during a save. */
const LARGE = 300 << 10;
const folder = mkdtempSync(join(tmpdir(), 'heapwise-files-tags-'));
after(() => rmSync(folder, { recursive: true }));

function make(t) {
  const cache = new SharedCache({ maxBytes });
  t.after(() => cache.close());
  return cache;
}

async function saved(t, cache, name) {
  const path = join(folder, name);
  await cache.save(path);
  const other = await SharedCache.open(path, { maxBytes });
  t.after(() => other.close());
  return other;
}

describe('a cache that comes from a file', () => {
  it('has the tags of its entries', async (t) => {
    const cache = make(t);
    cache.set('a', 'one', { tags: ['x', 'y'] });
    cache.set('b', Buffer.alloc(LARGE, 7), { tags: ['y', 'ä'], ttl: 60_000 });
    cache.set('c', 'three');
    const other = await saved(t, cache, 'tags');
    assert.deepEqual([...other.keys()].toSorted(), ['a', 'b', 'c']);
    assert.equal(other.invalidateTag('nobody has it'), false);
    assert.equal(other.invalidateTag('x'), true);
    assert.deepEqual([other.get('a'), other.get('c')], [undefined, 'three']);
    assert.equal(other.get('b').length, LARGE);
    assert.equal(other.invalidateTag('ä'), true);
    assert.equal(other.has('b'), false);
    // The saved one is none the wiser.
    assert.equal(cache.get('a'), 'one');
  });

  it('has none of those that were invalidated, though they were not removed yet', async (t) => {
    const cache = make(t);
    for (let i = 0; i < 1000; i++) {
      cache.set(`old ${i}`, 'value', { tags: ['old'] });
      cache.set(`new ${i}`, 'value', { tags: ['new'] });
    }
    cache.invalidateTag('old');
    cache.set('again', 'value', { tags: ['old'] });
    const other = await saved(t, cache, 'invalidated');
    assert.equal(other.size, 1001);
    assert.ok([...other.keys()].every((key) => !key.startsWith('old')));
    assert.equal(other.invalidateTag('old'), true);
    assert.equal(other.has('again'), false);
  });

  it('keeps for so long what may serve when a load fails, and what is known not to be', async (t) => {
    const cache = make(t);
    await cache.getOrLoad('kept', () => 'old', { ttl: 1, staleIfError: 600_000, tags: ['t'] });
    await cache.getOrLoad('none', () => undefined, { negativeTtl: 600_000 });
    await cache.getOrLoad('null', () => null, { negativeTtl: 600_000 });
    while (cache.has('kept')) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    const other = await saved(t, cache, 'stale');
    assert.equal(other.has('kept'), false);
    const fails = () => Promise.reject(new Error('no'));
    assert.equal(await other.getOrLoad('kept', fails, { staleIfError: 600_000 }), 'old');
    assert.equal(await other.getOrLoad('none', fails), undefined);
    assert.equal(await other.getOrLoad('null', fails), null);
    assert.equal(other.invalidateTag('t'), true);
    await assert.rejects(other.getOrLoad('kept', fails, { staleIfError: 600_000 }), /no/);
  });
});
