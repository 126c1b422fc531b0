'use strict';

const { mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');

/** Names of our files, so that no other file in the folder is ever counted or removed. */
const OF_A_LEAK = /^heapwise-leak-\d+-\d+-\d+\.(json|heapprofile)$/;
const OF_A_LIMIT = /^heapwise-limit-\d+-\d+-\d+-\d+-(heap|cgroup)\.(json|heapprofile)$/;

/**
 * Removes the oldest of our files of one kind, until there is room.
 *
 * @param {string} directory
 * @param {RegExp} ours
 * @param {{ maxFiles: number, maxBytes: number }} most of all of them
 * @param {{ files: number, bytes: number }} room for what is about to be written
 */
function makeRoom(directory, ours, { maxFiles, maxBytes }, { files, bytes }) {
  const kept = readdirSync(directory)
    .filter((name) => ours.test(name))
    .map((name) => {
      const path = join(directory, name);
      // Another process may have removed it meanwhile.
      const { size = 0, mtimeMs = 0 } = statSync(path, { throwIfNoEntry: false }) ?? {};
      return { path, size, mtimeMs };
    })
    .toSorted((a, b) => a.mtimeMs - b.mtimeMs);
  let total = kept.reduce((sum, { size }) => sum + size, 0);
  while (kept.length > 0 && (kept.length + files > maxFiles || total + bytes > maxBytes)) {
    const [{ path, size }] = kept.splice(0, 1);
    rmSync(path, { force: true });
    total -= size;
  }
}

/**
 * Room for the files of a limit, of which there may be no time to think when they are written: a process that is started again
 * each time must not fill the disk with its last words.
 *
 * @param {{ directory: string, maxFiles: number, maxBytes: number }} settings
 */
function makeRoomForLastWords({ directory, maxFiles, maxBytes }) {
  try {
    makeRoom(directory, OF_A_LIMIT, { maxFiles, maxBytes }, { files: 2, bytes: 0 });
  } catch {
    // There is no such folder yet, or it cannot be read: whoever writes into it will say so.
  }
}

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
        makeRoom(directory, OF_A_LEAK, { maxFiles, maxBytes }, { files: sizes.length, bytes });
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

module.exports = { createEvidence, makeRoomForLastWords };
