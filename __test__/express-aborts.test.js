'use strict';

const assert = require('node:assert/strict');
const { EventEmitter, once } = require('node:events');
const http = require('node:http');
const net = require('node:net');
const { it } = require('node:test');
const { setTimeout: wait } = require('node:timers/promises');
const express = require('express');
const { ObjectPool, ResourcePool } = require('..');
const { pooled } = require('../lib/express.js');
const { nextTurn, seeded } = require('./helper.js');

const REQUESTS = 10_000;
/** At a time. */
const CLIENTS = 40;
/** Connections for them. */
const MAX = 4;
/** Where a client goes away; the first in the middle of its header. `none` stays to the end. */
const STAGES = ['header', 'sent', 'arrived', 'line', 'handler', 'stream', 'none'];

/** One client: sends a request, and cuts its connection when that is at its stage. */
async function client(port, id, stage, arrivals) {
  const socket = net.connect(port, '127.0.0.1').on('error', () => {});
  const closed = once(socket, 'close');
  await once(socket, 'connect');
  if (stage === 'header') {
    socket.write('GET /');
  } else {
    socket.write(
      `GET / HTTP/1.1\r\nHost: x\r\nX-Id: ${id}\r\nX-Stage: ${stage}\r\nConnection: close\r\n\r\n`,
    );
  }
  if (stage === 'stream' || stage === 'none') {
    socket.on('data', () => stage === 'stream' && socket.destroy());
  } else if (stage === 'arrived' || stage === 'line' || stage === 'handler') {
    await once(arrivals, `${id} ${stage}`);
    socket.destroy();
  } else {
    socket.destroy();
  }
  await closed;
}

it('10,000 requests whose clients go away at any stage leave nothing lent', { timeout: 60_000 }, async () => {
  const random = seeded(4);
  const arrivals = new EventEmitter().setMaxListeners(CLIENTS);
  const db = new ResourcePool({ create: () => wait(1, { user: undefined }), max: MAX });
  const parsers = new ObjectPool(() => ({ user: undefined }));
  const handled = new Set();
  const over = [];

  const app = express();
  app.use((req, _res, next) => {
    const { 'x-id': id, 'x-stage': stage } = req.headers;
    req.at = (place) => arrivals.emit(`${id} ${place}`);
    req.at('arrived');
    // Some abort comes before the middleware, and some after it; whoever waits for the line is in it one turn later.
    setImmediate(next);
    if (stage === 'line') {
      setImmediate(() => setImmediate(() => req.at('line')));
    }
  });
  app.use(pooled({ db, parser: parsers }));
  app.use(async (req, res) => {
    const { db: connection, parser } = req.pooled;
    const id = req.headers['x-id'];
    handled.add(req.headers['x-stage']);
    for (const lent of [connection, parser]) {
      assert.equal(lent.user, undefined, 'nobody else has it');
      lent.user = id;
    }
    res.once('close', () => {
      // Not handed on before this turn ends.
      over.push(connection.user === id && parser.user === id);
      connection.user = undefined;
      parser.user = undefined;
    });
    req.at('handler');
    res.write('some of it');
    // Until there is a line.
    for (let turn = 0; turn < 40 && db.stats().waiting < MAX && !res.destroyed; turn++) {
      await nextTurn();
    }
    res.end('the rest');
  });

  const server = http.createServer(app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  let next = 0;
  await Promise.all(
    Array.from({ length: CLIENTS }, async () => {
      while (next < REQUESTS) {
        await client(port, next++, random.pick(STAGES), arrivals);
      }
    }),
  );
  server.close();
  await once(server, 'close');
  // The last ones may have come to the middleware, but not to the news of their client's end.
  for (let turn = 0; turn < 1000 && db.stats().borrowed + db.stats().waiting > 0; turn++) {
    await nextTurn();
  }

  const { borrowed, waiting, acquired, released, aborted, size } = db.stats();
  assert.deepEqual({ borrowed, waiting, lost: acquired - released }, { borrowed: 0, waiting: 0, lost: 0 });
  assert.equal(parsers.stats().borrowed, 0);
  assert.deepEqual([size, parsers.stats().size], [MAX, MAX], 'all were in use, and no more');
  // That the test is what its name says.
  assert.ok(aborted > 500, `${aborted} left the line`);
  assert.ok(['handler', 'stream', 'none'].every((stage) => handled.has(stage)));
  assert.ok(over.length > 3000 && over.every(Boolean), `${over.length} were handled`);
  await db.drain({ timeout: 1000 });
});
