'use strict';

/** The driver for PostgreSQL, over the package `pg`. */

const { Client, DatabaseError } = require('pg');
const { Connection } = require('./connection.js');

/** What a transaction status of the server says: none is open. */
const NONE = 'I';

class PgConnection extends Connection {
  #client;

  /**
   * @param {Client} client
   * @param {(connection: PgConnection) => void} onLost
   */
  constructor(client, onLost) {
    super(client, onLost);
    this.#client = client;
  }

  /**
   * @param {string} sql
   * @param {unknown[]} [values]
   */
  async query(sql, values) {
    const { rows, rowCount } = await this.#send(sql, values);
    return { rows, affected: rowCount ?? 0 };
  }

  begin() {
    return this.#send('BEGIN');
  }

  /** A transaction in which a statement failed is rolled back by COMMIT, which says so and calls it no error. */
  async commit() {
    const { command } = await this.#send('COMMIT');
    if (command !== 'COMMIT') {
      throw new Error('The transaction was rolled back, because a statement in it had failed');
    }
  }

  rollback() {
    return this.#send('ROLLBACK');
  }

  async ping() {
    await this.#send('SELECT 1');
    return true;
  }

  /**
   * ROLLBACK ends a transaction that was left open, and with it what was SET LOCAL and locked in it. DISCARD ALL, which no
   * transaction may hold, undoes the rest that a session can hold: variables, temporary tables, prepared statements,
   * advisory locks, LISTEN.
   *
   * @param {boolean} whole whether the session is to be as new, also if no transaction was left open
   * @returns {Promise<void> | undefined} undefined when there is nothing to do, which then takes no time
   */
  reset(whole) {
    const open = this.#client.getTransactionStatus() !== NONE;
    return whole || open ? this.#renew(open) : undefined;
  }

  /** @param {boolean} open */
  async #renew(open) {
    if (open) {
      await this.rollback();
    }
    await this.#send('DISCARD ALL');
  }

  close() {
    return this.ended(
      () => this.#client.end(),
      () => this.#client.connection.stream.destroy(),
    );
  }

  /**
   * @param {string} sql
   * @param {unknown[]} [values]
   */
  #send(sql, values) {
    return this.exchange(async () => {
      try {
        return await this.#client.query(sql, values);
      } catch (error) {
        this.#failed(error);
        throw error;
      }
    });
  }

  /**
   * A statement that the server refused is an ERROR and leaves the connection as it was; after a FATAL one the server
   * closes it. After anything else, be it a time-out of the client, nobody knows what the server does.
   *
   * @param {any} error
   */
  #failed(error) {
    if (!(error instanceof DatabaseError) || error.severity !== 'ERROR') {
      this.lose();
    }
  }
}

/**
 * @param {import('pg').ClientConfig} options
 * @param {(connection: PgConnection) => void} onLost told when the server closes it, idle or not
 */
function connect(options, onLost) {
  const client = new Client(options);
  const connection = new PgConnection(client, onLost);
  // An 'error' that nobody listens to ends the process.
  client.on('error', () => connection.lose());
  client.on('end', () => connection.lose());
  return connection.opened(() => client.connect());
}

module.exports = { connect };
