'use strict';

/**
 * Header fields as this cache keeps them: one flat array, name, value, name, value, names spelt as they came, several
 * lines of one name in their order. Node takes such an array as it is.
 *
 * @typedef {string[]} Fields
 */

/** Fields of one connection, which are of nobody else (RFC 9110, section 7.6.1). */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
/** Fields that a 304 does not change: the stored bytes depend on them (RFC 9111, section 3.2). */
const OF_THE_BYTES = new Set(['content-length', 'content-encoding', 'content-range']);
/** Fields that describe a body, which a 304 has not (RFC 9110, section 15.4.5). */
const OF_A_BODY = new Set([
  'content-length',
  'content-type',
  'content-encoding',
  'content-language',
  'content-range',
]);

/**
 * @param {Fields} fields
 * @param {string} name in lower case
 * @returns {string | undefined} all lines, joined as commas join a list
 */
function valueOf(fields, name) {
  let value;
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i].length === name.length && fields[i].toLowerCase() === name) {
      value = value === undefined ? fields[i + 1] : `${value}, ${fields[i + 1]}`;
    }
  }
  return value;
}

/**
 * @param {Fields} fields
 * @param {(name: string) => boolean} wanted by name in lower case
 * @returns {Fields}
 */
function filter(fields, wanted) {
  const kept = [];
  for (let i = 0; i < fields.length; i += 2) {
    if (wanted(fields[i].toLowerCase())) {
      kept.push(fields[i], fields[i + 1]);
    }
  }
  return kept;
}

/**
 * What of a response may be stored.
 *
 * @param {Fields} fields
 * @param {Iterable<string>} without further names, in lower case
 * @returns {Fields}
 */
function storableFields(fields, without) {
  const refused = new Set(without);
  for (const name of (valueOf(fields, 'connection') ?? '').split(',')) {
    refused.add(name.trim().toLowerCase());
  }
  return filter(fields, (name) => !HOP_BY_HOP.has(name) && !refused.has(name));
}

/**
 * What is stored, brought up to date by the fields of a 304 or of a response to HEAD.
 *
 * @param {Fields} stored
 * @param {Fields} newer storable ones
 * @returns {Fields}
 */
function updatedFields(stored, newer) {
  const update = filter(newer, (name) => !OF_THE_BYTES.has(name));
  const names = new Set(update.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase()));
  return [...filter(stored, (name) => !names.has(name)), ...update];
}

/**
 * What of a stored response goes into a 304.
 *
 * @param {Fields} fields
 * @returns {Fields}
 */
function notModifiedFields(fields) {
  return filter(fields, (name) => !OF_A_BODY.has(name));
}

/**
 * Whether there are several lines of one name.
 *
 * @param {Fields} fields
 */
function hasRepeats(fields) {
  const names = fields.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase());
  return new Set(names).size < names.length;
}

/**
 * Characters, which on the wire are bytes.
 *
 * @param {Fields} fields
 */
function lengthOf(fields) {
  let length = 0;
  for (const text of fields) {
    length += text.length;
  }
  return length;
}

module.exports = { hasRepeats, lengthOf, notModifiedFields, storableFields, updatedFields, valueOf };
