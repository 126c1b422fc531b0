'use strict';

const { mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');

/** Names of our files, so that no other file in the folder is ever counted or removed. */
const OURS = /^heapwise-leak-\d+-\d+-\d+\.(json|heapprofile)$/;

/**
 * Files that say what was found: the report, and the heap profile that Chrome DevTools opens. Their number, their bytes and
 * how often they are written have bounds; the oldest make room.
 *
 * @param {object} settings
 * @param {string} settings.directory made if need be
 * @param {number} settings.maxFiles
 * @param {number} settings.maxBytes of all of them
 * @param {number} settings.minInterval milliseconds between two writes
 */
function createEvidence({ directory, maxFiles, maxBytes, minInterval }) {
  let written = -Infinity;
  let count = 0;

  /** Our files, the oldest first. */
  function existing() {
    return readdirSync(directory)
      .filter((name) => OURS.test(name))
      .map((name) => {
        const path = join(directory, name);
        const { size, mtimeMs } = statSync(path);
        return { path, size, mtimeMs };
      })
      .toSorted((a, b) => a.mtimeMs - b.mtimeMs);
  }

  /**
   * @param {number} files
   * @param {number} bytes that are about to be written
   */
  function makeRoom(files, bytes) {
    const kept = existing();
    let total = kept.reduce((sum, { size }) => sum + size, 0);
    while (kept.length > 0 && (kept.length + files > maxFiles || total + bytes > maxBytes)) {
      const [{ path, size }] = kept.splice(0, 1);
      rmSync(path, { force: true });
      total -= size;
    }
  }

  return {
    /**
     * Writes them, whole or not at all.
     *
     * @param {Record<string, string>} texts by extension
     * @param {number} now
     * @param {{ belongsToLast?: boolean }} [how] whether it completes what was written last, so that no time must have passed
     * @returns {import('../..').LeakEvidence} where they are, or why they are not
     */
    write(texts, now, { belongsToLast = false } = {}) {
      if (!belongsToLast && now - written < minInterval) {
        return { files: [], error: null };
      }
      const sizes = Object.values(texts).map((text) => Buffer.byteLength(text));
      const bytes = sizes.reduce((sum, size) => sum + size, 0);
      /** @type {string[]} */
      const files = [];
      try {
        if (bytes > maxBytes) {
          throw new Error(`${bytes} bytes are more than the ${maxBytes} allowed`);
        }
        mkdirSync(directory, { recursive: true });
        makeRoom(sizes.length, bytes);
        const name = `heapwise-leak-${process.pid}-${Date.now()}-${++count}`;
        for (const [extension, text] of Object.entries(texts)) {
          const path = join(directory, `${name}.${extension}`);
          // A reader never sees half a file, and a full disk leaves none behind.
          const temporary = `${path}.part`;
          try {
            writeFileSync(temporary, text, { mode: 0o600 });
            renameSync(temporary, path);
          } catch (raised) {
            rmSync(temporary, { force: true });
            throw raised;
          }
          files.push(path);
        }
        written = now;
        return { files, error: null };
      } catch (raised) {
        return { files, error: /** @type {Error} */ (raised).message };
      }
    },
  };
}

module.exports = { createEvidence };
