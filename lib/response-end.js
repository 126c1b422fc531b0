'use strict';

/** Property of a connection under which those lie who wait for its end. */
const QUEUED = Symbol('heapwise.queued');

/**
 * Whether a response was answered or given up already, so that nothing more will be heard of it.
 *
 * @param {any} req
 * @param {any} res
 * @returns {boolean}
 */
function isOver(req, res) {
  return (
    res.destroyed === true ||
    res.writableFinished === true ||
    // HTTP/2
    res.stream?.destroyed === true ||
    (isQueued(res) && req.socket?.destroyed === true)
  );
}

/**
 * Calls a function when a response that is not over was answered or given up: once, in its `close`.
 *
 * @param {any} req
 * @param {any} res
 * @param {() => void} fn
 */
function onOver(req, res, fn) {
  const { socket } = req;
  if (!isQueued(res) || socket === undefined) {
    res.once('close', fn);
    return;
  }
  // Up to Node 22 the `close` of such a response never comes when its connection ends. One listener serves all of a
  // connection: clients send as many requests ahead as they like.
  const queued = socket[QUEUED] ?? follow(socket);
  const end = () => {
    if (queued.delete(end)) {
      fn();
    }
  };
  queued.add(end);
  res.once('close', end);
}

/**
 * Whether a response that is over was handed to the system to its end. One of HTTP/2 that was reset is
 * `writableFinished` as well.
 *
 * @param {any} res
 * @returns {boolean}
 */
function isWhole(res) {
  return res.writableFinished && res.writableEnded && (res.stream?.rstCode ?? 0) === 0;
}

/** Whether it waits for another response of its connection to end (pipelining). @param {any} res */
function isQueued(res) {
  return res.socket === null;
}

/**
 * @param {any} socket
 * @returns {Set<() => void>}
 */
function follow(socket) {
  const queued = new Set();
  socket[QUEUED] = queued;
  socket.once('close', () => {
    for (const end of queued) {
      end();
    }
  });
  return queued;
}

module.exports = { isOver, isWhole, onOver };
