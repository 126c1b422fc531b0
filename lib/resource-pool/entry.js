'use strict';

/** States of an entry. */
const IDLE = 0;
/** Being validated or reset, or on its way from one state to another. */
const BUSY = 1;
const LENT = 2;
/** Its destruction has begun; nobody will get it again. */
const GONE = 3;

/**
 * @typedef {object} Asker
 * @property {string | undefined} owner who asks, in his own words
 * @property {string | undefined} stack where, if that is kept
 */

/** A resource, and what its pool knows of it. */
class Entry {
  /** In the list of idle ones, or of those that a function of the user is asked about. @type {Entry | undefined} */
  previous = undefined;
  /** @type {Entry | undefined} */
  next = undefined;
  /** The next entry whose resource is the same primitive. @type {Entry | undefined} */
  twin = undefined;
  state = BUSY;
  /** When the time of the function is over that it is asked about, and whether it was. */
  deadline = 0;
  over = false;
  /** @type {import('./time-limit.js').Awaited['reactions']} */
  reactions = undefined;
  /** Number of the loan, which tells one from a later one. */
  loan = 0;
  /** Who has it, if that is known. @type {Asker | undefined} */
  asker = undefined;
  /** The loan, if it is tracked. @type {import('../loan-tracker.js').Loan | undefined} */
  tracked = undefined;
  /** Fulfilled with the resource: it never changes, so one serves for all who find it idle. @type {Promise<any> | undefined} */
  promise = undefined;

  /**
   * @param {unknown} resource
   * @param {number} now
   * @param {number} expiresAt
   * @param {number} usesLeft
   */
  constructor(resource, now, expiresAt, usesLeft) {
    this.resource = resource;
    /** When it was last lent or became idle. */
    this.since = now;
    this.expiresAt = expiresAt;
    /** 0 or less: it is not to be lent again. */
    this.usesLeft = usesLeft;
  }

  /** Whether that loan lasts. @param {number} loan */
  lentAs(loan) {
    return this.state === LENT && this.loan === loan;
  }
}

/** Entries by resource. Objects have one each; equal primitives share a key, and are a chain. */
class Entries {
  /** @type {Map<unknown, Entry>} */
  #byResource = new Map();
  size = 0;

  /** @param {Entry} entry */
  add(entry) {
    entry.twin = this.#byResource.get(entry.resource);
    this.#byResource.set(entry.resource, entry);
    this.size++;
  }

  /** @param {Entry} entry */
  delete(entry) {
    const { resource } = entry;
    const first = this.#byResource.get(resource);
    if (first === entry) {
      if (entry.twin === undefined) {
        this.#byResource.delete(resource);
      } else {
        this.#byResource.set(resource, entry.twin);
      }
    } else {
      let before = first;
      while (before !== undefined && before.twin !== entry) {
        before = before.twin;
      }
      /** @type {Entry} */ (before).twin = entry.twin;
    }
    entry.twin = undefined;
    this.size--;
  }

  /**
   * One in that state, of those with that resource.
   *
   * @param {unknown} resource
   * @param {number} state
   * @returns {Entry | undefined}
   */
  find(resource, state) {
    let entry = this.#byResource.get(resource);
    while (entry !== undefined && entry.state !== state) {
      entry = entry.twin;
    }
    return entry;
  }

  /**
   * Whether it is an object that is here already. Primitives may be equal.
   *
   * @param {unknown} resource
   */
  hasObject(resource) {
    return Object(resource) === resource && this.has(resource);
  }

  /** @param {unknown} resource */
  has(resource) {
    return this.#byResource.has(resource);
  }

  /** @returns {Generator<Entry>} */
  *[Symbol.iterator]() {
    for (const first of this.#byResource.values()) {
      for (let entry = /** @type {Entry | undefined} */ (first); entry !== undefined; entry = entry.twin) {
        yield entry;
      }
    }
  }
}

module.exports = { BUSY, Entries, Entry, GONE, IDLE, LENT };
