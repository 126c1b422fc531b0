import { describe, expect, test } from 'tstyche';
import {
  LeakDetector,
  assertNoLeak,
  type AssertNoLeakOptions,
  type KnownLeak,
  type LeakError,
  type LeakSite,
  type NoLeakResult,
  type LeakDetectorOptions,
  type LeakDimension,
  type LeakDimensionReport,
  type LeakDrainOptions,
  type LeakEvidenceOptions,
  type Sheddable,
  type LeakGrowth,
  type LeakReport,
  type LeakState,
} from '../..';

type Numbers =
  | 'warmup'
  | 'window'
  | 'minPoints'
  | 'confidence'
  | 'minGrowthPerHour'
  | 'confirmations'
  | 'gcInterval'
  | 'maxGcShare'
  | 'samplingInterval';

const detector = new LeakDetector();
declare const report: LeakReport;

describe('wrong use is refused', () => {
  test('a misspelt option', () => {
    expect(new LeakDetector({ warmUp: 0 })).type.toRaiseError("Did you mean to write 'warmup'");
    expect(new LeakDetector({ interval: 5 })).type.toRaiseError("'interval' does not exist in type");
  });

  test('an option of the wrong type', () => {
    expect(new LeakDetector({ warmup: '1m' })).type.toRaiseError(
      "'string' is not assignable to type 'number'",
    );
    expect(new LeakDetector({ gcInterval: false })).type.toRaiseError(
      "'boolean' is not assignable to type 'number'",
    );
  });

  test('an event that is never emitted', () => {
    expect(detector.on).type.not.toBeCallableWith('leaks', () => {});
    expect(detector.on).type.not.toBeCallableWith('steady', () => {});
    expect(detector.emit).type.not.toBeCallableWith('leak');
  });

  test('a listener for something else', () => {
    expect(detector.on).type.not.toBeCallableWith('leak', (state: string) => state);
  });
});

test('all options may be left out or undefined', () => {
  expect(LeakDetector).type.toBeConstructableWith();
  expect(LeakDetector).type.toBeConstructableWith({});
  expect<Required<Pick<LeakDetectorOptions, Numbers>>>().type.toBe<Record<Numbers, number | undefined>>();
  expect<Required<Omit<LeakDetectorOptions, Numbers>>>().type.toBe<{
    operations: (() => number) | undefined;
    attribution: 'suspect' | 'always' | 'off' | undefined;
    evidence: LeakEvidenceOptions | undefined;
    shed: readonly Sheddable[] | undefined;
    onLeak: ((report: LeakReport) => void) | undefined;
    drain: LeakDrainOptions | undefined;
  }>();
});

test('listeners get the report', () => {
  detector.on('suspect', (found) => expect(found).type.toBe<LeakReport>());
  detector.on('leak', (found) => expect(found).type.toBe<LeakReport>());
  detector.once('clear', (found) => expect(found).type.toBe<LeakReport>());
  detector.off('leak', (found) => expect(found).type.toBe<LeakReport>());
  expect(detector.emit('leak', report)).type.toBe<boolean>();
});

test('sites are frames with their growth and their call path', () => {
  detector.on('located', ({ sites: [site] }) => expect(site).type.toBe<LeakSite>());
  const [site] = report.sites;
  expect(site.package).type.toBe<{ name: string; version: string | null } | null>();
  expect(site.stack[0].function).type.toBe<string>();
  expect(report.knownLeaks).type.toBe<KnownLeak[]>();
});

test('assertNoLeak takes any function, and its error says what was seen', () => {
  expect(assertNoLeak(() => {})).type.toBe<Promise<NoLeakResult>>();
  expect(assertNoLeak).type.toBeCallableWith(async () => 1, {} as AssertNoLeakOptions);
  expect(assertNoLeak).type.not.toBeCallableWith();
  expect(assertNoLeak((count: number) => count)).type.toRaiseError('is not assignable to parameter');
  expect(assertNoLeak(() => {}, { operation: 5 })).type.toRaiseError('operations');
  expect<LeakError['dimension']>().type.toBe<'heap' | 'buffers'>();
});

test('calls can be chained', () => {
  expect(new LeakDetector().start().stop()).type.toBe<LeakDetector>();
  expect(detector.reset()).type.toBe<void>();
});

test('a report says what is not known', () => {
  expect(detector.check()).type.toBe<LeakReport>();
  expect(report.state).type.toBe<LeakState>();
  expect(report.since).type.toBe<number | null>();
  expect(report.dimension).type.toBe<LeakDimension | null>();
  expect(report.timeToLimit).type.toBe<number | null>();
  expect(report.limits).type.toBe<{ heap: number; cgroup: number | null; machine: number | null }>();
  if (report.timeToLimitRange !== null) {
    const [earliest, latest] = report.timeToLimitRange;
    expect(earliest).type.toBe<number | null>();
    expect(latest).type.toBe<number | null>();
  }
});

test('every dimension has a finding', () => {
  expect<keyof LeakReport['dimensions']>().type.toBe<'heap' | 'external' | 'arrayBuffers' | 'rss'>();
  expect(report.dimensions.rss).type.toBe<LeakDimensionReport>();
  expect(report.dimensions.heap.growth).type.toBe<LeakGrowth>();
  expect<
    Omit<LeakDimensionReport, 'growth'>[keyof Omit<LeakDimensionReport, 'growth'>]
  >().type.toBe<number>();
});

test('it can be used with using', () => {
  using running = new LeakDetector().start();
  expect(running).type.toBeAssignableTo<Disposable>();
});
