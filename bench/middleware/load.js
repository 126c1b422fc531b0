'use strict';

const assert = require('node:assert');
const { join } = require('node:path');
const apps = require('../lib/apps.js');

/**
 * @param {string[]} names of the apps of server.js
 * @param {{ quick: boolean }} options
 * @returns {Promise<import('../lib/benches.js').Figures[]>}
 */
async function loadTogether(names, { quick }) {
  const given = names.map((name) => ({ name, script: [join(__dirname, 'server.js'), name] }));
  const costs = await apps.loadTogether(given, { quick, path: '/greeting', check: checkMetrics });
  return costs.map(({ cpuMicros, perSecond }) => ({
    value: 1e6 / cpuMicros,
    extras: { cpuMicros, perSecond },
  }));
}

/**
 * An instrument that counts nothing would be cheap.
 *
 * @param {import('../lib/apps.js').App} app
 */
async function checkMetrics({ name, origin }) {
  const answer = await fetch(`${origin}/metrics`);
  const counted = answer.ok && /_count\{[^}]*\/greeting[^}]*\} [1-9]\d{2}/.test(await answer.text());
  assert.equal(counted, name !== 'bare Express', `${name} should count requests unless it is bare`);
}

module.exports = { loadTogether };
