'use strict';

/**
 * What a response of Node has to say, before it is sent.
 */

/**
 * The fields that are set already, by those in front.
 *
 * @param {any} res
 * @returns {Map<string, { name: string, value: unknown }> | undefined} by name in lower case, undefined if none is
 */
function fieldsBefore(res) {
  const names = rawNames(res);
  if (names.length === 0) {
    return undefined;
  }
  return new Map(names.map((name) => [name.toLowerCase(), { name, value: copy(res.getHeader(name)) }]));
}

/**
 * All fields of a response whose head is about to be sent, and among them those which a handler set. What those in front
 * have set, and nobody has changed, is theirs: they will set it again, for each request anew.
 *
 * @param {any} res
 * @param {any} given what `writeHead` gets: an object, a flat array, or an array of pairs
 * @param {ReturnType<typeof fieldsBefore>} before
 * @returns {{ all: string[], own: string[], absent: string[] }} `absent` names what was taken away from those in front
 */
function fieldsOf(res, given, before) {
  const last = new Set(pairsOf(given).map(([name]) => name.toLowerCase()));
  /** @type {string[]} */
  const all = [];
  /** @type {string[]} */
  const own = [];
  const absent = new Set(before?.keys());
  for (const name of rawNames(res)) {
    const lower = name.toLowerCase();
    absent.delete(lower);
    if (!last.has(lower)) {
      const value = res.getHeader(name);
      append(all, name, value);
      if (before === undefined || String(before.get(lower)?.value) !== String(value)) {
        append(own, name, value);
      }
    }
  }
  for (const [name, value] of pairsOf(given)) {
    absent.delete(name.toLowerCase());
    append(all, name, value);
    append(own, name, value);
  }
  return { all, own, absent: [...absent] };
}

/**
 * Puts back what was set before a handler ran.
 *
 * @param {any} res
 * @param {ReturnType<typeof fieldsBefore>} before
 */
function restoreFields(res, before) {
  for (const name of res.getHeaderNames()) {
    if (!before?.has(name.toLowerCase())) {
      res.removeHeader(name);
    }
  }
  for (const { name, value } of before?.values() ?? []) {
    res.setHeader(name, value);
  }
}

/** HTTP/2 has no names but those in lower case. @param {any} res @returns {string[]} */
function rawNames(res) {
  return res.getRawHeaderNames?.() ?? res.getHeaderNames();
}

/** Node appends to the array that it hands out. @param {unknown} value */
function copy(value) {
  return Array.isArray(value) ? [...value] : value;
}

/**
 * @param {any} given
 * @returns {[string, unknown][]}
 */
function pairsOf(given) {
  if (!Array.isArray(given)) {
    return given === null || typeof given !== 'object' ? [] : Object.entries(given);
  }
  if (Array.isArray(given[0])) {
    return given.map(([name, value]) => [String(name), value]);
  }
  const pairs = /** @type {[string, unknown][]} */ ([]);
  for (let i = 0; i + 1 < given.length; i += 2) {
    pairs.push([String(given[i]), given[i + 1]]);
  }
  return pairs;
}

/**
 * @param {string[]} fields
 * @param {string} name
 * @param {unknown} value
 */
function append(fields, name, value) {
  for (const each of Array.isArray(value) ? value : [value]) {
    if (each !== undefined) {
      fields.push(name, String(each));
    }
  }
}

module.exports = { fieldsBefore, fieldsOf, restoreFields };
