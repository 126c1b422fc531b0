'use strict';

const assert = require('node:assert/strict');
const { createHistogram } = require('node:perf_hooks');
const { describe, test } = require('node:test');
const { Histogram } = require('..');
const { NOT_NUMBERS, NOT_OBJECTS, assertCode, seeded } = require('./helper.js');

const TYPE = 'ERR_HEAPWISE_INVALID_ARG_TYPE';
const VALUE = 'ERR_HEAPWISE_INVALID_ARG_VALUE';
const UNKNOWN = 'ERR_HEAPWISE_UNKNOWN_OPTION';
const RANGE = 'ERR_HEAPWISE_HISTOGRAM_RANGE';
const MERGE = 'ERR_HEAPWISE_HISTOGRAM_MERGE';
const DECODE = 'ERR_HEAPWISE_HISTOGRAM_DECODE';

const PERCENTILES = [0, 0.1, 1, 5, 10, 25, 50, 75, 90, 95, 99, 99.9, 99.99, 100];

/** Bytes of our header; HdrHistogram's format V2 begins after it. */
const HEADER = 52;

const EMPTY = {
  count: 0,
  sum: 0,
  min: 0,
  max: 0,
  mean: 0,
  stddev: 0,
  p50: 0,
  p90: 0,
  p95: 0,
  p99: 0,
  p999: 0,
};

/** A histogram of these values. */
function filled(values, options) {
  const histogram = new Histogram(options);
  for (const value of values) {
    histogram.record(value);
  }
  return histogram;
}

/** Log-normal values, as latencies are. */
function latencies(random, count) {
  return Array.from({ length: count }, () => {
    const radius = Math.sqrt(-2 * Math.log(1 - random.next()));
    return Math.exp(1 + 1.5 * radius * Math.cos(2 * Math.PI * random.next()));
  });
}

/** Asserts that two numbers are alike up to a relative and an absolute error. */
function assertClose(actual, expected, relative, absolute, what) {
  const error = Math.abs(actual - expected);
  assert.ok(error <= Math.abs(expected) * relative + absolute, `${what}: ${actual} instead of ${expected}`);
}

/** Asserts that a histogram is sound: what a reader may rely on, whatever was recorded or decoded. */
function assertSound(histogram) {
  const summary = histogram.summary();
  for (const [name, figure] of Object.entries(summary)) {
    assert.ok(figure >= 0, `${name} is ${figure}`);
  }
  let last = 0;
  for (const percentile of PERCENTILES) {
    const value = histogram.percentile(percentile);
    assert.ok(value >= last && value >= summary.min && value <= summary.max, `${percentile} % is ${value}`);
    last = value;
  }
  const [none, all] = histogram.countsAtOrBelow([-1, Infinity]);
  assert.deepEqual([none, all], [0, summary.count]);
}

describe('the constructor of Histogram', () => {
  test('with options that are no object, or not known, is refused', () => {
    for (const wrong of NOT_OBJECTS) {
      assertCode(() => new Histogram(wrong), TYPE, TypeError, wrong);
    }
    const { message } = assertCode(() => new Histogram({ figure: 3 }), UNKNOWN, TypeError);
    assert.match(message, /"figure" of Histogram; did you mean "figures"/);
    assert.throws(() => Histogram(), TypeError);
  });

  test('with numbers that are none or out of range is refused', () => {
    for (const name of ['lowest', 'highest', 'figures']) {
      for (const wrong of NOT_NUMBERS) {
        const { message } = assertCode(() => new Histogram({ [name]: wrong }), TYPE, TypeError, wrong);
        assert.ok(message.startsWith(`"${name}"`), message);
      }
      for (const wrong of [NaN, 0, -1, Infinity, -Infinity]) {
        assertCode(() => new Histogram({ [name]: wrong }), VALUE, RangeError, wrong);
      }
    }
    for (const figures of [1.5, 6, 100, 2 ** 32 + 3]) {
      assertCode(() => new Histogram({ figures }), VALUE, RangeError, figures);
    }
  });

  test('with bounds that no histogram can have is refused', () => {
    assertCode(() => new Histogram({ lowest: 1, highest: 1.999 }), VALUE, RangeError);
    for (const bounds of [
      { lowest: 1e-300, highest: 1e300 },
      { lowest: 1, highest: 2 ** 63 },
      { lowest: Number.MIN_VALUE },
      // Past the default of highest.
      { lowest: 4e6 },
    ]) {
      assertCode(() => new Histogram(bounds), RANGE, RangeError, bounds);
    }
  });

  test('takes bounds at their limits', () => {
    for (const options of [
      { lowest: 1, highest: 2 },
      { lowest: 1, highest: 2 ** 62, figures: 1 },
      { lowest: 1e-9, highest: 1, figures: 1 },
      { figures: 5, highest: 10 },
      { lowest: undefined, highest: undefined, figures: undefined },
    ]) {
      assertSound(filled([1, 1.5, 2], options));
    }
  });

  test('without options tells microseconds from each other, and the last minutes of an hour, in milliseconds', () => {
    const histogram = filled([0.001, 0.002, 3_500_000, 3_590_000, 3_600_000]);
    const parts = [20, 40, 60, 80, 100].map((percentile) => histogram.percentile(percentile));
    assert.equal(new Set(parts).size, 5);
    assertClose(parts[1], 0.002, 1e-9, 0, 'the second');
    assertClose(parts[3], 3_590_000, 1e-3, 0, 'the fourth');
  });
});

describe('misuse of a Histogram', () => {
  test('record of what is no number from 0 on counts nothing', () => {
    const histogram = filled([5]);
    for (const wrong of [undefined, ...NOT_NUMBERS]) {
      assertCode(() => histogram.record(wrong), TYPE, TypeError, wrong);
    }
    for (const wrong of [NaN, -1, -Number.MIN_VALUE, -Infinity]) {
      const { message } = assertCode(() => histogram.record(wrong), VALUE, RangeError, wrong);
      assert.match(message, /"value"/);
    }
    assert.equal(histogram.count, 1);
    assert.equal(histogram.min, 5);
  });

  test('percentile of what is no number from 0 to 100 is refused', () => {
    const histogram = filled([5]);
    for (const wrong of [undefined, ...NOT_NUMBERS]) {
      assertCode(() => histogram.percentile(wrong), TYPE, TypeError, wrong);
    }
    for (const wrong of [NaN, -0.001, 100.001, Infinity]) {
      assertCode(() => histogram.percentile(wrong), VALUE, RangeError, wrong);
    }
  });

  test('countsAtOrBelow of what is no list of numbers is refused', () => {
    const histogram = filled([5]);
    const wrongs = [undefined, null, 5, '5', {}, new Set([5]), new Float64Array([5]), ['5'], [1, null], [5n]];
    for (const wrong of [...wrongs, [1, undefined], [[1]], Object('5')]) {
      const { message } = assertCode(() => histogram.countsAtOrBelow(wrong), TYPE, TypeError, wrong);
      assert.match(message, /"bounds"/);
    }
    const holed = [1];
    holed.length = 3;
    assertCode(() => histogram.countsAtOrBelow(holed), TYPE, TypeError, 'a list with holes');
  });

  test('merge and since of what is no Histogram are refused', () => {
    const histogram = filled([5]);
    const lookalikes = [
      {},
      Object.create(Histogram.prototype),
      new Proxy(filled([1]), {}),
      filled([1]).summary(),
      filled([1]).encode(),
      createHistogram(),
      Histogram,
    ];
    for (const wrong of [undefined, ...NOT_OBJECTS, ...lookalikes]) {
      assertCode(() => histogram.merge(wrong), TYPE, TypeError, wrong);
      assertCode(() => histogram.since(wrong), TYPE, TypeError, wrong);
    }
    assert.equal(histogram.count, 1);
  });

  test('merge and since over other bounds are refused and change nothing', () => {
    const bounds = { lowest: 0.01, highest: 1000, figures: 2 };
    const histogram = filled([5, 7], bounds);
    const before = histogram.encode();
    for (const other of [{ lowest: 0.02 }, { highest: 1001 }, { figures: 3 }]) {
      const stranger = filled([5], { ...bounds, ...other });
      const { message } = assertCode(() => histogram.merge(stranger), MERGE, TypeError, other);
      assert.match(message, /differ/);
      assertCode(() => histogram.since(stranger), MERGE, TypeError, other);
    }
    assert.deepEqual(histogram.encode(), before);
  });

  test('since of a later state, of a stranger or of the time before a reset is refused', () => {
    const histogram = filled([1, 2, 3]);
    const early = histogram.snapshot();
    histogram.record(4);
    assertCode(() => early.since(histogram), MERGE, TypeError);
    assertCode(() => histogram.since(filled([900])), MERGE, TypeError);
    const late = histogram.snapshot();
    histogram.reset();
    assertCode(() => histogram.since(late), MERGE, TypeError);
    histogram.record(1);
    assertCode(() => histogram.since(late), MERGE, TypeError);
  });

  test('decode of what are no bytes is refused', () => {
    for (const wrong of [
      undefined,
      ...NOT_OBJECTS,
      new ArrayBuffer(9),
      new Uint16Array(9),
      new DataView(new ArrayBuffer(9)),
    ]) {
      const { message } = assertCode(() => Histogram.decode(wrong), TYPE, TypeError, wrong);
      assert.match(message, /"bytes" must be a Buffer or Uint8Array/);
    }
  });
});

describe('decode of a Histogram', () => {
  const whole = filled([0.001, 1, 2, 2, 150.25, 60_000]).encode();

  /** Decodes what may be damaged: an error of ours, or a histogram that is sound. */
  function tryDecode(bytes, what) {
    let decoded;
    try {
      decoded = Histogram.decode(bytes);
    } catch (thrown) {
      // Bounds that are damaged may be bounds that no histogram can have.
      const [code, Base] = thrown.code === RANGE ? [RANGE, RangeError] : [DECODE, TypeError];
      assert.equal(thrown.code, code, `${what}: ${thrown.stack}`);
      assert.equal(thrown.constructor, Base, what);
      return undefined;
    }
    return decoded;
  }

  test('of bytes that were cut anywhere is refused', () => {
    for (let length = 0; length < whole.length; length++) {
      assertCode(() => Histogram.decode(whole.subarray(0, length)), DECODE, TypeError, length);
    }
  });

  test('of bytes with more behind them is refused, as two in one file would be', () => {
    assertCode(() => Histogram.decode(Buffer.concat([whole, whole])), DECODE, TypeError);
    assertCode(() => Histogram.decode(Buffer.concat([whole, Buffer.alloc(1)])), DECODE, TypeError);
  });

  test('of somebody else’s bytes is refused', () => {
    const foreign = [
      Buffer.alloc(0),
      Buffer.alloc(1000),
      Buffer.alloc(1000, 0xff),
      Buffer.from('{"count": 5, "p99": 12.5}'),
      Buffer.from('not a histogram at all, but long enough to hold a whole header and then some more'),
      // What other implementations of HdrHistogram write: ours without its header.
      whole.subarray(HEADER),
      Buffer.from(whole).fill('HWH2', 0, 4),
      Buffer.from(whole.toString('base64')),
    ];
    for (const bytes of foreign) {
      assertCode(() => Histogram.decode(bytes), DECODE, TypeError, bytes.toString('latin1'));
    }
  });

  test('of bytes with any one of them changed ends in an error of ours or a sound histogram', () => {
    let refused = 0;
    for (let at = 0; at < whole.length; at++) {
      // The length of the body is tried below, with a length that does no harm.
      for (const flip of at >= HEADER + 4 && at < HEADER + 8 ? [] : [0x01, 0x10, 0x80, 0xff]) {
        const bytes = Buffer.from(whole);
        bytes[at] ^= flip;
        const decoded = tryDecode(bytes, `byte ${at} ^ ${flip}`);
        if (decoded === undefined) {
          refused++;
        } else {
          assertSound(decoded);
          decoded.record(1);
          decoded.merge(decoded);
        }
      }
    }
    assert.ok(refused > 100, `${refused} refused`);
  });

  test('of random damage ends in an error of ours or a histogram that answers', () => {
    const random = seeded(31);
    const body = filled(latencies(random, 500)).encode();
    for (let i = 0; i < 1000; i++) {
      const bytes = Buffer.from(body);
      for (let damages = 1 + random.below(5); damages > 0; damages--) {
        bytes[HEADER + 8 + random.below(bytes.length - HEADER - 8)] = random.below(256);
      }
      const decoded = tryDecode(bytes, `damage ${i}`);
      assert.ok(decoded === undefined || decoded.percentile(50) >= 0);
    }
  });

  test('of forged figures is refused', () => {
    const forge = (field, value) => {
      const bytes = Buffer.from(whole);
      bytes.writeDoubleLE(value, 4 + 8 * field);
      return bytes;
    };
    const [LOWEST, HIGHEST, FIGURES, SUM, MIN, MAX] = [0, 1, 2, 3, 4, 5];
    for (const [field, value] of [
      [SUM, NaN],
      [SUM, -1],
      [MIN, NaN],
      [MIN, -1],
      [MIN, 60_001],
      [MAX, NaN],
      [MAX, -1],
      [HIGHEST, 1000],
      [FIGURES, 4],
    ]) {
      assertCode(() => Histogram.decode(forge(field, value)), DECODE, TypeError, `${field} ${value}`);
    }
    for (const [field, value] of [
      [LOWEST, 0],
      [LOWEST, -1],
      [LOWEST, NaN],
      [LOWEST, Infinity],
      [HIGHEST, NaN],
      [HIGHEST, Infinity],
      [FIGURES, 0],
      [FIGURES, 6],
      [FIGURES, 2.5],
      [FIGURES, NaN],
    ]) {
      assert.equal(tryDecode(forge(field, value), `${field} ${value}`), undefined, `${field} ${value}`);
    }
  });

  test(
    'of a length that is a lie does not take that much memory',
    { skip: process.platform !== 'linux' },
    () => {
      const lie = 256 * 1024 * 1024;
      const bytes = Buffer.from(whole);
      bytes.writeUInt32BE(lie, HEADER + 4);
      const before = process.resourceUsage().maxRSS;
      assertCode(() => Histogram.decode(bytes), DECODE, TypeError);
      const grown = (process.resourceUsage().maxRSS - before) * 1024;
      assert.ok(grown < lie / 2, `${Math.round(grown / 1e6)} MB for ${bytes.length} bytes`);
    },
  );

  test('brings back exactly what was encoded', () => {
    const random = seeded(32);
    const histograms = [
      new Histogram(),
      filled([0]),
      filled([Infinity, 1]),
      filled([1e9], { lowest: 1, highest: 1000 }),
      filled(latencies(random, 2000)),
      filled(latencies(random, 50), { lowest: 0.5, highest: 99, figures: 1 }),
      filled(latencies(random, 50), { lowest: 0.01, highest: 10, figures: 5 }),
    ];
    for (const histogram of histograms) {
      const bytes = histogram.encode();
      assert.ok(Buffer.isBuffer(bytes));
      const decoded = Histogram.decode(bytes);
      assert.ok(decoded instanceof Histogram);
      assert.deepEqual(decoded.summary(), histogram.summary());
      assert.deepEqual(decoded.encode(), bytes);
      decoded.merge(histogram);
      assert.equal(decoded.count, 2 * histogram.count);
      assert.deepEqual(histogram.encode(), bytes, 'it is a copy');
    }
  });

  test('reads any view of the bytes, and does not hold on to them', () => {
    const around = () => {
      const bytes = Buffer.alloc(whole.length + 20, 0xee);
      whole.copy(bytes, 7);
      return bytes;
    };
    const { buffer, byteOffset } = around();
    const shared = new Uint8Array(new SharedArrayBuffer(whole.length));
    shared.set(whole);
    const views = [
      new Uint8Array(whole),
      around().subarray(7, 7 + whole.length),
      new Uint8Array(buffer, byteOffset + 7, whole.length),
      shared,
    ];
    for (const bytes of views) {
      const decoded = Histogram.decode(bytes);
      bytes.fill(0);
      assert.deepEqual(decoded.encode(), whole);
    }
  });
});

describe('Histogram', () => {
  test('answers 0, not NaN, while it is empty', () => {
    const histogram = new Histogram();
    assert.deepEqual(histogram.summary(), EMPTY);
    for (const percentile of PERCENTILES) {
      assert.equal(histogram.percentile(percentile), 0);
    }
    const { count, min, max, mean, stddev } = histogram;
    assert.deepEqual([count, min, max, mean, stddev], [0, 0, 0, 0, 0]);
    assert.deepEqual(histogram.countsAtOrBelow([0, 1, Infinity]), [0, 0, 0]);
    assert.deepEqual(histogram.countsAtOrBelow([]), []);
  });

  test('keeps count, sum, extremes and mean exactly', () => {
    const values = [0.1234567, 3.2109876, 1234.5678, 0.75, 0.75];
    const histogram = filled(values);
    const sum = values.reduce((total, value) => total + value, 0);
    const { count, min, max, mean } = histogram;
    assert.deepEqual([count, min, max, mean], [5, 0.1234567, 1234.5678, sum / 5]);
    assert.equal(histogram.summary().sum, sum);
    assert.equal(histogram.percentile(0), min);
    assert.equal(histogram.percentile(100), max);
  });

  test('of one value says that value everywhere', () => {
    for (const value of [0, 0.001, 0.0014, 0.5, 1, 7.77, 1234.567, 3_600_000]) {
      const { sum, min, max, mean, p50, p90, p95, p99, p999 } = filled([value]).summary();
      assert.deepEqual(new Set([sum, min, max, mean, p50, p90, p95, p99, p999]), new Set([value]));
    }
  });

  test('is within its precision of the sorted values, at every percentile and number of figures', () => {
    const random = seeded(33);
    // A prime number of values: no percentile falls between two of them.
    const values = latencies(random, 9973);
    const sorted = values.toSorted((a, b) => a - b);
    for (const figures of [1, 2, 3, 4, 5]) {
      const lowest = 0.001;
      const histogram = filled(values, { figures, lowest, highest: 100_000 });
      for (const percentile of PERCENTILES) {
        const rank = Math.max(1, Math.ceil((percentile / 100) * sorted.length));
        const what = `${percentile} % with ${figures} figures`;
        assertClose(histogram.percentile(percentile), sorted[rank - 1], 10 ** -figures, lowest, what);
      }
      const { p50, p90, p95, p99, p999 } = histogram.summary();
      assert.deepEqual(
        [p50, p90, p95, p99, p999],
        [50, 90, 95, 99, 99.9].map((percentile) => histogram.percentile(percentile)),
      );
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
      assertClose(
        histogram.stddev,
        Math.sqrt(variance),
        2 * 10 ** -figures,
        lowest,
        `stddev, ${figures} figures`,
      );
      assertSound(histogram);
    }
  });

  test('counts at or below a bound what is there, up to the precision of the bound', () => {
    const random = seeded(34);
    const values = latencies(random, 5000);
    const histogram = filled(values);
    const bounds = [0.005, 0.05, 0.5, 1, 2.5, 5, 10, 50, 250, 1000, Infinity];
    const counts = histogram.countsAtOrBelow(bounds);
    for (const [i, bound] of bounds.entries()) {
      const below = (limit) => values.filter((value) => value <= limit).length;
      assert.ok(counts[i] >= below(bound * 0.999 - 0.001), `${counts[i]} at or below ${bound}`);
      assert.ok(counts[i] <= below(bound * 1.001 + 0.001), `${counts[i]} at or below ${bound}`);
    }
    assert.deepEqual(histogram.countsAtOrBelow(bounds.toReversed()), counts.toReversed(), 'in any order');
    assert.deepEqual(histogram.countsAtOrBelow([NaN]), [0]);
    const whole = filled([0, 0, 5], { lowest: 1, highest: 100 });
    assert.deepEqual(whole.countsAtOrBelow([0, 5, 4, 4.9]), [2, 3, 2, 2]);
  });

  test('counts a value beyond its range instead of losing it, and keeps it as the maximum', () => {
    const histogram = filled([5, 5000, 1e12, Infinity], { lowest: 1, highest: 1000 });
    assert.equal(histogram.count, 4);
    assert.equal(histogram.max, Infinity);
    assert.equal(histogram.mean, Infinity);
    assert.ok(histogram.percentile(75) >= 1000 && histogram.percentile(75) < 1100);
    assert.deepEqual(histogram.countsAtOrBelow([10, 100_000]), [1, 4]);
  });

  test('tells nothing below lowest from 0', () => {
    const histogram = filled([0, 0.1, 0.4], { lowest: 1, highest: 100 });
    assert.deepEqual(histogram.countsAtOrBelow([0]), [3]);
    assert.equal(histogram.max, 0.4);
    assert.ok(histogram.percentile(100) <= 0.4);
  });

  test('agrees with the histogram of Node on whole numbers, at every percentile', () => {
    const random = seeded(35);
    // 3200 values and steps of 1/32: both round no rank.
    for (const [figures, limit] of [
      [1, 1000],
      [2, 50_000],
      [3, 5_000_000],
    ]) {
      const node = createHistogram({ lowest: 1, highest: 10_000_000, figures });
      const ours = new Histogram({ lowest: 1, highest: 10_000_000, figures });
      for (let i = 0; i < 3200; i++) {
        const value = 1 + Math.floor(limit * random.next() ** 3);
        node.record(value);
        ours.record(value);
      }
      assert.equal(ours.count, node.count);
      assert.equal(ours.min, node.min);
      // Ours is exact, Node's the upper end of a bucket.
      assertClose(ours.max, node.max, 10 ** -figures, 0, 'max');
      assertClose(ours.mean, node.mean, 10 ** -figures, 0, 'mean');
      assertClose(ours.stddev, node.stddev, 10 ** -figures, 0, 'stddev');
      for (let step = 1; step < 32; step++) {
        const percentile = step * 3.125;
        assert.equal(ours.percentile(percentile), node.percentile(percentile), `${percentile} %`);
      }
    }
  });

  test('forgets everything on reset, and is usable again', () => {
    const histogram = filled([1, 2, Infinity]);
    histogram.reset();
    assert.deepEqual(histogram.summary(), EMPTY);
    assert.deepEqual(histogram.encode(), new Histogram().encode());
    histogram.record(5);
    assert.deepEqual([histogram.count, histogram.min, histogram.max, histogram.mean], [1, 5, 5, 5]);
  });

  test('does not change by being read', () => {
    const histogram = filled([1, 2, 3]);
    const before = histogram.encode();
    histogram.summary().count = 99;
    histogram.snapshot().record(5);
    histogram.since(filled([2])).record(5);
    histogram.percentile(50);
    histogram.countsAtOrBelow([1]);
    histogram.encode().fill(0);
    Histogram.decode(before).record(5);
    assert.deepEqual(histogram.encode(), before);
  });
});

describe('merge of Histograms', () => {
  test('equals recording everything in one place', () => {
    const random = seeded(36);
    // Eighths, so that sums do not depend on their order.
    const values = latencies(random, 3000).map((value) => Math.round(value * 8) / 8);
    const merged = new Histogram();
    for (let i = 0; i < 3; i++) {
      const part = filled(values.slice(1000 * i, 1000 * (i + 1)));
      const before = part.encode();
      merged.merge(part);
      assert.deepEqual(part.encode(), before, 'the other one stays as it is');
    }
    merged.merge(new Histogram());
    assert.deepEqual(merged.encode(), filled(values).encode());
  });

  test('with itself counts everything twice, and does not lock up', () => {
    const histogram = filled([1, 2, 3]);
    histogram.merge(histogram);
    assert.deepEqual(histogram.summary(), filled([1, 2, 3, 1, 2, 3]).summary());
    assert.equal(histogram.since(histogram).count, 0);
  });
});

describe('windows over a Histogram', () => {
  test('hold what was recorded since the snapshot, and nothing else', () => {
    const random = seeded(37);
    const histogram = filled(latencies(random, 1000));
    for (let window = 0; window < 5; window++) {
      const earlier = histogram.snapshot();
      const values = latencies(random, 500);
      for (const value of values) {
        histogram.record(value);
      }
      const since = histogram.since(earlier).summary();
      const alone = filled(values).summary();
      assert.equal(since.count, 500);
      assertClose(since.sum, alone.sum, 1e-9, 0, 'sum');
      assertClose(since.mean, alone.mean, 1e-9, 0, 'mean');
      for (const name of ['min', 'max', 'p50', 'p90', 'p95', 'p99', 'p999', 'stddev']) {
        assertClose(since[name], alone[name], 2e-3, 0.001, name);
      }
    }
  });

  test('are right for one value, whatever it is rounded to', () => {
    for (const value of [0, 0.0004, 0.0014, 0.0016, 0.3, 1.4, 7.77, 150.25, 3_599_999.9]) {
      const histogram = filled([0.5, 20]);
      const earlier = histogram.snapshot();
      histogram.record(value);
      const window = histogram.since(earlier);
      assert.equal(window.count, 1);
      assertClose(window.min, value, 1e-3, 0.001, 'min');
      assertClose(window.max, value, 1e-3, 0.001, 'max');
      assertClose(window.percentile(50), value, 1e-3, 0.001, 'p50');
      assertSound(window);
    }
  });

  test('are right for a first value, with nothing before it', () => {
    for (const value of [0, 0.4, 1.4, 1.6, 999.4]) {
      const histogram = new Histogram({ lowest: 1, highest: 1000 });
      const earlier = histogram.snapshot();
      histogram.record(value);
      const window = histogram.since(earlier);
      assert.equal(window.count, 1);
      assertClose(window.percentile(50), value, 1e-3, 0.5, `median of ${value}`);
      assertSound(window);
    }
  });

  test('are sound for values beyond the range', () => {
    for (const value of [1001, 1e9, Infinity]) {
      for (const before of [[], [5], [5000]]) {
        const histogram = filled(before, { lowest: 1, highest: 1000 });
        const earlier = histogram.snapshot();
        histogram.record(value);
        const window = histogram.since(earlier);
        assert.equal(window.count, 1);
        assert.ok(window.percentile(50) >= 999);
        assertSound(window);
      }
    }
    const histogram = filled([Infinity]);
    const earlier = histogram.snapshot();
    histogram.record(1);
    histogram.record(2);
    const window = histogram.since(earlier);
    assertSound(window);
    assertClose(window.summary().sum, 3, 2e-3, 0, 'the sum that an earlier infinity must not hide');
  });

  test('are empty when nothing was recorded, and can be recorded into, merged and encoded', () => {
    const histogram = filled([1, 2, 3]);
    const empty = histogram.since(histogram.snapshot());
    assert.deepEqual(empty.summary(), EMPTY);
    const window = histogram.since(new Histogram());
    assert.equal(window.count, 3);
    window.record(4);
    window.merge(filled([5]));
    assert.equal(Histogram.decode(window.encode()).count, 5);
    assert.equal(histogram.count, 3);
  });

  test('begin at a snapshot that grows no further', () => {
    const histogram = filled([1, 2]);
    const snapshot = histogram.snapshot();
    assert.deepEqual(snapshot.encode(), histogram.encode());
    histogram.record(3);
    assert.equal(snapshot.count, 2);
    snapshot.record(9);
    assert.equal(histogram.count, 3);
    assert.equal(histogram.max, 3);
    histogram.reset();
    assert.equal(snapshot.count, 3);
  });
});
