'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { Connection } = require('../../examples/database/connection.js');
const { deferred } = require('../helper.js');

function fake() {
  const seen = [];
  class FakeConnection extends Connection {
    async close() {
      seen.push('close');
    }
  }
  const socket = { ref: () => seen.push('ref'), unref: () => seen.push('unref') };
  return { connection: new FakeConnection(socket, () => seen.push('lost')), seen };
}

describe('a connection of a database', () => {
  it('that cannot be opened is closed, with the error of the driver', async () => {
    const { connection, seen } = fake();
    const opened = connection.opened(() => Promise.reject(new RangeError('no')));
    await assert.rejects(opened, { name: 'RangeError', message: 'no' });
    assert.deepEqual(seen, ['ref', 'unref', 'lost', 'close']);
  });

  it('that is lost in the moment in which it is opened is not opened', async () => {
    const { connection, seen } = fake();
    const opened = connection.opened(async () => connection.lose());
    await assert.rejects(opened, /closed the connection at once/);
    assert.deepEqual(seen, ['ref', 'lost', 'unref', 'close']);
  });

  it('is lost once', () => {
    const { connection, seen } = fake();
    connection.lose();
    connection.lose();
    assert.deepEqual([seen, connection.usable], [['lost'], false]);
  });

  it('holds the process until the last answer has come, or failed', async () => {
    const { connection, seen } = fake();
    const [first, second] = [deferred(), deferred()];
    const exchanges = [connection.exchange(() => first.promise), connection.exchange(() => second.promise)];
    first.reject(new Error('no'));
    await assert.rejects(exchanges[0], /no/);
    assert.ok(!seen.includes('unref'));
    second.resolve('answer');
    assert.equal(await exchanges[1], 'answer');
    assert.deepEqual(seen, ['ref', 'ref', 'unref']);
  });
});
