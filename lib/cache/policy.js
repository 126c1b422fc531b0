'use strict';

const { Lru } = require('./lru.js');
const { S3Fifo } = require('./s3-fifo.js');
const { Sieve } = require('./sieve.js');

const POLICIES = /** @type {const} */ (['auto', 'lru', 's3fifo', 'sieve']);
/** Entries from which on `auto` is S3-FIFO: below, a tenth of them are too few to judge new ones by. */
const AUTO_FROM = 1000;

/**
 * @typedef {object} Policy who makes room
 * @property {(slot: number) => number} touch it was used; answers how often it was before, up to `USES`, since it was added or
 *   passed over when one had to go
 * @property {(slot: number) => void} add it is new
 * @property {(slot: number) => void} remove it goes
 * @property {(slot: number) => void} readmit it was removed, and comes back
 * @property {() => number} evict removes one, and returns its slot
 * @property {() => number[]} order slots; the one that is likely to stay for longest first
 */

/**
 * The policy that a cache begins with.
 *
 * @param {typeof POLICIES[number]} name
 * @param {import('./slots.js').Slots} slots
 * @param {number} limit what all entries may weigh
 * @returns {Policy}
 */
function policyOf(name, slots, limit) {
  switch (name) {
    case 's3fifo':
      return new S3Fifo(slots, limit);
    case 'sieve':
      return new Sieve(slots);
    default:
      return new Lru(slots);
  }
}

module.exports = { AUTO_FROM, POLICIES, policyOf };
