'use strict';

/** Leaks of so many bytes for each request: text of that length, less what a string takes beside. */

const HEADER = 16;

/** @param {number} bytes */
const keepsBytes = (bytes) => async () => {
  const kept = [];
  return (i) => {
    // Flat, and not shared: what is kept is what was made.
    kept.push(Buffer.alloc(bytes - HEADER, 97 + (i % 26)).toString('latin1'));
  };
};

module.exports = Object.fromEntries(
  [32, 64, 128, 512, 2048].map((bytes) => [`${bytes} bytes a request`, keepsBytes(bytes)]),
);
