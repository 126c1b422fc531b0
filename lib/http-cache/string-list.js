'use strict';

const { splitList } = require('./directives.js');

/** A string of RFC 8941. */
const STRING = /^"((?:[ !#-[\]-~]|\\["\\])*)"/;
/** Names in one field: RFC 9875 asks for 128 at least. */
const MOST = 128;

/**
 * The strings of a list of structured fields, as Cache-Groups and Cache-Group-Invalidation have them (RFC 9875). What
 * is no string is left out.
 *
 * @param {string | undefined} field
 * @returns {string[]}
 */
function stringList(field) {
  if (field === undefined) {
    return [];
  }
  const strings = splitList(field)
    .map((member) => STRING.exec(member)?.[1])
    .filter((text) => text !== undefined);
  return [...new Set(strings.map((text) => text.replaceAll(/\\(.)/g, '$1')))].slice(0, MOST);
}

module.exports = { stringList };
