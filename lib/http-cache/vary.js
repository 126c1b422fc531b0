'use strict';

const { splitList } = require('./directives.js');

/** More selecting fields than this and hardly two requests are alike. */
const MOST_FIELDS = 16;

/** Values as they are compared, by field. @type {Record<string, (value: string) => string>} */
const NORMAL = Object.assign(Object.create(null), {
  'accept-encoding': codings,
  'accept-language': (/** @type {string} */ value) => unspaced(value).toLowerCase(),
});

/**
 * @param {string | undefined} field Vary, all lines
 * @returns {string[] | undefined} names in lower case, each once, in order; undefined if nothing selects (`*`)
 */
function selectingFields(field) {
  if (field === undefined) {
    return [];
  }
  const names = new Set(splitList(field.toLowerCase()).filter((name) => name !== ''));
  return names.has('*') || names.size > MOST_FIELDS ? undefined : [...names].toSorted();
}

/**
 * Both, since a response may depend on what only another one of the same URL has named.
 *
 * @param {readonly string[]} some
 * @param {readonly string[]} others
 * @returns {string[] | undefined} undefined if they are too many
 */
function union(some, others) {
  const names = new Set([...some, ...others]);
  return names.size > MOST_FIELDS ? undefined : [...names].toSorted();
}

/**
 * What a request has of the selecting fields, as text that two requests share only if they select the same response.
 *
 * @param {readonly string[]} names
 * @param {Record<string, string | string[] | undefined>} headers of the request
 * @param {Record<string, (value: string) => string>} own normalisers of the user
 */
function selection(names, headers, own) {
  let text = '';
  for (const name of names) {
    const value = headers[name];
    // No line feed comes in a name or a value. A field that is absent is not an empty one.
    text += value === undefined ? `\n${name}` : `\n${name}:${normal(name, String(value), own)}`;
  }
  return text;
}

/**
 * @param {string} name
 * @param {string} value
 * @param {Record<string, (value: string) => string>} own
 */
function normal(name, value, own) {
  return (own[name] ?? NORMAL[name] ?? unspaced)(value);
}

/**
 * Space around commas says nothing (RFC 9111, section 4.1).
 *
 * @param {string} value
 */
function unspaced(value) {
  if (value.includes('"') || !value.includes(',')) {
    return value.trim();
  }
  // Not by a pattern of space and comma, which takes the square of a long run of spaces.
  return value
    .split(',')
    .map((member) => member.trim())
    .join(',');
}

/**
 * Accept-Encoding: the order of equals says nothing, and nor does a weight of 1.
 *
 * @param {string} value
 */
function codings(value) {
  const members = value
    .toLowerCase()
    .replaceAll(/\s+/g, '')
    .split(',')
    .map((member) => member.replace(/;q=1(?:\.0*)?$/, ''));
  return members
    .filter((member) => member !== '')
    .toSorted()
    .join(',');
}

module.exports = { selectingFields, selection, union };
