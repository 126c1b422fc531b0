'use strict';

// The public surface, written out: whatever is added, renamed or lost has to be said here as well.

const assert = require('node:assert/strict');
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const { describe, test } = require('node:test');
const heapwise = require('..');
const { CacheNamespace } = require('../lib/cache/namespace.js');
const { ResourceLease } = require('../lib/resource-pool/lease.js');
const { codes } = require('../lib/errors.js');

const EXPORTS = [
  'BufferPool',
  'Cache',
  'EventLoopMonitor',
  'Histogram',
  'LeakDetector',
  'ObjectPool',
  'ResourcePool',
  'SharedCache',
  'TieredCache',
  'assertNoLeak',
  'createMonitor',
];

/** Public members of each prototype: methods, and with `get` in front what is read like a property. */
const MEMBERS = {
  BufferPool: ['acquire', 'close', 'lease', 'release', 'stats', 'trim', 'use', '[Symbol.dispose]'],
  Cache: [
    'clear',
    'close',
    'delete',
    'dump',
    'entries',
    'get',
    'get size',
    'getOrLoad',
    'has',
    'invalidateTag',
    'keys',
    'load',
    'namespace',
    'peek',
    'set',
    'stats',
    'values',
    '[Symbol.dispose]',
    '[Symbol.iterator]',
  ],
  EventLoopMonitor: [
    'close',
    'get delay',
    'get gc',
    'get histogram',
    'start',
    'stats',
    'stop',
    'utilization',
    'window',
    '[Symbol.dispose]',
  ],
  Histogram: [
    'countsAtOrBelow',
    'encode',
    'get count',
    'get max',
    'get mean',
    'get min',
    'get stddev',
    'merge',
    'percentile',
    'record',
    'reset',
    'since',
    'snapshot',
    'summary',
  ],
  LeakDetector: ['check', 'close', 'reset', 'start', 'stop', '[Symbol.dispose]'],
  Monitor: [
    'addCache',
    'addPool',
    'close',
    'get latency',
    'get leak',
    'get loop',
    'handler',
    'metrics',
    'middleware',
    'removeCache',
    'removePool',
    'report',
    'start',
    'stop',
    '[Symbol.dispose]',
  ],
  ObjectPool: ['acquire', 'close', 'lease', 'release', 'stats', 'trim', 'use', '[Symbol.dispose]'],
  Lease: ['release', '[Symbol.dispose]'],
  ResourceLease: ['destroy', 'release', '[Symbol.dispose]'],
  ResourcePool: [
    'acquire',
    'close',
    'destroy',
    'evict',
    'drain',
    'holders',
    'lease',
    'ready',
    'release',
    'stats',
    'tryAcquire',
    'use',
    '[Symbol.asyncDispose]',
  ],
  SharedCache: [
    'clear',
    'close',
    'delete',
    'deletePrefix',
    'entries',
    'get',
    'get name',
    'get size',
    'getAsync',
    'getBuffer',
    'getInto',
    'get restored',
    'getOrLoad',
    'has',
    'invalidateTag',
    'keys',
    'peek',
    'save',
    'scan',
    'set',
    'setAsync',
    'stats',
    'values',
    '[Symbol.dispose]',
    '[Symbol.iterator]',
  ],
  TieredCache: [
    'clear',
    'close',
    'delete',
    'get',
    'getMany',
    'getOrLoad',
    'has',
    'ready',
    'set',
    'stats',
    '[Symbol.asyncDispose]',
  ],
};

/** The description of Symbol.dispose differs between versions of Node. */
const SYMBOLS = new Map([
  [Symbol.dispose, '[Symbol.dispose]'],
  [Symbol.asyncDispose, '[Symbol.asyncDispose]'],
  [Symbol.iterator, '[Symbol.iterator]'],
]);

const declarations = readFileSync(join(__dirname, '..', 'index.d.ts'), 'utf8');

/** Those that it inherits from another class of this package included. */
function membersOf(prototype) {
  const keys = Reflect.ownKeys(prototype).filter((key) => key !== 'constructor');
  const own = keys.map((key) => {
    const name = SYMBOLS.get(key) ?? String(key);
    return Object.getOwnPropertyDescriptor(prototype, key).get ? `get ${name}` : name;
  });
  const parent = Object.getPrototypeOf(prototype);
  return parent === CacheNamespace.prototype ? [...new Set([...own, ...membersOf(parent)])] : own;
}

/** Members of a class or interface in index.d.ts, spelt as `membersOf` does. */
function declaredMembersOf(name) {
  const [, body] = new RegExp(`^export (?:class|interface) ${name}\\b.*?\\{\\n(.*?)^\\}`, 'ms').exec(
    declarations,
  );
  // Two spaces: what is nested deeper is a type.
  const members = body.matchAll(/^ {2}(static |readonly )?(\[?[\w.]+\]?)[(<:]/gm);
  const own = [...members].filter(([, kind, key]) => kind !== 'static ' && key !== 'constructor');
  // A set, because overloads come more than once.
  return [...new Set(own.map(([, kind, key]) => (kind === 'readonly ' ? `get ${key}` : key)))];
}

const PROTOTYPES = {
  ...Object.fromEntries(
    EXPORTS.filter((name) => name !== 'createMonitor').map((name) => [name, heapwise[name].prototype]),
  ),
  Lease: Object.getPrototypeOf(new heapwise.ObjectPool(() => ({})).lease()),
  Monitor: Object.getPrototypeOf(heapwise.createMonitor()),
  ResourceLease: ResourceLease.prototype,
};

test('the exports are these', () => {
  assert.deepEqual(Object.keys(heapwise).toSorted(), EXPORTS);
});

test('index.d.ts declares a value for each export and no other', () => {
  const declared = declarations.matchAll(
    /^export (?:declare )?(?:abstract )?(?:class|function|const|let|var|enum|default|namespace) (\w+)/gm,
  );
  assert.deepEqual([...declared].map(([, name]) => name).toSorted(), EXPORTS);
});

test('named imports work from an ES module', async () => {
  const module = await import('../lib/index.js');
  for (const name of EXPORTS) {
    assert.equal(module[name], heapwise[name], name);
  }
});

test('heapwise/streams exports these, and streams.d.ts declares them', async () => {
  const names = ['pooledTransform', 'release'];
  assert.deepEqual(Object.keys(require('heapwise/streams')), names);
  const text = readFileSync(join(__dirname, '..', 'streams.d.ts'), 'utf8');
  const declared = new Set([...text.matchAll(/^export function (\w+)/gm)].map(([, name]) => name));
  assert.deepEqual([...declared], names);
  const unknown = [...text.matchAll(/ERR_HEAPWISE_\w+/g)].filter(([code]) => !codes.includes(code));
  assert.deepEqual(unknown, []);
  const { pooledTransform } = await import('heapwise/streams');
  assert.equal(pooledTransform, require('heapwise/streams').pooledTransform);
});

test('the exports of heapwise/express are these, and express.d.ts declares them', () => {
  const face = require('heapwise/express');
  assert.deepEqual(Object.keys(face), ['pooled', 'responseCache']);
  const text = readFileSync(join(__dirname, '..', 'express.d.ts'), 'utf8');
  const declared = text.matchAll(
    /^export (?:declare )?(?:class|function|const|let|var|enum|default) (\w+)/gm,
  );
  assert.deepEqual(
    [...declared].map(([, name]) => name),
    ['pooled', 'responseCache'],
  );
});

test('heapwise/keyv exports one class, and keyv.d.ts declares its members', async () => {
  const { KeyvSharedCache, ...others } = require('heapwise/keyv');
  assert.deepEqual(Object.keys(others), []);
  const text = readFileSync(join(__dirname, '..', 'keyv.d.ts'), 'utf8');
  const declared = text.matchAll(/^ {2}(?:readonly |get |set )?(\w+)[(:].*;$/gm);
  const names = new Set([...declared].map(([, name]) => name));
  for (const name of [...Object.getOwnPropertyNames(KeyvSharedCache.prototype), 'opts']) {
    assert.ok(names.has(name), name);
  }
  const unknown = [...text.matchAll(/ERR_HEAPWISE_\w+/g)].filter(([code]) => !codes.includes(code));
  assert.deepEqual(unknown, []);
  assert.equal((await import('heapwise/keyv')).KeyvSharedCache, KeyvSharedCache);
});

test('the exports of heapwise/lru-cache are these, and lru-cache.d.ts declares what there is', () => {
  const { LRUCache, ...rest } = require('heapwise/lru-cache');
  assert.deepEqual(rest, {});
  const text = readFileSync(join(__dirname, '..', 'lru-cache.d.ts'), 'utf8');
  const [, body] = /^export declare class LRUCache\b.*?\{\n(.*?)^\}/ms.exec(text);
  const declared = [...body.matchAll(/^ {2}(readonly )?(\[?[\w.]+\]?)\??[(<:]/gm)].map(([, , name]) => name);
  const own = new Set(declared.filter((name) => name !== 'constructor'));
  const there = Reflect.ownKeys(LRUCache.prototype).map((key) =>
    key === Symbol.toStringTag ? '[Symbol.toStringTag]' : (SYMBOLS.get(key) ?? String(key)),
  );
  const found = [...there.filter((name) => name !== 'constructor'), ...Object.keys(new LRUCache({ max: 1 }))];
  assert.deepEqual([...own].toSorted(), found.toSorted());
  const unknown = [...text.matchAll(/ERR_HEAPWISE_LRU_CACHE_\w*\w(?=`)/g)].filter(
    ([code]) => !codes.includes(code) && !code.endsWith('_'),
  );
  assert.deepEqual(unknown, []);
});

describe('the public members are these', () => {
  for (const [name, members] of Object.entries(MEMBERS)) {
    test(name, () => {
      const found = membersOf(PROTOTYPES[name]);
      assert.deepEqual(found.toSorted(), members.toSorted());
    });
  }
});

describe('index.d.ts declares each public member and no other', () => {
  for (const name of Object.keys(MEMBERS)) {
    test(name, () => {
      // The value of a lease is a field, so not on its prototype.
      const declared = declaredMembersOf(name).filter((member) => member !== 'get value');
      assert.deepEqual(declared.toSorted(), membersOf(PROTOTYPES[name]).toSorted());
    });
  }
});

test('static members are these and no others', () => {
  const ofFunctions = new Set(['length', 'name', 'prototype']);
  const members = { Histogram: ['decode'], EventLoopMonitor: ['blocks'], SharedCache: ['open'] };
  for (const name of EXPORTS.filter((each) => /^[A-Z]/.test(each))) {
    const own = Object.getOwnPropertyNames(heapwise[name]).filter((key) => !ofFunctions.has(key));
    assert.deepEqual(own, members[name] ?? [], name);
  }
});

test('no instance shows its insides', () => {
  assert.deepEqual(Object.keys(new heapwise.BufferPool({ maxBytes: 65_536 })), []);
  assert.deepEqual(Object.keys(new heapwise.Cache({ max: 1 })), []);
  assert.deepEqual(Object.keys(new heapwise.Histogram()), []);
  assert.deepEqual(Object.keys(new heapwise.ObjectPool(() => ({}))), []);
});

test('index.d.ts lists every error code', () => {
  const union = /^export type HeapwiseErrorCode =(.*?);$/ms.exec(declarations)[1];
  const declared = [...union.matchAll(/'(ERR_HEAPWISE_\w+)'/g)].map(([, code]) => code);
  // Raised before the table can be used.
  assert.deepEqual(declared.toSorted(), codes.toSorted());
});

test('every error code that index.d.ts speaks of exists', () => {
  const unknown = new Set(declarations.match(/ERR_HEAPWISE_\w+/g));
  for (const code of codes) {
    unknown.delete(code);
  }
  assert.deepEqual([...unknown], []);
});
