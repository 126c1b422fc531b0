'use strict';

const { error } = require('./errors.js');
const validate = require('./validate.js');
const { Loans } = require('./express/loans.js');
const { ResponseCache } = require('./express/response-cache/response-cache.js');

/** Numbers of pools, in the order in which they came here first. @type {WeakMap<object, number>} */
const numbers = new WeakMap();
let last = 0;

/**
 * @param {Record<string, any>} pools
 * @param {import('../express.js').PooledOptions} [options]
 * @returns {import('../express.js').PooledMiddleware}
 */
function pooled(pools, options) {
  const wanted = wantedOf(pools);
  const given = validate.options(options, 'pooled', ['timeout', 'destroyOnAbort']);
  const settings = {
    timeout: given.timeout === undefined ? undefined : validate.timeout(given.timeout, 'timeout', 0),
    destroyOnAbort: validate.boolean(given.destroyOnAbort, 'destroyOnAbort', false),
  };
  return function heapwisePooled(req, res, next) {
    // Without loans the response is over: there is nobody left to answer, and nothing would be given back.
    const loans = Loans.of(req, res);
    if (loans !== undefined) {
      void lend(loans, wanted, settings, next);
    }
  };
}

/**
 * @param {Loans} loans
 * @param {import('./express/loans.js').Wanted[]} wanted
 * @param {{ timeout: number | undefined, destroyOnAbort: boolean }} settings
 * @param {(error?: any) => void} next
 */
async function lend(loans, wanted, settings, next) {
  let complete;
  try {
    complete = await loans.borrow(wanted, settings);
  } catch (refusal) {
    next(refusal);
    return;
  }
  if (complete) {
    next();
  }
}

/**
 * All requests take from pools in one order, whatever the order in which middlewares name them: else two of them could
 * wait for what the other one has. Those pools come last that lend at once or not at all.
 *
 * @param {Record<string, any>} pools
 * @returns {import('./express/loans.js').Wanted[]}
 */
function wantedOf(pools) {
  if (pools === null || typeof pools !== 'object' || Array.isArray(pools)) {
    throw error('ERR_HEAPWISE_INVALID_ARG_TYPE', 'pools', 'an object of pools by name', pools);
  }
  const wanted = Object.entries(pools).map(([name, pool]) => {
    if (typeof pool?.lease !== 'function') {
      throw error('ERR_HEAPWISE_INVALID_ARG_TYPE', `pools.${name}`, 'an ObjectPool or a ResourcePool', pool);
    }
    if (!numbers.has(pool)) {
      numbers.set(pool, ++last);
    }
    return { name, pool, waits: typeof pool.tryAcquire === 'function' };
  });
  return wanted.toSorted(
    (a, b) => Number(b.waits) - Number(a.waits) || Number(numbers.get(a.pool)) - Number(numbers.get(b.pool)),
  );
}

/**
 * @param {import('../express.js').ResponseCacheOptions} [options]
 * @returns {import('../express.js').ResponseCache}
 */
function responseCache(options) {
  // Here, because pooled() needs no addon.
  const { Cache } = require('./index.js');
  const cache = new ResponseCache(Cache, options);
  /** @type {import('../express.js').PooledMiddleware} */
  const heapwiseResponseCache = (req, res, next) => cache.handle(req, res, next);
  return Object.assign(heapwiseResponseCache, {
    inFrontOf: (/** @type {(req: any, res: any) => void} */ listener) => cache.inFrontOf(listener),
    invalidate: (/** @type {import('../express.js').Invalidation} */ what) => cache.invalidate(what),
    clear: () => cache.clear(),
    stats: () => cache.stats(),
    close: () => cache.close(),
    [Symbol.dispose]: () => cache.close(),
  });
}

module.exports = { pooled, responseCache };
