'use strict';

/** Connections of a database in a ResourcePool: queries, transactions, and which statements take long. */

const { ResourcePool } = require('../..');
const { QueryTimes } = require('./query-times.js');
const { runTransaction } = require('./transaction.js');

/**
 * @typedef {typeof import('./mysql2.js') | typeof import('./pg.js')} Driver
 * @typedef {Awaited<ReturnType<Driver['connect']>>} DriverConnection
 */

/**
 * @typedef {object} Settings
 * @property {object} connection what the driver needs to connect: host, port, user, password, database
 * @property {object} [pool] options of ResourcePool: `max`, `maxLifetime`, `acquireTimeout`
 * @property {number} [slowThreshold] milliseconds from which on a statement is slow; 200 by default
 * @property {number} [slowKept] slow statements that are remembered; 100 by default
 * @property {boolean} [freshSession] whether each loan gets a session as new, for a round trip or two; false by default
 */

/**
 * @param {Driver} driver
 * @param {Settings} settings
 */
function createDatabase(driver, settings) {
  const { connection: options, slowThreshold = 200, slowKept = 100, freshSession = false } = settings;
  const queryTimes = new QueryTimes(slowThreshold, slowKept);

  const pool = new ResourcePool({
    // A connection that the server closes says so at any time, and is then thrown out, whether it is idle or lent.
    create: () => driver.connect(options, (lost) => pool.evict(lost)),
    destroy: (connection) => connection.close(),
    // What no event tells, since a firewall dropped the connection without a word, a ping does. Only after some idle time:
    // it is a round trip.
    validate: (connection) => connection.ping(),
    validateAfter: 5000,
    reset: (connection) => connection.reset(freshSession),
    ...settings.pool,
  });

  return {
    /** For a monitor, or to lend a connection by hand. */
    pool,

    /**
     * One statement, on any connection.
     *
     * @param {string} sql
     * @param {unknown[]} [values]
     * @param {import('../..').AcquireOptions} [acquireOptions] who asks, and how long he waits for a connection
     * @returns {Promise<{ rows: any[], affected: number }>}
     */
    query(sql, values, acquireOptions) {
      return pool.use(
        (connection) => queryTimes.measure(sql, acquireOptions?.owner, () => connection.query(sql, values)),
        acquireOptions,
      );
    },

    /**
     * Statements that take effect all or not at all. Committed when `fn` is done, rolled back when it throws or rejects.
     * When COMMIT fails because the connection is lost, nobody can tell which of the two has happened.
     *
     * @template T
     * @param {(transaction: import('./transaction.js').Transaction) => T | PromiseLike<T>} fn
     * @param {import('../..').AcquireOptions} [acquireOptions]
     * @returns {Promise<T>} what `fn` answers, or fails with
     */
    transaction(fn, acquireOptions) {
      return pool.use(
        (connection) =>
          runTransaction(connection, (sql, send) => queryTimes.measure(sql, acquireOptions?.owner, send), fn),
        acquireOptions,
      );
    },

    stats() {
      return { queries: queryTimes.stats(), pool: pool.stats() };
    },

    /**
     * Serves those who wait, then closes every connection.
     *
     * @param {{ timeout?: number }} [drainOptions]
     */
    async close(drainOptions) {
      await pool.drain(drainOptions);
    },
  };
}

module.exports = { createDatabase };
