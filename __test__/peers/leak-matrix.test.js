'use strict';

/** A part of bench/leak-matrix: leaks of real packages, and the versions of them that do not leak. */

const assert = require('node:assert/strict');
const { join } = require('node:path');
const { before, describe, it } = require('node:test');
const { programs } = require('../../bench/leak-matrix/cases.js');
const { preparePackages } = require('../../bench/leak-matrix/packages.js');
const { runChild } = require('../../bench/lib/run-child.js');
const { ROOT } = require('../run-script.js');

const NAMES = ['debug 4.1.1', 'p-timeout 6.1.2', 'express-session 1.18.1', 'a race for buffers'];
const chosen = programs.filter(({ name }) => NAMES.some((wanted) => name.startsWith(wanted)));

describe('of programs under traffic', () => {
  /** @type {Record<string, any>} */
  let answers;

  before(async () => {
    const child = join(ROOT, 'bench', 'leak-matrix', 'child.js');
    const args = [child, preparePackages(process.execPath), 'full', ...chosen.map(({ name }) => name)];
    answers = await runChild(process.execPath, args, 600_000);
  });

  for (const { name, leaky, culprit } of chosen) {
    if (leaky) {
      it(`${name} leaks, and ${culprit.package} is named`, () => {
        const { first, site, rightPackage } = answers[name];
        assert.ok(first.leak, JSON.stringify(answers[name]));
        assert.ok(rightPackage, JSON.stringify(site));
      });
    } else {
      it(`${name} does not leak`, () => {
        assert.equal(answers[name].first.leak, undefined, JSON.stringify(answers[name]));
      });
    }
  }
});
