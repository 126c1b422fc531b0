'use strict';

/**
 * What is done about a leak beside saying it.
 */

/**
 * Gives up what caches and pools hold, as one does to find out whether they are what grows.
 *
 * @param {import('../..').Sheddable[]} holders
 * @returns {string[]} what went wrong
 */
function shed(holders) {
  /** @type {string[]} */
  const errors = [];
  for (const holder of holders) {
    try {
      // A pool has `trim`, which leaves what is lent; a cache has `clear`.
      if ('trim' in holder) {
        holder.trim();
      } else {
        holder.clear();
      }
    } catch (raised) {
      errors.push(raised instanceof Error ? raised.message : String(raised));
    }
  }
  return errors;
}

/**
 * Looks whether memory grows still, after something was done about it: a verdict of its own over what comes after.
 *
 * @param {object} parts
 * @param {typeof import('../binding.js')} parts.binding
 * @param {import('../binding.js').LeakConfig} parts.config
 * @param {number} parts.before growth in bytes per hour
 */
function createTrial({ binding, config, before }) {
  const verdict = new binding.LeakVerdict({ ...config, warmup: 0 });
  verdict.begin();
  return {
    /**
     * @param {import('../binding.js').GcPoint} point
     * @param {number} arrayBuffers
     * @param {number} work
     */
    push({ age, used, external }, arrayBuffers, work) {
      verdict.push(age, used, external, arrayBuffers, work);
      verdict.evaluate(false);
    },
    /** @param {number} dimension index */
    outcome(dimension) {
      const found = verdict.dimensions()[dimension];
      const known = found.growth !== 'short';
      return {
        growthBefore: before,
        growthAfter: known ? found.growthPerHour : null,
        stopped: known ? hasStopped(found, before) : null,
      };
    },
  };
}

/**
 * By both ends of what the growth may be now; null while neither says so.
 *
 * @param {import('../binding.js').LeakDimension} now
 * @param {number} before bytes per hour
 */
function hasStopped({ growthPerHourLow, growthPerHourHigh }, before) {
  if (growthPerHourHigh < before / 2) {
    return true;
  }
  return growthPerHourLow > before / 4 ? false : null;
}

module.exports = { createTrial, shed };
