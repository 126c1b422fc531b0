'use strict';

const { error } = require('../errors.js');
const { isOver, isWhole, onOver } = require('../response-end.js');

/**
 * @typedef {object} Wanted
 * @property {string} name in `req.pooled`
 * @property {any} pool an ObjectPool or a ResourcePool
 * @property {boolean} waits whether its `lease` does, rather than to throw at once
 */

/** Property of a response under which its loans lie. */
const LOANS = Symbol('heapwise.loans');
/** Of the error of somebody for whom there is nothing just now: the status by which Express and Connect answer. */
const UNAVAILABLE = 503;
const OUT_OF_STOCK = new Set([
  'ERR_HEAPWISE_POOL_EXHAUSTED',
  'ERR_HEAPWISE_POOL_CLOSED',
  'ERR_HEAPWISE_RESOURCE_TIMEOUT',
  'ERR_HEAPWISE_RESOURCE_QUEUE_FULL',
  'ERR_HEAPWISE_RESOURCE_CREATE',
]);
/** Characters of a path that a holder is named by. */
const LONGEST_PATH = 100;
/** What stands in `req.pooled` when the response is over. Not enumerable: a logger does not stumble over it. */
const AFTER = {
  configurable: true,
  enumerable: false,
  get() {
    throw error('ERR_HEAPWISE_POOL_RESPONSE_OVER');
  },
};
/** Pools of which a failed release was told. @type {WeakSet<object>} */
const warned = new WeakSet();

/** What one request has on loan, of all the middlewares that it comes through, until its response is over. */
class Loans {
  /** The property `pooled` of the request. @type {Record<string, unknown>} */
  #pooled = {};
  /** In the order in which they were lent. @type {{ name: string, pool: any, lease: any, destroyOnAbort: boolean }[]} */
  #held = [];
  #over = false;
  #req;
  /** Takes the request out of the line in which it waits. @type {AbortController | undefined} */
  #waiting;

  /**
   * @param {any} req
   * @param {any} res
   */
  constructor(req, res) {
    this.#req = req;
    res[LOANS] = this;
    req.pooled = this.#pooled;
    onOver(req, res, () => this.#end(!isWhole(res)));
  }

  /**
   * The loans of a request, or undefined if its response is over.
   *
   * @param {any} req
   * @param {any} res
   * @returns {Loans | undefined}
   */
  static of(req, res) {
    return isOver(req, res) ? undefined : (res[LOANS] ?? new Loans(req, res));
  }

  /**
   * Takes one of each, or none.
   *
   * @param {Wanted[]} wanted
   * @param {{ timeout: number | undefined, destroyOnAbort: boolean }} options
   * @returns {Promise<boolean>} false if the response was over before all were there
   */
  async borrow(wanted, { timeout, destroyOnAbort }) {
    const before = this.#held.length;
    try {
      for (const each of wanted) {
        if (!this.#has(each)) {
          // In turn, so that all requests take what they want in the same order.
          // oxlint-disable-next-line no-await-in-loop
          const lease = each.waits ? await this.#wait(each.pool, timeout) : each.pool.lease();
          this.#held.push({ name: each.name, pool: each.pool, lease, destroyOnAbort });
        }
        if (this.#over) {
          this.#giveBack(before, false);
          return false;
        }
      }
    } catch (cause) {
      this.#giveBack(before, false);
      if (this.#over) {
        return false;
      }
      throw unavailable(cause);
    }
    for (const { name, lease } of this.#held.slice(before)) {
      this.#pooled[name] = lease.value;
    }
    return true;
  }

  /**
   * Whether another middleware has taken it already.
   *
   * @param {Wanted} wanted
   */
  #has({ name, pool }) {
    const held = this.#held.find((each) => each.name === name);
    if (held !== undefined && held.pool !== pool) {
      throw error('ERR_HEAPWISE_DUPLICATE_NAME', 'pool', name);
    }
    return held !== undefined;
  }

  /**
   * @param {any} pool
   * @param {number | undefined} timeout
   */
  async #wait(pool, timeout) {
    this.#waiting = new AbortController();
    try {
      const { signal } = this.#waiting;
      return await pool.lease({ signal, timeout, owner: ownerOf(this.#req) });
    } finally {
      this.#waiting = undefined;
    }
  }

  /** @param {boolean} aborted */
  #end(aborted) {
    this.#over = true;
    for (const { name } of this.#held) {
      Object.defineProperty(this.#pooled, name, AFTER);
    }
    this.#giveBack(0, aborted);
    this.#waiting?.abort();
  }

  /**
   * The last one first.
   *
   * @param {number} from index of the first one
   * @param {boolean} aborted whether the handler may be at work still
   */
  #giveBack(from, aborted) {
    for (const { name, pool, lease, destroyOnAbort } of this.#held.splice(from).toReversed()) {
      try {
        if (aborted && destroyOnAbort && typeof lease.destroy === 'function') {
          lease.destroy();
        } else {
          lease.release();
        }
      } catch (cause) {
        warn(name, pool, cause);
      }
    }
  }
}

/**
 * Who asks, for those who wonder where their resources are. Without the query, which may hold secrets.
 *
 * @param {any} req
 */
function ownerOf({ method, baseUrl = '', route, originalUrl, url }) {
  const template = typeof route?.path === 'string' ? baseUrl + route.path : undefined;
  const path = template ?? String(originalUrl ?? url).split('?', 1)[0];
  return `${method} ${path.slice(0, LONGEST_PATH)}`;
}

/** @param {any} cause */
function unavailable(cause) {
  if (OUT_OF_STOCK.has(cause?.code)) {
    cause.status = UNAVAILABLE;
    cause.statusCode = UNAVAILABLE;
  }
  return cause;
}

/**
 * Nobody is left who could be told of a release that failed, and an exception would end the process.
 *
 * @param {string} name
 * @param {object} pool
 * @param {any} cause
 */
function warn(name, pool, cause) {
  // Whoever used it gave it back himself, which he may.
  if (cause?.code === 'ERR_HEAPWISE_POOL_DOUBLE_RELEASE' || warned.has(pool)) {
    return;
  }
  warned.add(pool);
  process.emitWarning(`"${name}" could not be given back after a response: ${cause?.stack ?? cause}`, {
    type: 'HeapwiseWarning',
    code: 'HEAPWISE_POOLED_RELEASE',
  });
}

module.exports = { Loans };
