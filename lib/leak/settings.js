'use strict';

/** Settings of the detector as environment variables: `HEAPWISE_LEAK_` and the option's name in capitals. */

const NUMBERS = [
  'warmup',
  'window',
  'minPoints',
  'confidence',
  'minGrowthPerHour',
  'confirmations',
  'gcInterval',
  'maxGcShare',
  'samplingInterval',
];
const TEXTS = ['attribution'];

/** @param {string} option */
function variable(option) {
  return `HEAPWISE_LEAK_${option.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}

/**
 * @param {Record<string, string | undefined>} env
 * @returns {import('../..').LeakDetectorOptions} not checked: the detector does that
 */
function optionsFrom(env) {
  const given = (/** @type {string} */ option) => env[variable(option)];
  /** @type {[string, any][]} */
  const entries = [
    ...NUMBERS.filter(given).map((option) => /** @type {[string, any]} */ ([option, Number(given(option))])),
    ...TEXTS.filter(given).map((option) => /** @type {[string, any]} */ ([option, given(option)])),
  ];
  return Object.fromEntries(entries);
}

module.exports = { OPTIONS: [...NUMBERS, ...TEXTS], optionsFrom, variable };
