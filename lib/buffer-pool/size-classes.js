'use strict';

/** Size of the smallest class, and its logarithm. */
const SMALLEST = 64;
const SMALLEST_LOG2 = 6;
/** Classes between a power of two and the next: a block is at most a quarter larger than what was asked for. */
const STEPS_LOG2 = 2;
const STEPS = 1 << STEPS_LOG2;

/** What begins a block: typed arrays of any kind may be laid over it. */
const ALIGNMENT = 16;

/** From this size a block has a slab of its own. */
const OWN_SLAB = 64 * 1024;
/** Sizes up to this one share slabs of SMALL_SLAB, those above slabs of LARGE_SLAB, which hold at least four. */
const SMALL = 4096;
const SMALL_SLAB = 64 * 1024;
const LARGE_SLAB = 256 * 1024;
/** A slab is at most this part of the budget, or many sizes could not live side by side in a small one. */
const SLABS_PER_BUDGET = 16;

/** Blocks of one size. */
class SizeClass {
  /**
   * Idle blocks, the one released last on top. Above `idle` there is nothing (hence `any`).
   *
   * @type {any[]}
   */
  free = [];
  idle = 0;
  lent = 0;

  /**
   * @param {number} size
   * @param {number} count
   */
  constructor(size, count) {
    this.size = size;
    /** Blocks in a slab. */
    this.count = count;
  }

  /** @param {number} idle blocks to keep, the oldest ones */
  truncate(idle) {
    this.free.length = idle;
    this.idle = idle;
  }
}

/** The classes of a pool, and the way from a length to its class. */
class SizeClasses {
  /** @type {SizeClass[]} ascending */
  all;
  /** @type {number[]} for each step of the geometric series: the first class that may hold a length of that step */
  #first = [];

  /**
   * @param {number} largest bytes; no class is larger
   * @param {number} maxBytes of the budget
   * @param {readonly number[]} [sizes] ascending, instead of the geometric series
   */
  constructor(largest, maxBytes, sizes = geometric(largest)) {
    const aligned = new Set(sizes.map((size) => Math.min(align(size), largest)));
    this.all = [...aligned].map((size) => new SizeClass(size, blocksPerSlab(size, maxBytes)));
    let at = 0;
    const last = /** @type {SizeClass} */ (this.all.at(-1));
    for (let step = 0; step <= stepOf(last.size); step++) {
      while (this.all[at].size < shortestOf(step)) {
        at++;
      }
      this.#first.push(at);
    }
  }

  /** The longest length that a class can hold. */
  get largest() {
    return /** @type {SizeClass} */ (this.all.at(-1)).size;
  }

  /** @param {number} byteLength an integer from 1 to `largest` */
  of(byteLength) {
    let at = this.#first[stepOf(byteLength)];
    while (this.all[at].size < byteLength) {
      at++;
    }
    return this.all[at];
  }
}

/**
 * The number of the smallest member of the geometric series that holds so many bytes.
 *
 * @param {number} byteLength
 */
function stepOf(byteLength) {
  if (byteLength <= SMALLEST) {
    return 0;
  }
  const last = byteLength - 1;
  const log2 = 31 - Math.clz32(last);
  const within = (last >>> (log2 - STEPS_LOG2)) & (STEPS - 1);
  return (log2 - SMALLEST_LOG2) * STEPS + within + 1;
}

/**
 * The member of the geometric series with that number: 64, 80, 96, 112, 128, 160 and so on.
 *
 * @param {number} step
 */
function sizeOf(step) {
  const base = SMALLEST * 2 ** Math.floor(step / STEPS);
  return base + (step % STEPS) * (base / STEPS);
}

/** @param {number} step */
function shortestOf(step) {
  return step === 0 ? 1 : sizeOf(step - 1) + 1;
}

/** @param {number} largest the last one, even if it is no member of the series */
function geometric(largest) {
  const sizes = [];
  for (let step = 0; sizeOf(step) < largest; step++) {
    sizes.push(sizeOf(step));
  }
  return [...sizes, largest];
}

/** @param {number} size */
function align(size) {
  return Math.ceil(size / ALIGNMENT) * ALIGNMENT;
}

/**
 * @param {number} size
 * @param {number} maxBytes
 */
function blocksPerSlab(size, maxBytes) {
  if (size >= OWN_SLAB) {
    return 1;
  }
  const slab = Math.min(size <= SMALL ? SMALL_SLAB : LARGE_SLAB, maxBytes / SLABS_PER_BUDGET);
  return Math.max(1, Math.floor(slab / size));
}

module.exports = { SizeClass, SizeClasses };
