'use strict';

/** What a ResourcePool of connections, as examples/database makes it, must do with any database. */

const assert = require('node:assert/strict');
const { AsyncLocalStorage } = require('node:async_hooks');
const { join } = require('node:path');
const { after, before, describe, it } = require('node:test');
const { setTimeout: delay } = require('node:timers/promises');
const { createDatabase } = require('../../examples/database/database.js');
const { assertRejects, deferred } = require('../helper.js');
const { ROOT, runScript } = require('../run-script.js');
const { proxyTo } = require('./proxy.js');
const { serverOf } = require('./servers.js');

const MAX = 5;
const BACKOFF = { min: 50, max: 400 };
/** Whom the tests connect as. The server's own user watches them. */
const APP = { user: 'app', password: 'also not a secret' };

/**
 * @typedef {object} Dialect
 * @property {string} driver file in examples/database
 * @property {string[]} prepare statements that make the user and what it may do
 * @property {(seconds: number) => string} sleep a statement that takes so long
 * @property {string} session a statement with the id of its connection
 * @property {string} connections a statement with the number of connections that the user has
 * @property {string} busy a statement with the ids of those that are in the middle of a statement
 * @property {(id: number) => string} kill a statement that ends the connection with that id
 * @property {string} placeholder of the first value
 * @property {string[]} begins statements each of which opens a transaction, now or with the next statement
 * @property {{ set: string, get: string }} variable one of the session; what is not set is null or ''
 * @property {boolean} forgiving whether a statement that fails leaves its transaction as it was
 * @property {(seconds: number, limit: number) => { connection: object, sql: any }} hurried the `sleep` statement, for which
 *   the client waits that many milliseconds at most, and the options that this needs
 * @property {RegExp} lost codes and messages of the driver for a connection that is lost
 * @property {RegExp} refused codes of the driver while there is no server
 * @property {string} denied code for a wrong password
 */

/** Polls, for what no event tells. @param {() => unknown} condition */
async function until(condition) {
  const end = performance.now() + 10_000;
  while (!(await condition())) {
    assert.ok(performance.now() < end, `in vain: ${condition}`);
    await delay(2);
  }
}

/** Most attempts one after another within that time. */
function mostRounds(elapsed) {
  let rounds = 1;
  for (let spent = 0, next = BACKOFF.min; spent <= elapsed; next = Math.min(2 * next, BACKOFF.max)) {
    spent += next / 2;
    rounds++;
  }
  return rounds;
}

function text({ code, message }) {
  return `${code} ${message}`;
}

/**
 * @param {string} name
 * @param {import('./servers.js').Kind} kind
 * @param {Dialect} dialect
 */
function databaseCases(name, kind, dialect) {
  const { missing, start: startServer } = serverOf(kind);
  if (missing !== undefined) {
    it(`a pool of ${name} connections`, { skip: missing }, () => {});
    return;
  }
  describe(`a pool of ${name} connections`, { timeout: 120_000 }, () => {
    const file = join(ROOT, 'examples', 'database', dialect.driver);
    const driver = require(file);
    let server;
    let admin;
    const opened = new Set();

    /** With the options of the pool, and other settings. */
    function open(pool = {}, settings = {}) {
      const database = createDatabase(driver, {
        connection: { ...server.connection, ...APP },
        pool: { max: MAX, backoff: BACKOFF, ...pool },
        ...settings,
      });
      opened.add(database);
      return database;
    }

    /** Runs one test with a database that is closed behind it. */
    async function using(database, fn) {
      try {
        return await fn(database);
      } finally {
        opened.delete(database);
        await database.close();
      }
    }

    const id = async (queryable) => (await queryable.query(dialect.session)).rows[0].id;
    const kill = (connection) => admin.query(dialect.kill(connection));
    const connections = async () => Number((await admin.query(dialect.connections)).rows[0].count);
    const rows = async () =>
      (await admin.query('SELECT id FROM things ORDER BY id')).rows.map((row) => row.id);
    const insert = (queryable, value) =>
      queryable.query(`INSERT INTO things VALUES (${dialect.placeholder})`, [value]);

    /** A connection that is in the middle of a statement, seen from the server. */
    async function busy() {
      let found;
      await until(async () => {
        [found] = (await admin.query(dialect.busy)).rows;
        return found !== undefined;
      });
      return found.id;
    }

    before(async () => {
      server = await startServer();
      admin = createDatabase(driver, { connection: server.connection, pool: { max: 1, backoff: BACKOFF } });
      for (const statement of dialect.prepare) {
        await admin.query(statement);
      }
    });

    after(async () => {
      // Of a test that failed.
      await Promise.all([...opened].map((database) => database.close({ timeout: 1000 }).catch(() => {})));
      await admin?.close();
      await server?.close();
    });

    it('answers every query under load with at most max connections, as the server counts them', async () => {
      await using(open(), async (database) => {
        const answers = await Promise.all(
          Array.from({ length: 300 }, (_, i) =>
            database.query(`SELECT ${i} AS i, n.* FROM (${dialect.connections}) n`),
          ),
        );
        assert.deepEqual(
          answers.map((answer) => Number(answer.rows[0].i)),
          answers.map((_, i) => i),
        );
        const most = Math.max(...answers.map((answer) => Number(answer.rows[0].count)));
        assert.ok(most > 1 && most <= MAX, `${most} connections`);
        await until(() => database.stats().pool.idle === MAX);
        assert.equal(await connections(), MAX);
        const { pool, queries } = database.stats();
        assert.deepEqual([pool.created, pool.acquired, queries.times.count], [MAX, 300, 300]);
      });
    });

    it('leaves no connection on the server when it drains, and serves those who waited', async () => {
      const database = open({ max: 2 });
      const waiting = Array.from({ length: 6 }, () => database.query(dialect.sleep(0.01)));
      await waiting[0];
      await using(database, async () => {});
      assert.equal((await Promise.all(waiting)).length, 6);
      await until(async () => (await connections()) === 0);
      await assertRejects(database.query(dialect.session), 'ERR_HEAPWISE_POOL_CLOSED', Error);
    });

    it('tells one who waits too long who has the connection', async () => {
      await using(open({ max: 1 }), async (database) => {
        const done = deferred();
        const job = database.transaction(() => done.promise, { owner: 'nightly job' });
        const refused = assertRejects(
          database.query(dialect.session, [], { timeout: 50 }),
          'ERR_HEAPWISE_RESOURCE_TIMEOUT',
          Error,
        );
        assert.equal((await refused).holders[0].owner, 'nightly job');
        done.resolve();
        await job;
      });
    });

    it('keeps the async context of each who asks, whoever had the connection made', async () => {
      const storage = new AsyncLocalStorage();
      await using(open({ max: 2 }), async (database) => {
        await Promise.all(
          Array.from({ length: 20 }, (_, i) =>
            storage.run(i, async () => {
              await database.query(dialect.session);
              assert.equal(storage.getStore(), i);
              await database.transaction(async (transaction) => {
                assert.equal(storage.getStore(), i);
                await transaction.query(dialect.session);
                assert.equal(storage.getStore(), i);
              });
              assert.equal(storage.getStore(), i);
            }),
          ),
        );
      });
    });

    it('replaces connections that have lived for long', async () => {
      await using(open({ maxLifetime: 50, jitter: 0 }), async (database) => {
        const seen = new Set();
        while (seen.size < 3) {
          seen.add(await id(database));
        }
        await until(async () => (await connections()) <= 1);
      });
    });

    describe('with a wrong password', () => {
      it('says why, and does not try without a pause', async () => {
        const start = performance.now();
        const database = open(
          { min: 2 },
          { connection: { ...server.connection, ...APP, password: 'wrong' } },
        );
        await using(database, async () => {
          for (let i = 0; i < 4; i++) {
            const { cause } = await assertRejects(
              database.query(dialect.session),
              'ERR_HEAPWISE_RESOURCE_CREATE',
              Error,
            );
            assert.equal(cause.code, dialect.denied);
          }
          const { createFailed } = database.stats().pool;
          const most = 2 * mostRounds(performance.now() - start);
          assert.ok(createFailed >= 4 && createFailed <= most, `${createFailed} attempts, at most ${most}`);
        });
      });
    });

    describe('when the server kills a connection', () => {
      it('that is idle, nobody notices', async () => {
        await using(open({ max: 2 }), async (database) => {
          const killed = await id(database);
          await kill(killed);
          await until(() => database.stats().pool.size === 0);
          assert.notEqual(await id(database), killed);
          const { evicted, invalid, created } = database.stats().pool;
          assert.deepEqual({ evicted, invalid, created }, { evicted: 1, invalid: 0, created: 2 });
        });
      });

      it('in the middle of a statement, its error is the driver’s, and the connection is lent no more', async () => {
        await using(open({ max: 1 }), async (database) => {
          const failed = assert.rejects(database.query(dialect.sleep(30)), (error) => {
            assert.match(text(error), dialect.lost);
            return true;
          });
          const next = id(database);
          const killed = await busy();
          await kill(killed);
          await failed;
          assert.notEqual(await next, killed);
          assert.equal(database.stats().pool.evicted, 1);
        });
      });

      it('on its own demand, nobody gets it in the moment before it is closed', async () => {
        await using(open({ max: 1 }), async (database) => {
          const killed = await id(database);
          const failed = assert.rejects(database.query(dialect.kill(killed)));
          const next = id(database);
          await failed;
          assert.notEqual(await next, killed);
        });
      });

      it('that is lent and silent, it is not lent again', async () => {
        await using(open({ max: 1 }), async (database) => {
          let killed;
          await database.pool.use(async (connection) => {
            killed = await id(connection);
            await kill(killed);
            await until(() => database.stats().pool.evicted === 1);
            await assert.rejects(connection.query(dialect.session));
          });
          assert.notEqual(await id(database), killed);
        });
      });
    });

    describe('a transaction', () => {
      before(() => admin.query('DELETE FROM things'));

      it('is committed when its function is done, with the answer of that', async () => {
        await using(open(), async (database) => {
          const answer = await database.transaction(async (transaction) => {
            assert.equal((await insert(transaction, 1)).affected, 1);
            // Nobody waits for this one.
            void insert(transaction, 2);
            return 'done';
          });
          assert.equal(answer, 'done');
          assert.deepEqual(await rows(), [1, 2]);
        });
      });

      for (const [how, fail] of Object.entries({
        'throws at once': () => {
          throw new RangeError('mine');
        },
        'throws after a statement': async (transaction) => {
          await insert(transaction, 3);
          throw new RangeError('mine');
        },
        'throws while a statement is under way': (transaction) => {
          insert(transaction, 3).catch(() => {});
          insert(transaction, 4).catch(() => {});
          throw new RangeError('mine');
        },
      })) {
        it(`is rolled back when its function ${how}, and the connection is used again`, async () => {
          // Nothing makes good what the transaction leaves behind.
          await using(open({ max: 1, reset: undefined }), async (database) => {
            const session = await id(database);
            await assert.rejects(database.transaction(fail), { name: 'RangeError', message: 'mine' });
            assert.deepEqual(await rows(), [1, 2]);
            // It would wait for the lock of an insertion that is neither committed nor rolled back.
            await insert(admin, 3);
            await admin.query('DELETE FROM things WHERE id = 3');
            assert.equal(await id(database), session);
          });
        });
      }

      it('is rolled back when a statement fails, with the error of that', async () => {
        await using(open({ max: 1 }), async (database) => {
          const session = await id(database);
          await assert.rejects(
            database.transaction(async (transaction) => {
              await insert(transaction, 5);
              await insert(transaction, 1);
            }),
            (error) => /duplicate/i.test(error.message),
          );
          assert.deepEqual(await rows(), [1, 2]);
          assert.equal(await id(database), session, 'a statement that fails does not break the connection');
          assert.equal(database.stats().queries.failed, 1);
        });
      });

      const outcome = dialect.forgiving
        ? 'is committed without it'
        : 'fails, since the server has rolled it back';
      it(`whose function passes over a statement that failed ${outcome}`, async () => {
        await using(open({ max: 1 }), async (database) => {
          const done = database.transaction(async (transaction) => {
            await insert(transaction, 6);
            await assert.rejects(insert(transaction, 1));
          });
          if (dialect.forgiving) {
            await done;
            assert.deepEqual(await rows(), [1, 2, 6]);
            await admin.query('DELETE FROM things WHERE id = 6');
          } else {
            await assert.rejects(done, /was rolled back/);
            assert.deepEqual(await rows(), [1, 2]);
          }
        });
      });

      it('is over for who still has it, and so is the connection', async () => {
        await using(open({ max: 1 }), async (database) => {
          const kept = await database.transaction((transaction) => transaction);
          await assert.rejects(insert(kept, 6), /transaction is over/);
          assert.deepEqual(await rows(), [1, 2]);
        });
      });

      it('has not happened when its connection dies in the middle, and the next one does', async () => {
        await using(open({ max: 1 }), async (database) => {
          let killed;
          await assert.rejects(
            database.transaction(async (transaction) => {
              killed = await id(transaction);
              await insert(transaction, 7);
              await kill(killed);
              await insert(transaction, 8);
            }),
            (error) => dialect.lost.test(text(error)),
          );
          await database.transaction((transaction) => insert(transaction, 9));
          assert.deepEqual(await rows(), [1, 2, 9]);
          assert.notEqual(await id(database), killed);
        });
      });

      it('that cannot be rolled back fails with its own error, and its connection is lent no more', async () => {
        await using(open({ max: 1 }), async (database) => {
          let killed;
          await assert.rejects(
            database.transaction(async (transaction) => {
              killed = await id(transaction);
              await insert(transaction, 10);
              await kill(killed);
              throw new RangeError('mine');
            }),
            { name: 'RangeError', message: 'mine' },
          );
          assert.notEqual(await id(database), killed);
          assert.deepEqual(await rows(), [1, 2, 9]);
          assert.equal(database.stats().pool.evicted, 1);
        });
      });

      for (const [i, begin] of dialect.begins.entries()) {
        it(`that somebody opened by hand and left open is not handed to the next one: ${begin}`, async () => {
          await using(open({ max: 1 }), async (database) => {
            const session = await id(database);
            await database.query(begin);
            await insert(database, 11 + i);
            assert.equal((await rows()).at(-1), 11 + i, 'seen by others, since it was not part of that');
            assert.equal(await id(database), session);
          });
        });
      }
    });

    describe('a connection that is dead without a word', () => {
      it('is found out by a ping, and holds up neither the next one nor the end', async () => {
        const proxy = await proxyTo(server.connection.port);
        const connection = { ...server.connection, ...APP, port: proxy.port };
        const database = open({ max: 1, validateAfter: 1, validateTimeout: 50 }, { connection });
        await using(database, async () => {
          const dead = await id(database);
          proxy.mute();
          await delay(2);
          assert.notEqual(await id(database), dead);
          proxy.mute();
        });
        const { invalid, destroyed, destroyFailed } = database.stats().pool;
        assert.deepEqual(
          { invalid, destroyed, destroyFailed },
          { invalid: 1, destroyed: 2, destroyFailed: 0 },
        );
        await proxy.close();
      });
    });

    describe('a statement for which the client waits no longer', () => {
      it('is still the server’s, and its connection is lent no more', async () => {
        const { connection, sql } = dialect.hurried(30, 50);
        const settings = { connection: { ...server.connection, ...APP, ...connection } };
        await using(open({ max: 1 }, settings), async (database) => {
          await assert.rejects(database.query(sql), /timeout/);
          const left = await busy();
          assert.notEqual(await id(database), left);
          await kill(left);
        });
      });
    });

    describe('a session', () => {
      for (const fresh of [false, true]) {
        it(`${fresh ? 'is as new' : 'keeps its variables'} for the next one, as is asked for`, async () => {
          await using(open({ max: 1 }, { freshSession: fresh }), async (database) => {
            const session = await id(database);
            await database.query(dialect.variable.set);
            const { value } = (await database.query(dialect.variable.get)).rows[0];
            assert.equal(value === null || value === '', fresh, `${value}`);
            assert.equal(await id(database), session);
          });
        });
      }
    });

    describe('slow statements', () => {
      it('are remembered, the last so many, with who sent them and whether they failed', async () => {
        await using(open({ max: 1 }, { slowThreshold: 60, slowKept: 2 }), async (database) => {
          await database.query(dialect.sleep(0.07), [], { owner: 'first' });
          await database.transaction((transaction) => transaction.query(dialect.sleep(0.08)), {
            owner: 'second',
          });
          const failed = assert.rejects(database.query(dialect.sleep(30), [], { owner: 'third' }));
          const slow = await busy();
          await delay(60);
          await kill(slow);
          await failed;
          const { times, slow: count, failed: failures, lastSlow } = database.stats().queries;
          const sent = lastSlow.filter(({ sql }) => /sleep/i.test(sql));
          assert.deepEqual(sent.at(-1).owner, 'third');
          assert.deepEqual([sent.at(-1).sql, sent.at(-1).failed], [dialect.sleep(30), true]);
          assert.ok(lastSlow.length === 2 && lastSlow.every(({ duration }) => duration >= 60));
          // The beginning and the end of the transaction are statements too, and any may be slow on a busy machine.
          assert.ok(count >= 3 && times.count === 5 && failures === 1, `${count} of ${times.count}`);
          assert.ok(times.max >= 79, `${times.max} ms`);
        });
      });
    });

    describe('when the server is restarted', () => {
      it('while the pool is idle, nobody notices', async () => {
        await using(open(), async (database) => {
          await Promise.all(Array.from({ length: MAX }, () => database.query(dialect.sleep(0.02))));
          await until(() => database.stats().pool.idle === MAX);
          await server.stop();
          await until(() => database.stats().pool.size === 0);
          await server.start();
          await id(database);
          const { evicted, createFailed } = database.stats().pool;
          assert.deepEqual({ evicted, createFailed }, { evicted: MAX, createFailed: 0 });
        });
      });

      for (const crash of [false, true]) {
        it(`${crash ? 'by a crash ' : ''}under load, what is under way fails, and it goes on by itself`, async () => {
          await using(open({ acquireTimeout: 20_000 }), async (database) => {
            const errors = [];
            let answered = 0;
            const over = new AbortController();
            const load = Array.from({ length: 4 * MAX }, async () => {
              while (!over.signal.aborted) {
                try {
                  await database.query(dialect.sleep(0.02));
                  answered++;
                } catch (error) {
                  errors.push(error);
                }
              }
            });
            try {
              await until(() => answered > 4 * MAX);
              const stopped = performance.now();
              await server.stop({ crash });
              // A whole round was refused.
              await until(() => database.stats().pool.createFailed > 2 * MAX);
              await server.start();
              const started = performance.now();
              const soFar = answered;
              await until(() => answered > soFar + 4 * MAX);
              const recovered = performance.now();

              const { createFailed, timedOut } = database.stats().pool;
              const most = MAX * mostRounds(recovered - stopped);
              assert.ok(createFailed <= most, `${createFailed} attempts, at most ${most}`);
              assert.ok(recovered - started < BACKOFF.max + 2000, `back after ${recovered - started} ms`);
              assert.equal(timedOut, 0);
              const refused = errors.filter(({ code }) => code === 'ERR_HEAPWISE_RESOURCE_CREATE');
              const underWay = errors.filter(({ code }) => code !== 'ERR_HEAPWISE_RESOURCE_CREATE');
              assert.ok(refused.length >= MAX, `${refused.length} were refused`);
              assert.ok(
                underWay.length >= 1 && underWay.length <= 2 * MAX,
                `${underWay.length} were under way`,
              );
              refused.forEach(({ cause }) => assert.match(text(cause), dialect.refused));
              underWay.forEach((error) => assert.match(text(error), dialect.lost));
              await until(async () => (await connections()) <= MAX);
            } finally {
              over.abort();
              await Promise.all(load);
            }
          });
        });
      }
    });

    describe('the process', () => {
      const script = (body) => `
        const { createDatabase } = require(${JSON.stringify(join(ROOT, 'examples', 'database', 'database.js'))});
        const driver = require(${JSON.stringify(file)});
        const connection = ${JSON.stringify({ ...server.connection, ...APP })};
        ${body}`;

      it('ends by itself while connections are idle', async () => {
        const { code, stdout, stderr } = await runScript(
          script(`
            const database = createDatabase(driver, { connection, pool: { min: 3 } });
            (async () => {
              await database.pool.ready();
              console.log((await database.query('SELECT 1 AS one')).rows[0].one);
            })();`),
        );
        assert.deepEqual([code, stdout.trim(), stderr], [0, '1', '']);
      });

      it('does not end while a connection is checked, renewed or closed', async () => {
        const { code, stdout, stderr } = await runScript(
          script(`
            const { setTimeout: delay } = require('node:timers/promises');
            const pool = { max: 1, validateAfter: 1 };
            const database = createDatabase(driver, { connection, pool, freshSession: true });
            (async () => {
              await database.query('SELECT 1');
              await database.query('SELECT 2');
              await delay(10);
              await database.query('SELECT 3');
              await database.close();
              console.log('closed');
            })();`),
        );
        assert.deepEqual([code, stdout.trim(), stderr], [0, 'closed', '']);
      });
    });
  });
}

module.exports = { databaseCases };
