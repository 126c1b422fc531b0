'use strict';

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const validate = require('../lib/validate.js');
const {
  NOT_BOOLEANS,
  NOT_FUNCTIONS,
  NOT_NUMBERS,
  NOT_OBJECTS,
  NOT_STRINGS,
  assertCode,
} = require('./helper.js');

const TYPE = 'ERR_HEAPWISE_INVALID_ARG_TYPE';
const VALUE = 'ERR_HEAPWISE_INVALID_ARG_VALUE';
const UNKNOWN = 'ERR_HEAPWISE_UNKNOWN_OPTION';

describe('options', () => {
  const known = ['max', 'maxSize', 'sizeOf', 'ttl', 'onEvict'];
  const check = (given) => validate.options(given, 'Cache', known);

  test('that are no object are refused, and the owner is named', () => {
    for (const wrong of NOT_OBJECTS) {
      const { message } = assertCode(() => check(wrong), TYPE, TypeError, wrong);
      assert.match(message, /options of Cache/);
    }
  });

  test('with an unknown name are refused instead of ignored, even when its value is undefined', () => {
    assertCode(() => check({ max: 1, colour: 'red' }), UNKNOWN, TypeError);
    assertCode(() => check({ colour: undefined }), UNKNOWN, TypeError);
    assertCode(() => check(JSON.parse('{"__proto__": 1}')), UNKNOWN, TypeError);
    assertCode(() => check({ toString: 1 }), UNKNOWN, TypeError);
    assertCode(() => check({ '': 1 }), UNKNOWN, TypeError);
  });

  test('misspelt by a letter or two are answered with the right name', () => {
    const suggestion = (name) => {
      const { message } = assertCode(() => check({ [name]: 1 }), UNKNOWN, TypeError, name);
      assert.ok(message.startsWith(`Unknown option "${name}" of Cache`), message);
      return /did you mean "(.*)"\?/.exec(message)?.[1];
    };
    assert.equal(suggestion('maxsize'), 'maxSize');
    assert.equal(suggestion('MAX'), 'max');
    assert.equal(suggestion('TTL'), 'ttl');
    assert.equal(suggestion('maxx'), 'max', 'one letter too many');
    assert.equal(suggestion('tll'), 'ttl', 'one letter wrong in a short name');
    assert.equal(suggestion('tlx'), undefined, 'two letters wrong in a short name');
    assert.equal(suggestion('sizeOff'), 'sizeOf');
    assert.equal(suggestion('size'), 'sizeOf', 'two letters missing');
    assert.equal(suggestion('omEboct'), undefined, 'three letters wrong');
    assert.equal(suggestion('omEvoct'), 'onEvict', 'two letters wrong');
    assert.equal(suggestion('maxSiez'), 'maxSize', 'two letters swapped');
    assert.equal(suggestion('onEvicted'), 'onEvict', 'two letters too many');
    assert.equal(suggestion('onEvictoin'), undefined, 'three are another word');
    assert.equal(suggestion('colour'), undefined);
    assert.equal(suggestion('ab'), undefined, 'a short word is two letters away from every other one');
  });

  test('that are left out, empty, of a class or without a prototype are taken', () => {
    assert.deepEqual(check(undefined), {});
    const given = { max: 5, ttl: undefined };
    assert.equal(check(given), given);
    const bare = Object.assign(Object.create(null), { max: 5 });
    assert.equal(check(bare), bare);
    class Options {
      max = 5;
    }
    assert.equal(check(new Options()).max, 5);
    // What is inherited was not passed by name.
    assert.equal(check(Object.create({ max: 7 })).max, 7);
  });
});

/** What a number is told that is in no range. */
function told(range) {
  return assertCode(() => validate.number(NaN, 'size', range), VALUE, RangeError).message;
}

describe('a number', () => {
  test('of another type is refused, not converted', () => {
    for (const wrong of NOT_NUMBERS) {
      const { message } = assertCode(
        () => validate.number(wrong, 'size', { default: 1 }),
        TYPE,
        TypeError,
        wrong,
      );
      assert.match(message, /^"size" must be a number/);
    }
  });

  test('that is required is not left out', () => {
    assertCode(() => validate.number(undefined, 'size', {}), TYPE, TypeError);
    assertCode(() => validate.number(undefined, 'size', { min: 0 }), TYPE, TypeError);
  });

  test('that is left out gets its default, whatever the range says', () => {
    assert.equal(validate.number(undefined, 'size', { default: 7 }), 7);
    assert.equal(validate.number(undefined, 'size', { default: 0 }), 0);
    assert.equal(validate.number(undefined, 'size', { default: Infinity, min: 1, integer: true }), Infinity);
  });

  test('outside of its range is refused, on both sides and at the bounds', () => {
    const cases = [
      [{ min: 1 }, [1, 1.5, 1e300], [0.999, 0, -1, -Infinity]],
      [{ max: 10 }, [10, 0, -1e300], [10.001, 11]],
      [{ min: 1, max: 3 }, [1, 2.5, 3], [0, 3.5]],
      [{ above: 0 }, [Number.MIN_VALUE, 5], [0, -0, -1]],
      [{ min: 0 }, [0, -0], [-Number.MIN_VALUE]],
      [{ integer: true, min: 0 }, [0, 5, 2 ** 53], [0.5, 5.000001]],
      [{}, [0, -5, 1e308], []],
    ];
    for (const [range, right, wrong] of cases) {
      for (const value of right) {
        assert.equal(validate.number(value, 'size', range), value);
      }
      for (const value of [...wrong, NaN, Infinity]) {
        assertCode(() => validate.number(value, 'size', range), VALUE, RangeError, value);
      }
    }
  });

  test('may be infinite only where that is allowed, and never not a number', () => {
    assert.equal(validate.number(Infinity, 'size', { infinite: true }), Infinity);
    assert.equal(validate.number(Infinity, 'size', { infinite: true, integer: true, min: 1 }), Infinity);
    assertCode(() => validate.number(NaN, 'size', { infinite: true }), VALUE, RangeError);
    assertCode(() => validate.number(1.5, 'size', { infinite: true, integer: true }), VALUE, RangeError);
    assertCode(() => validate.number(-Infinity, 'size', { infinite: true, min: 0 }), VALUE, RangeError);
    assertCode(() => validate.number(Infinity, 'size', { infinite: true, max: 10 }), VALUE, RangeError);
  });

  test('that is refused is told its whole range', () => {
    assert.equal(told({ min: 1, max: 5, integer: true }), '"size" must be an integer >= 1 and <= 5, got NaN');
    assert.equal(
      told({ above: 0, infinite: true }),
      '"size" must be a finite number > 0 or Infinity, got NaN',
    );
    assert.equal(told({ min: 0, max: 1 }), '"size" must be a finite number >= 0 and <= 1, got NaN');
    assert.equal(told({}), '"size" must be a finite number, got NaN');
  });
});

describe('a function', () => {
  test('that is none is refused, and left out only where it is optional', () => {
    for (const wrong of NOT_FUNCTIONS) {
      assertCode(() => validate.fn(wrong, 'load'), TYPE, TypeError, wrong);
      if (wrong !== undefined) {
        assertCode(() => validate.fn(wrong, 'load', { optional: true }), TYPE, TypeError, wrong);
      }
    }
    assert.equal(validate.fn(undefined, 'load', { optional: true }), undefined);
    assert.match(
      assertCode(() => validate.fn(5, 'load'), TYPE, TypeError).message,
      /"load".* a function.* 5/,
    );
  });

  test('of any kind is taken as it is', () => {
    for (const right of [() => {}, async () => {}, Map, Math.max, Math.max.bind(null)]) {
      assert.equal(validate.fn(right, 'load'), right);
    }
  });
});

describe('a boolean', () => {
  test('that is merely true-ish is refused', () => {
    for (const wrong of NOT_BOOLEANS) {
      const { message } = assertCode(() => validate.boolean(wrong, 'strict', true), TYPE, TypeError, wrong);
      assert.match(message, /"strict" must be a boolean/);
    }
  });

  test('is not replaced by its default', () => {
    assert.equal(validate.boolean(false, 'strict', true), false);
    assert.equal(validate.boolean(true, 'strict', false), true);
    assert.equal(validate.boolean(undefined, 'strict', true), true);
    assert.equal(validate.boolean(undefined, 'strict', false), false);
  });
});

describe('a string', () => {
  test('of another type is refused, not converted', () => {
    for (const wrong of NOT_STRINGS) {
      assertCode(() => validate.string(wrong, 'name'), TYPE, TypeError, wrong);
      const { message } = assertCode(() => validate.string(wrong, 'name', 'other'), TYPE, TypeError, wrong);
      assert.match(message, /"name" must be a string/);
    }
  });

  test('that is required is not left out; an empty one is one', () => {
    assertCode(() => validate.string(undefined, 'name'), TYPE, TypeError);
    assert.equal(validate.string('', 'name', 'other'), '');
    assert.equal(validate.string(undefined, 'name', ''), '');
    assert.equal(validate.string(undefined, 'name', 'other'), 'other');
  });
});

describe('a choice', () => {
  test('that is none of the choices is refused, and all of them are named', () => {
    for (const wrong of [...NOT_STRINGS, '', 'LRU', 'lru ', 'toString']) {
      const { message } = assertCode(
        () => validate.oneOf(wrong, 'policy', ['lru', 'lfu']),
        VALUE,
        RangeError,
        wrong,
      );
      assert.match(message, /"policy" must be 'lru' or 'lfu'/);
    }
  });

  test('left out is the first one', () => {
    assert.equal(validate.oneOf(undefined, 'policy', ['lru', 'lfu']), 'lru');
    assert.equal(validate.oneOf('lru', 'policy', ['lru', 'lfu']), 'lru');
    assert.equal(validate.oneOf('lfu', 'policy', ['lru', 'lfu']), 'lfu');
  });
});
