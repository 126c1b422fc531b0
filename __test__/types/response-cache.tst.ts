import express from 'express';
import { createServer } from 'node:http';
import { describe, expect, test } from 'tstyche';
import {
  type Invalidation,
  type PooledMiddleware,
  type RefusalReason,
  type ResponseCache,
  type ResponseCacheStats,
  responseCache,
} from '../../express.js';

describe('wrong use is refused', () => {
  test('a misspelt or wrong option', () => {
    expect(responseCache).type.not.toBeCallableWith({ maxByte: 5 });
    expect(responseCache).type.not.toBeCallableWith({ maxBytes: '5' });
    expect(responseCache).type.not.toBeCallableWith({ setCookie: 'keep' });
    expect(responseCache).type.not.toBeCallableWith({ statuses: 200 });
    expect(responseCache).type.not.toBeCallableWith({ key: () => 5 });
    expect(responseCache).type.not.toBeCallableWith({ groups: () => 5 });
    expect(responseCache).type.not.toBeCallableWith({ ignoreCookies: 'theme' });
    expect(responseCache).type.not.toBeCallableWith({ statusHeader: 'age' });
  });

  test('what is neither a URL nor a group, or both', () => {
    const { invalidate } = responseCache();
    expect(invalidate).type.not.toBeCallableWith('/a');
    expect(invalidate).type.not.toBeCallableWith({});
    expect(invalidate).type.not.toBeCallableWith({ url: '/a', group: 'a' });
    expect(invalidate).type.not.toBeCallableWith({ tag: 'a' });
  });
});

describe('a cache of responses', () => {
  const cache = responseCache({
    maxBytes: 1e8,
    maxEntryBytes: 1e6,
    ttl: 1000,
    heuristic: 0.1,
    staleWhileRevalidate: 1000,
    staleIfError: 1000,
    waitTimeout: 1000,
    authorization: true,
    ignoreCookies: ['theme'],
    setCookie: 'strip',
    statuses: [200, 404],
    targets: ['CDN-Cache-Control'],
    normalize: { 'User-Agent': (agent) => agent.slice(0, 7) },
    clientMayBypass: false,
    key: (req) => (req.url.startsWith('/admin') ? null : req.url),
    groups: (req) => [req.url],
    statusHeader: 'cache-status',
    name: 'front',
    now: Date.now,
  });

  test('is a middleware of Express and of plain http', () => {
    expect(cache).type.toBe<ResponseCache>();
    expect(cache).type.toBeAssignableTo<PooledMiddleware>();
    express()
      .use(cache)
      .get('/', cache, (_req, res) => void res.send('x'));
    createServer((req, res) => cache(req, res, () => res.end()));
  });

  test('stands in front of an app', () => {
    createServer(cache.inFrontOf(express()));
    createServer(cache.inFrontOf((_req, res) => res.end()));
    expect(cache.inFrontOf).type.not.toBeCallableWith({});
  });

  test('is invalidated, and says what it has', () => {
    expect(cache.invalidate({ url: '/a' })).type.toBe<number>();
    expect(cache.invalidate({ group: 'a' } satisfies Invalidation)).type.toBe<number>();
    expect(cache.stats()).type.toBe<ResponseCacheStats>();
    expect(cache.stats().refused).type.toBe<Partial<Record<RefusalReason, number>>>();
    expect(cache.clear()).type.toBe<void>();
    expect(cache.close()).type.toBe<void>();
    using own = responseCache();
    expect(own.stats().hits).type.toBe<number>();
  });
});
