'use strict';

const { error, fromNative } = require('../errors.js');
const { Block, Slab } = require('./slab.js');

/** @typedef {import('./size-classes.js').SizeClass} SizeClass */

/** Most milliseconds from one look at idle memory to the next, and the least number of looks in an idle time. */
const LONGEST_TICK = 500;
const TICKS = 4;

/** Takes the place of the count of resting blocks in a slab that was given back. */
const GIVEN_BACK = -1;

/**
 * The blocks that a pool has, and the memory under them: taken when there is no idle block, and given back when it has
 * been idle for long, when memory is short, or when somebody asks for it.
 *
 * A slab goes back when all its blocks are idle. Nobody counts that while blocks come and go; it is counted when memory
 * is to be given back. Each class keeps its idle blocks on a stack, so they lie there in the order of their release.
 *
 * What was given back is not kept for reuse: it would need objects on the heap for memory that is not there, and V8
 * would go on counting it.
 */
class Store {
  created = 0;
  /** Times that there was no idle block. */
  misses = 0;
  /** Bytes given back. */
  trimmed = 0;
  /** Whether memory may come from the system; not once the runtime has refused it. */
  external = process.env.HEAPWISE_EXTERNAL_BUFFERS !== 'off';
  isClosed = false;
  /** Ticks since the store was made: what tells old blocks, because to read a clock would cost more than a release. */
  #epoch = 0;
  #watching = false;
  /** @type {NodeJS.Timeout | undefined} */
  #timer;
  /** What others hold of the store, so that one which is forgotten can be collected with its memory. */
  #weak = new WeakRef(this);
  #classes;
  #account;
  #name;
  #pressure;
  #onDrop;
  #tickTime;
  /** Ticks after which an idle block has been idle for the idle time. */
  #patience;

  /**
   * @param {{
   *   classes: import('./size-classes.js').SizeClasses,
   *   account: import('../binding.js').SlabAccount,
   *   name: string | undefined,
   *   idleTimeout: number,
   *   pressure: ReturnType<typeof import('./pressure.js').createPressureWatch>,
   *   onDrop: ((block: Block) => void) | undefined,
   * }} parts `onDrop` is told of each idle block before its memory goes
   */
  constructor({ classes, account, name, idleTimeout, pressure, onDrop }) {
    this.#classes = classes;
    this.#account = account;
    this.#name = name;
    this.#pressure = pressure;
    this.#onDrop = onDrop;
    this.#tickTime = Math.max(1, Math.min(LONGEST_TICK, idleTimeout / TICKS));
    // One more, because a block may be released just before a tick.
    this.#patience = Math.ceil(idleTimeout / this.#tickTime) + 1;
  }

  /**
   * Takes the idle block that was released last off its stack, or one of new memory.
   *
   * @param {SizeClass} sizeClass
   * @returns {Block}
   */
  next(sizeClass) {
    const top = sizeClass.idle - 1;
    if (top < 0) {
      return this.#supply(sizeClass);
    }
    const block = sizeClass.free[top];
    // What is lent is not kept alive by its pool.
    sizeClass.free[top] = undefined;
    sizeClass.idle = top;
    return block;
  }

  /** @param {Block} block not in use any more */
  put(block) {
    if (this.isClosed) {
      this.#giveBackIfLast(block);
      return;
    }
    const { sizeClass } = block;
    block.epoch = this.#epoch;
    sizeClass.free[sizeClass.idle++] = block;
    if (!this.#watching) {
      this.#watch();
    }
  }

  /**
   * Gives idle slabs back, the oldest first, until `wanted` bytes are free.
   *
   * @param {number} [wanted]
   * @returns {number} bytes given back
   */
  giveBack(wanted = Infinity) {
    return this.#giveBackOlder(this.#epoch, wanted);
  }

  close() {
    this.isClosed = true;
    this.#unwatch();
    this.giveBack();
    // What is left has a neighbour that is lent: see #giveBackIfLast.
    for (const sizeClass of this.#classes.all) {
      for (let i = 0; i < sizeClass.idle; i++) {
        sizeClass.free[i].slab.resting++;
      }
      sizeClass.truncate(0);
    }
  }

  /** @param {SizeClass} sizeClass without an idle block, as all are in a closed store */
  #supply(sizeClass) {
    if (this.isClosed) {
      throw error('ERR_HEAPWISE_POOL_CLOSED');
    }
    const slab = this.#allocateInBudget(sizeClass);
    this.misses++;
    this.created += sizeClass.count;
    for (let i = sizeClass.count - 1; i > 0; i--) {
      this.put(new Block(slab, i * sizeClass.size));
    }
    return new Block(slab, 0);
  }

  /** @param {SizeClass} sizeClass */
  #allocateInBudget(sizeClass) {
    const bytes = sizeClass.size * sizeClass.count;
    let slab = this.#allocate(sizeClass, bytes);
    if (slab === undefined) {
      this.#makeRoom(this.#account.lacking(bytes));
      slab = this.#allocate(sizeClass, bytes);
    }
    if (slab === undefined) {
      throw error(
        'ERR_HEAPWISE_BUFFER_POOL_EXHAUSTED',
        `${bytes} bytes more do not fit into the budget, of which ${this.#account.shared()} bytes are in use`,
      );
    }
    return slab;
  }

  /**
   * Gives back what is idle here, and then what is idle in the other pools of this name in this thread. Those of other
   * threads do so at their next tick.
   *
   * @param {number} bytes
   */
  #makeRoom(bytes) {
    let lacking = bytes - this.giveBack(bytes);
    for (const store of this.#name === undefined ? [] : this.#pressure.members()) {
      if (store.#name === this.#name) {
        lacking -= store.giveBack(lacking);
      }
    }
  }

  /**
   * @param {SizeClass} sizeClass
   * @param {number} bytes
   * @returns {Slab | undefined} undefined if it does not fit into the budget
   */
  #allocate(sizeClass, bytes) {
    try {
      const native = this.#account.allocate(bytes, this.external);
      if (native === null) {
        return undefined;
      }
      const arrayBuffer = native.arrayBuffer();
      if (arrayBuffer !== null) {
        return new Slab(native, arrayBuffer, sizeClass, this);
      }
      native.decommit();
    } catch (raised) {
      throw fromNative(raised);
    }
    this.external = false;
    return this.#allocate(sizeClass, bytes);
  }

  /**
   * @param {number} epoch what was released later stays
   * @param {number} wanted
   */
  #giveBackOlder(epoch, wanted) {
    const oldestFirst = this.#classes.all
      .filter(({ idle, free }) => idle > 0 && free[0].epoch <= epoch)
      .toSorted((a, b) => a.free[0].epoch - b.free[0].epoch);
    let bytes = 0;
    for (const sizeClass of oldestFirst) {
      bytes += this.#giveBackOf(sizeClass, epoch, wanted - bytes);
    }
    this.trimmed += bytes;
    return bytes;
  }

  /**
   * @param {SizeClass} sizeClass
   * @param {number} epoch
   * @param {number} wanted
   */
  #giveBackOf(sizeClass, epoch, wanted) {
    const { free, idle, count } = sizeClass;
    for (let i = 0; i < idle && free[i].epoch <= epoch; i++) {
      free[i].slab.resting++;
    }
    /** @type {Slab[]} */
    const given = [];
    let bytes = 0;
    let kept = 0;
    for (let i = 0; i < idle; i++) {
      const block = free[i];
      const { slab } = block;
      if (slab.resting === count && bytes < wanted) {
        bytes += slab.footprint;
        slab.resting = GIVEN_BACK;
        given.push(slab);
      }
      if (slab.resting === GIVEN_BACK) {
        this.#onDrop?.(block);
      } else {
        free[kept++] = block;
      }
    }
    given.forEach((slab) => slab.decommit());
    sizeClass.truncate(kept);
    for (const { slab } of free) {
      slab.resting = 0;
    }
    return bytes;
  }

  /** @param {Block} block released to a closed store */
  #giveBackIfLast({ slab, sizeClass }) {
    if (++slab.resting === sizeClass.count) {
      this.trimmed += slab.footprint;
      slab.decommit();
    }
  }

  #watch() {
    this.#watching = true;
    this.#pressure.join(this.#weak);
    if (this.#patience !== Infinity || this.#name !== undefined) {
      this.#timer = tickWeakly(this.#weak, this.#tickTime);
    }
  }

  #unwatch() {
    this.#watching = false;
    clearInterval(this.#timer);
    this.#pressure.leave(this.#weak);
  }

  tick() {
    this.#epoch++;
    const tooOld = this.#epoch - this.#patience;
    this.#giveBackOlder(this.#account.othersStarve() ? this.#epoch : tooOld, Infinity);
    // What has been idle for so long and is still here waits for a neighbour in its slab, so for the next release.
    if (this.#classes.all.every(({ idle, free }) => idle === 0 || free[idle - 1].epoch <= tooOld)) {
      this.#unwatch();
    }
  }
}

/**
 * @param {WeakRef<Store>} weak
 * @param {number} time
 */
function tickWeakly(weak, time) {
  const timer = setInterval(() => {
    const store = weak.deref();
    if (store === undefined) {
      clearInterval(timer);
    } else {
      store.tick();
    }
  }, time);
  timer.unref();
  return timer;
}

module.exports = { Store };
