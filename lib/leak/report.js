'use strict';

const v8 = require('node:v8');

const DIMENSIONS = /** @type {const} */ (['heap', 'external', 'arrayBuffers', 'rss']);
const MILLISECONDS_PER_HOUR = 3_600_000;

/** What a rise of each dimension is called. @type {Record<string, import('../..').LeakKind>} */
const KINDS = {
  heap: 'heap',
  external: 'buffers',
  arrayBuffers: 'buffers',
  rss: 'native or fragmentation',
};

/**
 * @param {object} parts
 * @param {import('../..').LeakState} parts.state
 * @param {number | null} parts.since
 * @param {import('../..').LeakNeeds} parts.needs
 * @param {import('../binding.js').LeakDimension[]} parts.found in the order of DIMENSIONS
 * @param {import('../binding.js').MemoryReading | null} parts.memory
 * @param {'operation' | 'allocated byte'} parts.unit of the work that the findings are over
 * @returns {Omit<import('../..').LeakReport, 'sites' | 'attribution' | 'evidence' | 'shed' | 'knownLeaks' | 'source'>}
 */
function buildVerdict({ state, since, needs, found, memory, unit }) {
  const dimensions = /** @type {import('../..').LeakReport['dimensions']} */ (
    Object.fromEntries(DIMENSIONS.map((name, i) => [name, described(found[i])]))
  );
  const rising = fastest(dimensions);
  const limits = {
    heap: v8.getHeapStatistics().heap_size_limit,
    cgroup: memory?.cgroupLimit ?? null,
    machine: memory?.total ?? null,
  };
  const base = {
    state,
    since,
    needs,
    limits,
    memory: memory && {
      rss: memory.rss,
      anonymous: memory.anonymous ?? null,
      cgroup: memory.cgroupUsed ?? null,
      pressure: memory.pressure ?? null,
    },
    dimensions,
  };
  if (rising === undefined) {
    return {
      ...base,
      dimension: null,
      kind: null,
      growthPerHour: 0,
      growthPerWork: null,
      confidence: 0,
      timeToLimit: null,
      timeToLimitRange: null,
    };
  }
  const { growthPerHour, growthPerHourLow, growthPerHourHigh, pValue } = dimensions[rising];
  const { workPerHour } = found[DIMENSIONS.indexOf(rising)];
  const outside = roomOutside(memory);
  // The heap meets whichever comes first: V8's limit, or that of the container or machine around it.
  const room = rising === 'heap' ? Math.min(limits.heap - dimensions.heap.current, outside) : outside;
  return {
    ...base,
    dimension: rising,
    kind: KINDS[rising],
    growthPerHour,
    growthPerWork: workPerHour > 0 ? { bytes: growthPerHour / workPerHour, unit } : null,
    confidence: 1 - pValue,
    timeToLimit: timeTo(room, growthPerHour),
    timeToLimitRange: [timeTo(room, growthPerHourHigh), timeTo(room, growthPerHourLow)],
  };
}

/**
 * The dimension that rises fastest; the resident set, which has all others in it, only when none of them rises.
 *
 * @param {import('../..').LeakReport['dimensions']} dimensions
 */
function fastest(dimensions) {
  const rising = DIMENSIONS.filter((name) => dimensions[name].growth === 'rising');
  const owned = rising.filter((name) => name !== 'rss');
  return (owned.length > 0 ? owned : rising).toSorted(
    (a, b) => dimensions[b].growthPerHour - dimensions[a].growthPerHour,
  )[0];
}

/** @param {import('../binding.js').LeakDimension} found */
function described(found) {
  const { growth, points, span, current, growthPerHour, growthPerHourLow, growthPerHourHigh } = found;
  const { pValue, varianceFactor } = found;
  return {
    growth,
    points,
    span,
    current,
    growthPerHour,
    growthPerHourLow,
    growthPerHourHigh,
    pValue,
    varianceFactor,
  };
}

/**
 * Bytes by which the process may still grow: what the control group leaves, or the machine; Infinity when not known.
 *
 * @param {import('../binding.js').MemoryReading | null} memory
 */
function roomOutside(memory) {
  if (memory === null) {
    return Infinity;
  }
  const { cgroupLimit = Infinity, cgroupUsed = 0, available } = memory;
  return Math.min(cgroupLimit - cgroupUsed, available);
}

/**
 * Milliseconds until `room` is used up; null when never, or when the room is not known.
 *
 * @param {number} room
 * @param {number} growthPerHour
 */
function timeTo(room, growthPerHour) {
  if (room === Infinity || growthPerHour <= 0) {
    return null;
  }
  return (Math.max(0, room) / growthPerHour) * MILLISECONDS_PER_HOUR;
}

module.exports = { DIMENSIONS, buildVerdict };
