'use strict';

/**
 * What the figures of a case are. Reports and results carry the whole measure, so that they explain themselves.
 *
 * @typedef {object} Measure
 * @property {string} unit as the table shows it
 * @property {'lower' | 'higher'} better which figures are good
 * @property {boolean} [rate] whether to show operations per second as well; for nanoseconds
 * @property {Record<string, string>} [extras] further columns: key in the figures, title in the table
 */

/** @type {Measure} */
const TIME = { unit: 'ns/op', better: 'lower', rate: true };

module.exports = { TIME };
