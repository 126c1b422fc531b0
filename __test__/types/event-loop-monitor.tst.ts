import { EventEmitter, once } from 'node:events';
import { describe, expect, test } from 'tstyche';
import {
  type BlockedEvent,
  EventLoopMonitor,
  type EventLoopStats,
  Histogram,
  type LoopPhase,
  type LoopReading,
  type LoopSource,
  type LoopUtilization,
  type LoopWindow,
} from '../..';

const monitor = new EventLoopMonitor();
const histogram = new Histogram();
declare const block: BlockedEvent;

describe('wrong use is refused', () => {
  test('a misspelt option', () => {
    expect(new EventLoopMonitor({ blockedTreshold: 50 })).type.toRaiseError(
      "Did you mean to write 'blockedThreshold'",
    );
  });

  test('an option of the wrong type', () => {
    expect(new EventLoopMonitor({ blockedThreshold: '50ms' })).type.toRaiseError(
      "'string' is not assignable",
    );
  });

  test('an event that is never emitted', () => {
    expect(monitor.on).type.not.toBeCallableWith('block', () => {});
    expect(monitor.emit).type.not.toBeCallableWith('block', block);
    expect(monitor.emit).type.not.toBeCallableWith('blocked', 100);
  });

  test('a listener for something else', () => {
    expect(monitor.on).type.not.toBeCallableWith('blocked', (duration: number) => duration);
  });

  test('writing to the histogram', () => {
    expect((monitor.histogram = histogram)).type.toRaiseError('read-only property');
  });
});

test('all options may be left out or undefined', () => {
  expect(EventLoopMonitor).type.toBeConstructableWith();
  expect(EventLoopMonitor).type.toBeConstructableWith({});
  expect(EventLoopMonitor).type.toBeConstructableWith({
    blockedThreshold: undefined,
    captureStack: undefined,
    stackInterval: undefined,
    reportTo: undefined,
  });
});

test('listeners get the block', () => {
  monitor.on('blocked', (event) => expect(event).type.toBe<BlockedEvent>());
  monitor.once('blocked', ({ duration, gc, end }) =>
    expect(duration + (gc ?? 0) + (end ?? 0)).type.toBe<number>(),
  );
  monitor.once('blocked', ({ frames }) =>
    expect(frames?.[0]?.functionName).type.toBe<string | null | undefined>(),
  );
  monitor.once('blocked', ({ phase }) => expect(phase).type.toBe<LoopPhase | null>());
  monitor.off('blocked', (event) => expect(event).type.toBe<BlockedEvent>());
  monitor.addListener('blocked', (event) => expect(event).type.toBe<BlockedEvent>());
  expect(monitor.emit('blocked', block)).type.toBe<boolean>();
});

test('it is an emitter like any other', async () => {
  expect(monitor).type.toBeAssignableTo<EventEmitter>();
  const [event] = await once(monitor, 'blocked');
  void event;
});

test('calls can be chained', () => {
  expect(new EventLoopMonitor().start().stop()).type.toBe<EventLoopMonitor>();
  expect(monitor.on('blocked', () => {})).type.toBe<EventLoopMonitor>();
});

test('results', () => {
  expect(monitor.histogram).type.toBe<Histogram>();
  expect(monitor.utilization()).type.toBe<LoopUtilization>();
  expect(monitor.utilization(monitor.utilization()).gc).type.toBe<number | null>();
  expect(monitor.utilization).type.not.toBeCallableWith(5);
  expect(monitor.delay).type.toBe<Histogram>();
  expect(monitor.gc.major).type.toBe<Histogram>();
  expect(monitor.window()).type.toBe<LoopWindow>();
  expect(monitor.window().next()).type.toBe<LoopReading>();
  expect(monitor.window().read().iterations).type.toBe<Histogram>();
  expect(EventLoopMonitor.blocks()).type.toBe<BlockedEvent[]>();
  const stats = monitor.stats();
  expect(stats).type.toBe<EventLoopStats>();
  expect(stats.source).type.toBe<LoopSource>();
  expect(stats.reason).type.toBe<string | null>();
  expect(stats.lag.p99).type.toBe<number>();
});

test('it can be used with using', () => {
  using running = new EventLoopMonitor().start();
  expect(running).type.toBeAssignableTo<Disposable>();
});
