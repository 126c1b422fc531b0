'use strict';

const { error } = require('../errors.js');
const { LONGEST_TIMER } = require('../timers.js');
const validate = require('../validate.js');
const { OPTIONS } = require('./settings.js');

/** Those that can be environment variables, too, and those that are objects and functions. */
const NAMES = [...OPTIONS, 'operations', 'evidence', 'shed', 'onLeak', 'drain'];
const EVIDENCE_NAMES = ['directory', 'maxFiles', 'maxBytes', 'minInterval', 'headroom'];
const DRAIN_NAMES = ['before', 'ask'];

/**
 * @param {import('../..').LeakDetectorOptions | undefined} options
 */
function readOptions(options) {
  const given = validate.options(options, 'LeakDetector', NAMES);
  return {
    warmup: validate.number(given.warmup, 'warmup', { default: 60_000, min: 0 }),
    window: validate.number(given.window, 'window', { default: 120_000, above: 0 }),
    minPoints: validate.number(given.minPoints, 'minPoints', {
      default: 12,
      min: 6,
      max: 64,
      integer: true,
    }),
    confidence: validate.number(given.confidence, 'confidence', { default: 0.99, min: 0.5, max: 0.9999 }),
    floor: validate.number(given.minGrowthPerHour, 'minGrowthPerHour', { default: 1024 * 1024, min: 0 }),
    confirmations: validate.number(given.confirmations, 'confirmations', {
      default: 3,
      min: 1,
      max: 1000,
      integer: true,
    }),
    gcInterval: validate.number(given.gcInterval, 'gcInterval', {
      default: 15_000,
      min: 0,
      max: LONGEST_TIMER,
    }),
    maxGcShare: validate.number(given.maxGcShare, 'maxGcShare', { default: 0.004, above: 0, max: 1 }),
    /** @type {(() => number) | undefined} */
    operations: validate.fn(given.operations, 'operations', { optional: true }),
    attribution: validate.oneOf(given.attribution, 'attribution', ['suspect', 'always', 'off']),
    /** 0 stands for one that is chosen by the rate of growth. */
    samplingInterval: validate.number(given.samplingInterval, 'samplingInterval', {
      default: 0,
      min: 64,
      max: 2 ** 30,
      integer: true,
    }),
    evidence: given.evidence === undefined ? undefined : readEvidence(given.evidence),
    shed: readHolders(given.shed),
    /** @type {((report: import('../..').LeakReport) => void) | undefined} */
    onLeak: validate.fn(given.onLeak, 'onLeak', { optional: true }),
    drain: given.drain === undefined ? undefined : readDrain(given.drain),
  };
}

/** @param {import('../..').LeakEvidenceOptions} options */
function readEvidence(options) {
  const given = validate.options(options, 'evidence', EVIDENCE_NAMES);
  const count = { min: 2, max: 10_000, integer: true };
  const bytes = { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true };
  return {
    // Required: a folder that nobody named would fill unseen.
    directory:
      validate.path(given.directory, 'evidence.directory') ??
      validate.string(given.directory, 'evidence.directory'),
    maxFiles: validate.number(given.maxFiles, 'evidence.maxFiles', { ...count, default: 20 }),
    maxBytes: validate.number(given.maxBytes, 'evidence.maxBytes', { ...bytes, default: 256 * 1024 * 1024 }),
    minInterval: validate.number(given.minInterval, 'evidence.minInterval', { default: 60_000, min: 0 }),
    headroom: validate.number(given.headroom, 'evidence.headroom', { ...bytes, default: 64 * 1024 * 1024 }),
  };
}

/** @param {unknown} holders */
function readHolders(holders) {
  if (holders === undefined) {
    return [];
  }
  if (!Array.isArray(holders) || !holders.every(isSheddable)) {
    throw error('ERR_HEAPWISE_INVALID_ARG_TYPE', 'shed', 'an array of caches and pools', holders);
  }
  return [...holders];
}

/** @param {any} holder */
function isSheddable(holder) {
  return typeof holder?.trim === 'function' || typeof holder?.clear === 'function';
}

/** @param {import('../..').LeakDrainOptions} options */
function readDrain(options) {
  const given = validate.options(options, 'drain', DRAIN_NAMES);
  return {
    before: validate.number(given.before, 'drain.before', { default: 600_000, above: 0 }),
    /** @type {(report: import('../..').LeakReport) => void} */
    ask: validate.fn(given.ask, 'drain.ask', { optional: true }) ?? askToTerminate,
  };
}

/** As an orchestrator asks: servers that handle it finish what they have begun. */
function askToTerminate() {
  process.kill(process.pid, 'SIGTERM');
}

module.exports = { readOptions };
