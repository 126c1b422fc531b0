'use strict';

const assert = require('node:assert');
const { join } = require('node:path');
const apps = require('../lib/apps.js');

const PATH = '/products/1';

/**
 * @param {string[]} names of contenders
 * @param {{ quick: boolean, conditional?: boolean }} options `conditional` sends the ETag of the first answer
 * @returns {Promise<import('../lib/benches.js').Figures[]>}
 */
async function loadTogether(names, { quick, conditional = false }) {
  const given = names.map((name) => ({ name, script: [join(__dirname, 'server.js'), name] }));
  const headersFor = async ({ origin }) => {
    const etag = (await fetch(origin + PATH)).headers.get('etag');
    assert.ok(etag, 'there should be an ETag');
    return conditional ? { 'if-none-match': etag } : {};
  };
  const costs = await apps.loadTogether(given, { quick, path: PATH, headersFor, check });
  return costs.map(({ cpuMicros, perSecond }) => ({
    value: 1e6 / cpuMicros,
    extras: { cpuMicros, perSecond },
  }));
}

/**
 * A cache that answers with something else would be fast.
 *
 * @param {import('../lib/apps.js').App} app
 */
async function check({ name, origin }) {
  const products = await (await fetch(origin + PATH)).json();
  assert.equal(products.length, 100, name);
}

module.exports = { loadTogether };
