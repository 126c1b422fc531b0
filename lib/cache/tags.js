'use strict';

/**
 * A name that entries share.
 *
 * @typedef {object} Tag
 * @property {string} name as users spell it
 * @property {number} uses entries, and values being loaded, that have it
 * @property {number} invalidatedAt the epoch in which it was, 0 for never
 */

/** @typedef {{ tags: Tag[], since: number }} Tagged */

/** Whether one of the tags was invalidated since. @param {Tagged} tagged */
function isInvalidated({ tags, since }) {
  return tags.some(({ invalidatedAt }) => invalidatedAt > since);
}

/**
 * Tags of entries. To invalidate one is to note when it was; whoever finds an entry that is older treats it as gone. So it
 * takes the same time for one entry and for a million, and costs those without tags nothing.
 */
class Tags {
  /** Those in use. @type {Map<string, Tag>} */
  #byName = new Map();
  /** By slot. @type {(Tagged | undefined)[]} */
  #tagged = [];
  /** Counts what was invalidated. */
  #epoch = 0;
  /** That at the begin of a look at all entries, and of the last one that came to its end. */
  #lookedSince = 0;
  #cleanSince = 0;

  /**
   * The tags of a value that is about to be stored: they are as old as this call.
   *
   * @param {readonly string[]} names
   * @returns {Tagged}
   */
  hold(names) {
    const tags = names.map((name) => {
      let tag = this.#byName.get(name);
      if (tag === undefined) {
        tag = { name, uses: 0, invalidatedAt: 0 };
        this.#byName.set(name, tag);
      }
      tag.uses++;
      return tag;
    });
    return { tags, since: this.#epoch };
  }

  /** Those of a value that is not stored, or not any more. @param {Tagged} tagged */
  release({ tags }) {
    for (const tag of tags) {
      // There may be another one of that name.
      if (--tag.uses === 0 && this.#byName.get(tag.name) === tag) {
        this.#byName.delete(tag.name);
      }
    }
  }

  /**
   * @param {number} slot without tags
   * @param {Tagged} tagged
   */
  attach(slot, tagged) {
    this.#tagged[slot] = tagged;
  }

  /** @param {number} slot */
  detach(slot) {
    const tagged = this.#tagged[slot];
    if (tagged !== undefined) {
      this.#tagged[slot] = undefined;
      this.release(tagged);
    }
  }

  /**
   * @param {string} name
   * @returns {boolean} whether an entry has it
   */
  invalidate(name) {
    const tag = this.#byName.get(name);
    if (tag === undefined) {
      return false;
    }
    tag.invalidatedAt = ++this.#epoch;
    // What gets the tag from now on has another one of that name.
    this.#byName.delete(name);
    return true;
  }

  /** @param {number} slot */
  isInvalid(slot) {
    const tagged = this.#tagged[slot];
    return tagged !== undefined && isInvalidated(tagged);
  }

  /** Whether there may be entries that are invalid. */
  get mayHaveInvalid() {
    return this.#cleanSince !== this.#epoch;
  }

  /** Whoever removes what is invalid begins to look at all slots. */
  beginLook() {
    this.#lookedSince = this.#epoch;
  }

  /** @returns {boolean} whether nothing was invalidated meanwhile, so that nothing invalid is left */
  endLook() {
    this.#cleanSince = this.#lookedSince;
    return this.#lookedSince === this.#epoch;
  }

  /** @param {number} slot @returns {string[]} */
  namesOf(slot) {
    return this.#tagged[slot]?.tags.map(({ name }) => name) ?? [];
  }
}

module.exports = { Tags, isInvalidated };
