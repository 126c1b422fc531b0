'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { runTransaction } = require('../../examples/database/transaction.js');
const { deferred, nextTurn } = require('../helper.js');

/** Records what is sent, and answers when it is told to, or at once. */
function fake({ failing = [], patient = false } = {}) {
  const sent = [];
  const answers = [];
  async function send(sql) {
    sent.push(sql);
    if (patient && !/^[A-Z]+$/.test(sql)) {
      const answer = deferred();
      answers.push(answer);
      await answer.promise;
    }
    if (failing.includes(sql)) {
      throw new Error(`${sql} failed`);
    }
  }
  const connection = {
    usable: true,
    lose: () => (connection.usable = false),
    begin: () => send('BEGIN'),
    commit: () => send('COMMIT'),
    rollback: () => send('ROLLBACK'),
    query: send,
  };
  return { connection, sent, answers };
}

const measure = (_sql, send) => send();

describe('a transaction', () => {
  it('that never began is neither committed nor rolled back', async () => {
    const { connection, sent } = fake({ failing: ['BEGIN'] });
    await assert.rejects(
      runTransaction(connection, measure, () => assert.fail()),
      /BEGIN failed/,
    );
    assert.deepEqual(sent, ['BEGIN']);
  });

  it('sends one statement after the other, though nobody waits', async () => {
    const { connection, sent, answers } = fake({ patient: true });
    const done = runTransaction(connection, measure, (transaction) => {
      void transaction.query('one');
      void transaction.query('two');
    });
    await nextTurn();
    assert.deepEqual(sent, ['BEGIN', 'one']);
    answers[0].resolve();
    await nextTurn();
    assert.deepEqual(sent, ['BEGIN', 'one', 'two']);
    answers[1].resolve();
    await done;
    assert.deepEqual(sent, ['BEGIN', 'one', 'two', 'COMMIT']);
  });

  it('that fails rolls back after the statement under way, and sends no more', async () => {
    const { connection, sent, answers } = fake({ patient: true });
    const refused = [];
    const done = assert.rejects(
      runTransaction(connection, measure, async (transaction) => {
        transaction.query('one').catch((error) => refused.push(error));
        transaction.query('two').catch((error) => refused.push(error));
        await nextTurn();
        throw new Error('mine');
      }),
      /mine/,
    );
    await nextTurn();
    await nextTurn();
    assert.deepEqual(sent, ['BEGIN', 'one']);
    answers[0].resolve();
    await done;
    assert.deepEqual(sent, ['BEGIN', 'one', 'ROLLBACK']);
    assert.match(String(refused), /transaction is over/);
  });

  it('that cannot be committed is rolled back, with the error of the first', async () => {
    const { connection, sent } = fake({ failing: ['COMMIT'] });
    await assert.rejects(
      runTransaction(connection, measure, () => {}),
      /COMMIT failed/,
    );
    assert.deepEqual(sent, ['BEGIN', 'COMMIT', 'ROLLBACK']);
    assert.ok(connection.usable);
  });

  it('that cannot be rolled back makes its connection unfit, with the error of its function', async () => {
    const { connection } = fake({ failing: ['ROLLBACK'] });
    await assert.rejects(
      runTransaction(connection, measure, () => {
        throw new RangeError('mine');
      }),
      { message: 'mine' },
    );
    assert.equal(connection.usable, false);
  });

  it('of a connection that is lost is not rolled back', async () => {
    const { connection, sent } = fake();
    await assert.rejects(
      runTransaction(connection, measure, () => {
        connection.lose();
        throw new RangeError('mine');
      }),
      { message: 'mine' },
    );
    assert.deepEqual(sent, ['BEGIN']);
  });
});
