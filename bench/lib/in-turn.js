'use strict';

/**
 * Measures with something and without it, so many times. The first of a pair is now the one, now the other, so that what
 * changes steadily meanwhile hits both alike.
 *
 * @template T
 * @param {number} pairs
 * @param {(side: 'enable' | 'disable') => Promise<T>} measure
 * @returns {Promise<{ enable: T, disable: T }[]>}
 */
async function inTurn(pairs, measure) {
  const measured = [];
  for (let i = 0; i < pairs; i++) {
    const pair = {};
    for (const side of i % 2 === 0 ? ['enable', 'disable'] : ['disable', 'enable']) {
      pair[side] = await measure(side);
    }
    measured.push(pair);
  }
  return measured;
}

module.exports = { inTurn };
