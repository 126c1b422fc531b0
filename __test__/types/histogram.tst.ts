import { describe, expect, test } from 'tstyche';
import { Histogram, type HistogramSummary } from '../..';

const histogram = new Histogram();

describe('wrong use is refused', () => {
  test('a misspelt option', () => {
    expect(new Histogram({ digits: 3 })).type.toRaiseError("'digits' does not exist in type");
  });

  test('an option of the wrong type', () => {
    expect(new Histogram({ figures: '3' })).type.toRaiseError("'string' is not assignable to type 'number'");
    expect(new Histogram({ lowest: 1n })).type.toRaiseError("'bigint' is not assignable to type 'number'");
  });

  test('values that are no numbers', () => {
    expect(histogram.record).type.not.toBeCallableWith('5');
    expect(histogram.record).type.not.toBeCallableWith();
    expect(histogram.percentile).type.not.toBeCallableWith('99');
  });

  test('other things than histograms', () => {
    expect(histogram.merge).type.not.toBeCallableWith(histogram.summary());
    expect(histogram.since).type.not.toBeCallableWith();
    expect(Histogram.decode).type.not.toBeCallableWith('SFdIMQ==');
  });

  test('writing to a figure', () => {
    expect((histogram.count = 0)).type.toRaiseError('read-only property');
  });
});

test('all options may be left out or undefined', () => {
  expect(Histogram).type.toBeConstructableWith();
  expect(Histogram).type.toBeConstructableWith({});
  expect(Histogram).type.toBeConstructableWith({ lowest: undefined, highest: undefined, figures: undefined });
});

test('figures are numbers', () => {
  expect(histogram.percentile(99)).type.toBe<number>();
  expect(
    histogram.count + histogram.min + histogram.max + histogram.mean + histogram.stddev,
  ).type.toBe<number>();
  expect(histogram.summary()).type.toBe<HistogramSummary>();
  expect<HistogramSummary[keyof HistogramSummary]>().type.toBe<number>();
});

test('bounds may be read-only', () => {
  expect(histogram.countsAtOrBelow([1, 2, 5] as const)).type.toBe<number[]>();
});

test('snapshots, windows and decoded bytes are histograms', () => {
  expect(histogram.snapshot()).type.toBe<Histogram>();
  expect(histogram.since(histogram.snapshot())).type.toBe<Histogram>();
  expect(Histogram.decode(histogram.encode())).type.toBe<Histogram>();
  expect(Histogram.decode(new Uint8Array(8))).type.toBe<Histogram>();
});
