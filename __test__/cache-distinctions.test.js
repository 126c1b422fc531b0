'use strict';

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const { Distinctions } = require('../lib/cache/distinctions.js');

const END = 'the same';

/** What is found when these are shown, undefined being a gap. */
function distinctions(known, entries) {
  const found = new Distinctions();
  for (const entry of entries) {
    if (entry === undefined) {
      found.gap();
    } else {
      found.show(...entry);
    }
  }
  return found.positions(known);
}

/** Texts with the same hash, side by side as in a table. */
const together = (texts, hash = 7) => texts.map((text) => [text, hash]);

describe('the characters that tell long texts apart', () => {
  test('are those that differ, those first that differ most often, at most 8 at a time and 24 in all', () => {
    const ids = Array.from({ length: 200 }, (_, i) => `/products/${String(i).padStart(4, '0')}/${END}`);
    // The digits that differ, and those beside them, where they will differ when there are more.
    assert.deepEqual(distinctions([], together(ids)), [9, 10, 11, 12, 13, 14, 15]);
    const random = Array.from({ length: 100 }, (_, i) => `${String(7919 ** 3 * (i + 1)).repeat(3)}${END}`);
    const alike = together(random.filter(({ length }) => length === random[0].length));
    let known = [];
    for (const count of [8, 16, 24]) {
      const more = distinctions(known, alike);
      assert.equal(more.length, count);
      assert.equal(new Set(more).size, count);
      assert.deepEqual(
        more,
        more.toSorted((a, b) => a - b),
      );
      assert.ok(known.every((at) => more.includes(at)));
      known = more;
    }
    assert.equal(distinctions(known, alike), undefined);
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
    assert.deepEqual(distinctions([], together(texts)), [9, 10, 11, 12, 13, 14, 15]);
    assert.equal(distinctions([11, 12, 13], together(texts)), undefined);
    const pages = [`one and the same page${END}`, `two and the same page${END}`];
    assert.deepEqual(distinctions([], together(pages)), [0, 1, 2, 3, 4]);
  });

  test('are found beside others, whichever comes first', () => {
    const group = together([`/pages/a/of/the/shop/${END}`, `/pages/b/of/the/shop/${END}`]);
    const stranger = [`/pages/c/of/the/shop/${END}`, 8];
    for (const entries of [
      [stranger, ...group],
      [group[0], stranger, group[1]],
      [...group, stranger],
      [[`/pages/longer/of/the/shop/${END}`, 9], undefined, stranger, ...group],
    ]) {
      assert.ok(distinctions([], entries)?.includes(7));
    }
    assert.equal(distinctions([], [group[0], undefined, group[1]]), undefined);
  });

  test('are looked for in the first thousand characters, so that nobody makes us read megabytes', () => {
    const far = ['a', 'b'].map((letter) => `${'x'.repeat(5000)}${letter}${END}`);
    assert.equal(distinctions([], together(far)), undefined);
  });
});

test('no more than 512 pairs are compared', () => {
  const found = new Distinctions();
  let shown = 0;
  for (; !found.isEnough; shown++) {
    found.show(`/pages/${String(shown).padStart(9, '0')}/${END}`, 7);
  }
  assert.equal(shown, 513);
});
