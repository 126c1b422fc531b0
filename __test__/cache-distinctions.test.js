'use strict';

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const { distinctions } = require('../lib/cache/distinctions.js');

const END = 'the same';

/** Texts with the same hash, side by side as in a table. */
const together = (texts, hash = 7) => texts.map((text) => [text, hash]);

describe('the characters that tell long texts apart', () => {
  test('are those that differ, those first that differ most often, at most 8 at a time and 16 in all', () => {
    const ids = Array.from({ length: 200 }, (_, i) => `/products/${String(i).padStart(4, '0')}/${END}`);
    assert.deepEqual(distinctions([], together(ids)), [11, 12, 13]);
    const random = Array.from({ length: 100 }, (_, i) => `${String(7919 ** 3 * (i + 1)).repeat(3)}${END}`);
    const alike = random.filter(({ length }) => length === random[0].length);
    const first = distinctions([], together(alike));
    assert.equal(first.length, 8);
    const second = distinctions(first, together(alike));
    assert.equal(second.length, 16);
    assert.deepEqual(
      second,
      second.toSorted((a, b) => a - b),
    );
    assert.ok(first.every((at) => second.includes(at)));
    assert.equal(distinctions(second, together(alike)), undefined);
  });

  test('are none where nothing collides, or nothing new differs', () => {
    const texts = [`/pages/one/two/three/${END}`, `/pages/one/six/three/${END}`];
    assert.equal(distinctions([], []), undefined);
    assert.equal(distinctions([], [[texts[0], 1], undefined, [texts[1], 1]]), undefined);
    assert.equal(
      distinctions(
        [],
        [
          [texts[0], 1],
          [texts[1], 2],
        ],
      ),
      undefined,
    );
    assert.deepEqual(distinctions([], together(texts)), [11, 12, 13]);
    assert.equal(distinctions([11, 12, 13], together(texts)), undefined);
  });

  test('are found beside numbers, short texts and others with another hash', () => {
    const entries = [
      [5, 7],
      ['short', 7],
      [`/pages/a/of/the/shop/${END}`, 7],
      [`/pages/of/another/hash/${END}`, 8],
      [`/pages/b/of/the/shop/${END}`, 7],
    ];
    assert.deepEqual(distinctions([], entries), [7]);
  });

  test('are looked for in the first thousand characters, so that nobody makes us read megabytes', () => {
    const far = ['a', 'b'].map((letter) => `${'x'.repeat(5000)}${letter}${END}`);
    assert.equal(distinctions([], together(far)), undefined);
  });
});
