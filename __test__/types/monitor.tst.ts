import { createServer } from 'node:http';
import express from 'express';
import { Registry, register } from 'prom-client';
import { describe, expect, test } from 'tstyche';
import {
  type BlockedEvent,
  Cache,
  type CacheLikeStats,
  type EventLoopMonitor,
  type Histogram,
  type LeakDetector,
  type LeakReport,
  type Monitor,
  type MonitorReport,
  ObjectPool,
  type PoolLikeStats,
  type RouteReport,
  createMonitor,
} from '../..';

const monitor = createMonitor();
const cache = new Cache<string, Date>({ max: 5 });
const pool = new ObjectPool(() => new Date());
declare const report: MonitorReport;

describe('wrong use is refused', () => {
  test('a misspelt option', () => {
    expect(createMonitor({ cache: {} })).type.toRaiseError("Did you mean to write 'caches'");
    expect(createMonitor({ loop: { threshold: 5 } })).type.toRaiseError("'threshold' does not exist in type");
    expect(createMonitor({ leak: { warmUp: 5 } })).type.toRaiseError("Did you mean to write 'warmup'");
    expect(createMonitor({ paths: { healthz: '/live' } })).type.toRaiseError(
      "Did you mean to write 'health'",
    );
  });

  test('an option of the wrong type', () => {
    expect(createMonitor({ leak: false })).type.toRaiseError("'false' has no properties in common");
    expect(createMonitor({ maxLabelSets: '5' })).type.toRaiseError(
      "'string' is not assignable to type 'number'",
    );
    expect(createMonitor({ paths: { metrics: /m/ } })).type.toRaiseError(
      "'RegExp' is not assignable to type",
    );
    expect(createMonitor({ registry: {} })).type.toRaiseError('missing the following properties');
  });

  test('a cache or pool without figures', () => {
    expect(createMonitor({ caches: { users: new Map() } })).type.toRaiseError("'stats' is missing");
    expect(createMonitor({ pools: { cache } })).type.toRaiseError('is not assignable to type');
    expect(monitor.addCache).type.not.toBeCallableWith('pool', pool);
    expect(monitor.addPool).type.not.toBeCallableWith('pool');
    expect(monitor.addPool).type.not.toBeCallableWith(pool);
  });

  test('an event that is never emitted', () => {
    expect(monitor.on).type.not.toBeCallableWith('lag', () => {});
  });

  test('the middleware without a next', () => {
    expect(createServer).type.not.toBeCallableWith(monitor.middleware());
  });
});

test('all options may be left out or undefined', () => {
  expect(createMonitor).type.toBeCallableWith();
  expect(createMonitor).type.toBeCallableWith({});
  expect(createMonitor).type.toBeCallableWith({
    loop: undefined,
    leak: undefined,
    caches: undefined,
    pools: undefined,
    registry: undefined,
    paths: { metrics: undefined, health: undefined, page: undefined },
    maxLabelSets: undefined,
  });
  expect(createMonitor({ loop: { blockedThreshold: 5 }, leak: { window: 5 } })).type.toBe<Monitor>();
});

test('caches and pools may be anybody’s', () => {
  const foreign = { entries: 1, hits: 1, misses: 1, hitRate: 0.5, evictions: 0, expirations: 0 };
  expect(createMonitor).type.toBeCallableWith({
    caches: { cache, foreign: { stats: () => foreign } },
    pools: { pool, foreign: { stats: () => ({ borrowed: 1, idle: 1, acquired: 1, created: 1 }) } },
  });
  expect(monitor.addCache('cache', cache).addPool('pool', pool)).type.toBe<Monitor>();
});

test('the registry is that of a Prometheus client', () => {
  expect(createMonitor).type.toBeCallableWith({ registry: register });
  expect(createMonitor).type.toBeCallableWith({ registry: new Registry() });
});

test('listeners get their event', () => {
  monitor.on('blocked', (event) => expect(event).type.toBe<BlockedEvent>());
  monitor.on('suspect', (found) => expect(found).type.toBe<LeakReport>());
  monitor.once('leak', (found) => expect(found).type.toBe<LeakReport>());
  monitor.off('clear', (found) => expect(found).type.toBe<LeakReport>());
});

test('middleware and handler fit Express, and the handler node:http', () => {
  const app = express();
  expect(app.use).type.toBeCallableWith(monitor.middleware(), monitor.handler());
  expect(app.use).type.toBeCallableWith('/internal', monitor.handler());
  expect(express.Router().use).type.toBeCallableWith(monitor.handler());
  expect(createServer).type.toBeCallableWith(monitor.handler());
  createServer((req, res) => monitor.middleware()(req, res, () => monitor.handler()(req, res)));
});

test('parts', () => {
  expect(monitor.loop).type.toBe<EventLoopMonitor>();
  expect(monitor.leak).type.toBe<LeakDetector>();
  expect(monitor.latency).type.toBe<Histogram>();
  expect(monitor.start().stop()).type.toBe<Monitor>();
  expect(monitor.metrics()).type.toBeAssignableTo<Promise<{ type: string; text: string }>>();
});

test('a report', () => {
  expect(monitor.report()).type.toBe<MonitorReport>();
  expect(report.leak).type.toBe<LeakReport>();
  expect(report.blocked).type.toBe<BlockedEvent[]>();
  expect(report.routes).type.toBe<RouteReport[]>();
  expect(report.caches).type.toBe<Record<string, CacheLikeStats>>();
  expect(report.pools).type.toBe<Record<string, PoolLikeStats>>();
  expect(report.gc.major.max).type.toBe<number>();
  expect(report.memory.cgroupLimit).type.toBe<number | null>();
  expect(report.source.gcReason).type.toBe<string | null>();
});

test('it can be used with using', () => {
  using running = createMonitor().start();
  expect(running).type.toBeAssignableTo<Disposable>();
});
