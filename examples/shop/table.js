'use strict';

const { relative } = require('node:path');

const MB = 1024 * 1024;

const ms = (value) => (value < 9.95 ? value.toFixed(1) : String(Math.round(value)));
const mb = (value) => (value < 9.95 * MB ? (value / MB).toFixed(1) : String(Math.round(value / MB)));
const percent = (value) => `${(value * 100).toFixed(1)}%`;

const COLUMNS = [
  ['time', 5],
  ['req/s', 6],
  ['latency p50/p95/p99', 20],
  ['loop p50/p99/max', 18],
  ['heap/limit', 11],
  ['ext', 5],
  ['bufs', 5],
  ['rss/limit', 12],
  ['gc n/ms', 8],
  ['hits', 7],
  ['pool lent/idle', 14],
];

const HEADER = COLUMNS.map(([name, width]) => name.padStart(width)).join(' ');
const UNITS =
  'latency, loop and gc in ms, memory in MB; loop = how long a turn of the event loop held the thread';

/** One line from the figures of an interval. */
function row({ seconds, rate, latency, lag, memory, gc, cache, pool }) {
  const cells = [
    `${Math.round(seconds)}s`,
    Math.round(rate),
    `${ms(latency.p50)}/${ms(latency.p95)}/${ms(latency.p99)}`,
    `${ms(lag.p50)}/${ms(lag.p99)}/${ms(lag.max)}`,
    `${mb(memory.heapUsed)}/${mb(memory.heapLimit)}`,
    mb(memory.external),
    mb(memory.arrayBuffers),
    `${mb(memory.rss)}/${memory.rssLimit === null ? '-' : mb(memory.rssLimit)}`,
    `${gc.count}/${ms(gc.time)}`,
    percent(cache.hitRate),
    `${pool.borrowed}/${pool.idle}`,
  ];
  return cells.map((cell, i) => String(cell).padStart(COLUMNS[i][1])).join(' ');
}

/** A duration in words. */
function time(milliseconds) {
  if (milliseconds === null) {
    return 'never';
  }
  const hours = milliseconds / 3_600_000;
  if (hours < 1) {
    return `${Math.round(hours * 60)} min`;
  }
  return hours < 48 ? `${hours.toFixed(1)} h` : `${(hours / 24).toFixed(1)} days`;
}

/** @param {import('../..').BlockedEvent} event */
function blockedLine({ duration, gc, frames }) {
  const collecting = gc === null ? '' : ` (${ms(gc)} ms of it collecting garbage)`;
  const culprit = frames?.find(({ fileName }) => fileName !== null && !fileName.startsWith('node:'));
  const where = culprit
    ? ` in ${culprit.functionName ?? 'a function'} (${relative('', culprit.fileName)}:${culprit.line})`
    : '';
  return `  ! the event loop was blocked for ${ms(duration)} ms${collecting}${where}`;
}

/** @param {import('../..').LeakReport} report */
function leakLine({ state, dimension, growthPerHour, confidence, timeToLimit }) {
  if (state === 'steady') {
    return '  ! leak verdict taken back: memory does not grow any more';
  }
  if (dimension === 'rss') {
    return '  ! suspect: the resident set grows, what V8 knows of does not';
  }
  const sure = `${(confidence * 100).toFixed(1)}% sure`;
  return `  ! ${state}: ${dimension} grows by ${mb(growthPerHour)} MB per hour (${sure}), limit reached in ${time(timeToLimit)}`;
}

module.exports = { HEADER, UNITS, blockedLine, leakLine, row };
