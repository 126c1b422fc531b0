'use strict';

/**
 * @template {Uint8Array | Int32Array | Float32Array | Float64Array} A
 * @param {A} from
 * @param {A} to of at least the same length
 * @returns {A}
 */
function grown(from, to) {
  to.set(from);
  return to;
}

module.exports = { grown };
