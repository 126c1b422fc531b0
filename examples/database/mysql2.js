'use strict';

/** The driver for MySQL and MariaDB, over the package `mysql2`. */

const mysql = require('mysql2');
const { Connection } = require('./connection.js');

/** Status flags that the server sends with each answer that has no rows. */
const IN_TRANSACTION = 1;
const AUTOCOMMIT = 2;

/**
 * Errors that the server sends before it closes the connection: it shuts down; the connection was killed, for which MariaDB
 * has a number that the driver knows no name of.
 */
const FAREWELLS = new Set([1053, 1927]);

class Mysql2Connection extends Connection {
  #client;
  /** Whether a transaction was left open. */
  #open = false;

  /**
   * @param {any} client a mysql.Connection; its types do not speak of `stream`, its socket
   * @param {(connection: Mysql2Connection) => void} onLost
   */
  constructor(client, onLost) {
    super(client.stream, onLost);
    this.#client = client;
  }

  /**
   * @param {string} sql
   * @param {unknown[]} [values]
   */
  async query(sql, values) {
    const answer = await this.#send((done) => this.#client.query(sql, values, done));
    return Array.isArray(answer)
      ? { rows: answer, affected: answer.length }
      : { rows: [], affected: answer.affectedRows };
  }

  begin() {
    return this.query('START TRANSACTION');
  }

  commit() {
    return this.query('COMMIT');
  }

  rollback() {
    return this.query('ROLLBACK');
  }

  async ping() {
    await this.#send((done) => this.#client.ping(done));
    return true;
  }

  /**
   * COM_CHANGE_USER, one round trip, undoes everything that a session can hold: the transaction, temporary tables,
   * variables, locks, prepared statements. COM_RESET_CONNECTION is cheaper, since it does not log in again, but on MySQL
   * (not MariaDB) it forgets the character set that the client asked for: bugs.mysql.com/bug.php?id=97633.
   *
   * @param {boolean} whole whether the session is to be as new, also if no transaction was left open
   * @returns {Promise<void> | undefined} undefined when there is nothing to do, which then takes no time
   */
  reset(whole) {
    return whole || this.#open ? this.#renew() : undefined;
  }

  async #renew() {
    await this.#send((done) => this.#client.changeUser({}, done));
    this.#open = false;
  }

  async close() {
    const { stream } = this.#client;
    if (this.usable) {
      const closed = new Promise((resolve) => stream.once('close', resolve));
      await this.ended(
        () => (this.#client.end(), closed),
        () => stream.destroy(),
      );
    } else {
      // It only ends its half of the socket.
      this.#client.destroy();
      stream.destroy();
    }
  }

  /** @param {(done: (error: any, answer?: any) => void) => void} command */
  #send(command) {
    return this.exchange(
      () =>
        new Promise((resolve, reject) => {
          command((error, answer) => {
            if (error) {
              this.#failed(error);
              reject(error);
            } else {
              this.#answered(answer);
              resolve(answer);
            }
          });
        }),
    );
  }

  /** @param {any} answer */
  #answered(answer) {
    if (answer?.serverStatus !== undefined) {
      this.#open = (answer.serverStatus & IN_TRANSACTION) !== 0 || (answer.serverStatus & AUTOCOMMIT) === 0;
    }
  }

  /**
   * A statement that the server refused has an SQL state and leaves the connection as it was. After anything else, be it a
   * time-out of the client, nobody knows what the server does.
   *
   * @param {any} error
   */
  #failed(error) {
    if (error.sqlState === undefined || error.fatal || FAREWELLS.has(error.errno)) {
      this.lose();
    }
  }
}

/**
 * @param {mysql.ConnectionOptions} options
 * @param {(connection: Mysql2Connection) => void} onLost told when the server closes it, idle or not
 */
function connect(options, onLost) {
  const client = mysql.createConnection(options);
  const connection = new Mysql2Connection(client, onLost);
  // An 'error' that nobody listens to ends the process. What has failed is told to the query that was under way, if there
  // was one; 'close' of the socket comes in any case.
  client.on('error', () => {});
  client.stream.on('close', () => connection.lose());
  return connection.opened(
    () =>
      new Promise((resolve, reject) => {
        client.connect((error) => (error ? reject(error) : resolve(undefined)));
      }),
  );
}

module.exports = { connect };
