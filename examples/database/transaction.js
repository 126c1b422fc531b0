'use strict';

/**
 * @typedef {import('./database.js').DriverConnection} DriverConnection
 * @typedef {<T>(sql: string, send: () => Promise<T>) => Promise<T>} Measure
 */

/** What the function that makes up a transaction gets. */
class Transaction {
  #connection;
  #measure;
  /** Fulfilled when the statement sent last is answered. @type {Promise<unknown>} */
  #last = Promise.resolve();
  #over = false;

  /**
   * @param {DriverConnection} connection
   * @param {Measure} measure
   */
  constructor(connection, measure) {
    this.#connection = connection;
    this.#measure = measure;
  }

  /**
   * One statement after another, also when nobody awaits the one before.
   *
   * @param {string} sql
   * @param {unknown[]} [values]
   */
  query(sql, values) {
    const answer = this.#last.then(() => {
      if (this.#over) {
        throw new Error('The transaction is over, and its connection may be lent to somebody else');
      }
      return this.#measure(sql, () => this.#connection.query(sql, values));
    });
    this.#last = answer.catch(() => {});
    return answer;
  }

  /** Waits for all statements, those included that nobody awaited. */
  async finish() {
    for (let last; last !== this.#last;) {
      last = this.#last;
      await last;
    }
    this.#over = true;
  }

  /** Waits for the statement under way; those that have not been sent fail. */
  async abandon() {
    this.#over = true;
    await this.#last;
  }
}

/**
 * @template T
 * @param {DriverConnection} connection
 * @param {Measure} measure
 * @param {(transaction: Transaction) => T | PromiseLike<T>} fn
 * @returns {Promise<T>}
 */
async function runTransaction(connection, measure, fn) {
  await measure('BEGIN', () => connection.begin());
  const transaction = new Transaction(connection, measure);
  try {
    const result = await fn(transaction);
    await transaction.finish();
    await measure('COMMIT', () => connection.commit());
    return result;
  } catch (thrown) {
    await transaction.abandon();
    await rollBack(connection, measure);
    throw thrown;
  }
}

/**
 * Without a connection the server has rolled back by itself. If it cannot be told to, nobody knows how the transaction
 * stands, and the connection must not be used again.
 *
 * @param {DriverConnection} connection
 * @param {Measure} measure
 */
async function rollBack(connection, measure) {
  if (!connection.usable) {
    return;
  }
  try {
    await measure('ROLLBACK', () => connection.rollback());
  } catch {
    connection.lose();
  }
}

module.exports = { Transaction, runTransaction };
