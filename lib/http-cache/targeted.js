'use strict';

const { fromParsed } = require('./directives.js');

/**
 * Targeted cache control (RFC 9213), as CDN-Cache-Control: a dictionary of structured fields (RFC 8941), which unlike
 * Cache-Control is ignored as a whole if there is one mistake in it.
 */

const KEY = /[a-z*][a-z0-9_.*-]*/y;
/** A bare item of each type. */
const ITEM =
  /-?\d{1,12}\.\d{1,3}|-?\d{1,15}|"(?:[ !#-[\]-~]|\\["\\])*"|[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*|:[A-Za-z0-9+/=]*:|\?[01]/y;
const PARAMETER = /; *[a-z*][a-z0-9_.*-]*/y;
const SEPARATOR = /[ \t]*,[ \t]*/y;
/** Those whose value is a number of seconds. */
const TIMES = new Set(['max-age', 's-maxage', 'stale-while-revalidate', 'stale-if-error']);

/**
 * @param {string} field all lines, joined with commas
 * @returns {import('./directives.js').ResponseDirectives | undefined} undefined if it is to be ignored
 */
function targetedDirectives(field) {
  const text = field.trim();
  if (text === '') {
    return undefined;
  }
  /** @type {Map<string, { value: string | undefined, wellFormed: boolean }>} */
  const found = new Map();
  const reader = { text, at: 0 };
  while (true) {
    const name = take(reader, KEY);
    const value = name === undefined ? undefined : member(reader);
    if (name === undefined || value === undefined || (TIMES.has(name) && !/^\d+$/.test(value))) {
      return undefined;
    }
    if (value === '?0') {
      found.delete(name);
    } else {
      found.set(name, { value: value === '?1' ? undefined : unquoted(value), wellFormed: true });
    }
    if (reader.at === text.length) {
      return fromParsed(found);
    }
    if (take(reader, SEPARATOR) === undefined) {
      return undefined;
    }
  }
}

/**
 * The value of a member as it is written, `?1` where there is none; undefined if there is a mistake in it.
 *
 * @param {{ text: string, at: number }} reader
 */
function member(reader) {
  const value = valueOf(reader);
  let parameter = value;
  while (parameter !== undefined && take(reader, PARAMETER) !== undefined) {
    parameter = valueOf(reader);
  }
  return parameter === undefined ? undefined : value;
}

/** @param {{ text: string, at: number }} reader */
function valueOf(reader) {
  if (reader.text[reader.at] !== '=') {
    return '?1';
  }
  reader.at++;
  return take(reader, ITEM);
}

/**
 * @param {{ text: string, at: number }} reader
 * @param {RegExp} pattern a sticky one
 */
function take(reader, pattern) {
  pattern.lastIndex = reader.at;
  const match = pattern.exec(reader.text);
  if (match === null) {
    return undefined;
  }
  reader.at = pattern.lastIndex;
  return match[0];
}

/** @param {string} value */
function unquoted(value) {
  return value.startsWith('"') ? value.slice(1, -1).replaceAll(/\\(.)/g, '$1') : value;
}

module.exports = { targetedDirectives };
