'use strict';

const { hasRepeats, lengthOf, notModifiedFields } = require('./fields.js');

/** What a response takes beside its text and bytes, as the bench has it: objects, heads of strings, places in indexes. */
const OVERHEAD = 1400;
/** What validators are kept for once a response is stale, and what clients may take it for. Milliseconds. */
const KEPT_TO_VALIDATE = 3600 * 1000;

/** A response as it is kept: plain data, and what is made of it once so that a hit need not. */
class StoredResponse {
  /** The text of Age that the fields have, in seconds. */
  #age = 0;
  /** @type {import('./fields.js').Fields | undefined} */
  #notModified;
  /** Until when somebody else validates it. Milliseconds. */
  validating = 0;
  /** Until when it is served though it is stale, because the handler has failed just now. Milliseconds. */
  standsInUntil = 0;

  /**
   * @param {{ status: number, message: string | undefined, fields: import('./fields.js').Fields, absent: string[],
   *   terms: import('./assess.js').Terms, body: Buffer }} parts `absent` names fields that the handler took out of what
   *   others had set
   */
  constructor({ status, message, fields, absent, terms, body }) {
    this.status = status;
    this.message = message;
    this.absent = absent;
    this.terms = terms;
    this.body = body;
    this.born = terms.born;
    /** As they are sent; the last one is the Age. */
    this.fields = [...fields, 'Age', '0'];
    this.hasRepeats = hasRepeats(fields);
  }

  /** Without the Age. */
  get ownFields() {
    return this.fields.slice(0, -2);
  }

  get bytes() {
    return this.body.length + lengthOf(this.fields) + OVERHEAD;
  }

  get canBeValidated() {
    return this.terms.etag !== undefined || this.terms.lastModified !== undefined;
  }

  /**
   * How long it is worth its place, from now. Milliseconds.
   *
   * @param {number} now
   */
  keptFor(now) {
    const { lifetime, staleWhileRevalidate, staleIfError } = this.terms;
    const kept = this.canBeValidated ? KEPT_TO_VALIDATE : 0;
    return Math.max(1, lifetime + Math.max(staleWhileRevalidate, staleIfError, kept) - (now - this.born));
  }

  /**
   * The fields to send, with their age. The same array each time: nobody may keep it.
   *
   * @param {number} age milliseconds
   */
  fieldsAt(age) {
    const seconds = Math.floor(age / 1000);
    if (seconds !== this.#age) {
      this.#age = seconds;
      this.fields[this.fields.length - 1] = String(Math.max(0, seconds));
    }
    return this.fields;
  }

  /**
   * The fields of a 304, likewise.
   *
   * @param {number} age milliseconds
   */
  notModifiedAt(age) {
    const fields = this.fieldsAt(age);
    this.#notModified ??= notModifiedFields(fields);
    this.#notModified[this.#notModified.length - 1] = fields[fields.length - 1];
    return this.#notModified;
  }
}

module.exports = { StoredResponse };
