'use strict';

const { CORRUPT, isAnswer } = require('./guard.js');

/**
 * @typedef {import('./envelope.js').Entry} Entry
 * @typedef {Entry | undefined | import('./guard.js').NoAnswer} Answer
 * @typedef {{ promise: Promise<Entry | undefined> }} Reading
 */

/** Reads of the far tier: one for each key, whoever asks at the same time. What they find goes to the near tier. */
class Reader {
  #parts;
  /** What takes one out of here is newer than what it will bring. @type {Map<string, Reading>} */
  #readings = new Map();

  /**
   * @param {object} parts
   * @param {import('./far.js').Far} parts.far
   * @param {import('./guard.js').Guard} parts.guard
   * @param {import('./near.js').Near} parts.near
   * @param {(entry: Entry) => Entry | undefined} parts.fresh with the time until which it is true
   * @param {(key: string) => { entry: Entry | undefined } | undefined} parts.known what can be said without asking
   * @param {(key: string) => void} parts.remove from the far tier, what cannot be decoded
   */
  constructor(parts) {
    this.#parts = parts;
  }

  /** What is being read of the key is old by now. @param {string} key */
  supersede(key) {
    this.#readings.delete(key);
  }

  clear() {
    this.#readings.clear();
  }

  /**
   * @param {string} key
   * @returns {Promise<Entry | undefined>} which may be over; undefined also where the far tier cannot be asked
   */
  read(key) {
    const { far, guard } = this.#parts;
    return (
      this.#underWay(key) ??
      this.#begin(
        key,
        guard.call('get', () => far.get(key), isUndefined),
      )
    );
  }

  /**
   * As one call for all keys of which nothing is known.
   *
   * @param {string[]} keys each once
   * @returns {Promise<Map<string, Entry | undefined>>}
   */
  async readMany(keys) {
    const { far, guard } = this.#parts;
    const readings = new Map(keys.map((key) => [key, this.#underWay(key)]));
    const asked = keys.filter((key) => readings.get(key) === undefined);
    if (asked.length > 0) {
      const answer = guard.call(
        'getMany',
        async () => whole(await far.getMany(asked), asked),
        isAllUndefined,
      );
      asked.forEach((key, i) => readings.set(key, this.#begin(key, this.#oneOf(answer, key, i))));
    }
    const entries = await Promise.all(keys.map((key) => readings.get(key)));
    return new Map(keys.map((key, i) => [key, entries[i]]));
  }

  /**
   * @param {string} key
   * @returns {Promise<Entry | undefined> | undefined}
   */
  #underWay(key) {
    const known = this.#parts.known(key);
    return known === undefined ? this.#readings.get(key)?.promise : Promise.resolve(known.entry);
  }

  /**
   * @param {Promise<(Entry | undefined)[] | import('./guard.js').NoAnswer>} answer
   * @param {string} key
   * @param {number} i
   * @returns {Promise<Answer>}
   */
  async #oneOf(answer, key, i) {
    const { far, guard } = this.#parts;
    const all = await answer;
    if (all === CORRUPT) {
      // One that cannot be decoded spoils the answer for all.
      return guard.call('get', () => far.get(key), isUndefined);
    }
    return isAnswer(all) ? all[i] : undefined;
  }

  /**
   * @param {string} key
   * @param {Promise<Answer>} answer
   */
  #begin(key, answer) {
    const own = { promise: /** @type {Promise<Entry | undefined>} */ (/** @type {unknown} */ (answer)) };
    own.promise = answer.then((found) => this.#bring(key, own, found));
    this.#readings.set(key, own);
    return own.promise;
  }

  /**
   * @param {string} key
   * @param {Reading} own
   * @param {Answer} found
   */
  #bring(key, own, found) {
    const isNewest = this.#readings.get(key) === own && this.#readings.delete(key);
    if (found === CORRUPT) {
      if (isNewest) {
        this.#parts.remove(key);
      }
      return undefined;
    }
    if (!isAnswer(found) || found === undefined) {
      return undefined;
    }
    const entry = this.#parts.fresh(found);
    if (isNewest) {
      this.#parts.near.fill(key, found.value, entry?.expires);
    }
    return entry;
  }
}

/**
 * @param {(Entry | undefined)[]} answer
 * @param {string[]} asked
 */
function whole(answer, asked) {
  if (answer.length !== asked.length) {
    throw new Error(`The far tier has answered ${answer.length} of ${asked.length} keys`);
  }
  return answer;
}

/** @param {unknown} answer */
function isUndefined(answer) {
  return answer === undefined;
}

/** @param {unknown[]} answers */
function isAllUndefined(answers) {
  return answers.every(isUndefined);
}

module.exports = { Reader };
