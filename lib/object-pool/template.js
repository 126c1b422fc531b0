'use strict';

const { Buffer, constants } = require('node:buffer');
const { error } = require('../errors.js');
const validate = require('../validate.js');
const { isPlainObject, shapeOf } = require('./shape.js');

/**
 * How the objects of a pool are made, and made again what they were.
 *
 * @typedef {object} Template
 * @property {() => any} create makes one
 * @property {(object: any) => boolean} [restore] brings an object back into its first state; false where it cannot
 * @property {boolean} [measurable] whether its objects have a size in bytes that can be read; not known for a function
 */

/** Longest array whose elements V8 keeps in one block however it came to its length. */
const LONGEST_ARRAY = 32 * 1024 * 1024;
/** An object with more keys has been used as a map: V8 keeps it in a hash table, and its keys are as many as the uses. */
const MOST_KEYS = 64;

/**
 * @param {unknown} template
 * @returns {Template}
 */
function templateOf(template) {
  switch (typeof template) {
    case 'function':
      return { create: /** @type {() => any} */ (template) };
    case 'number':
      return buffers(
        validate.number(template, 'template', { min: 1, max: constants.MAX_LENGTH, integer: true }),
      );
    case 'object':
      if (Buffer.isBuffer(template)) {
        return copies(template);
      }
      if (Array.isArray(template)) {
        return arrays(template);
      }
      if (template !== null && isPlainObject(template)) {
        return Reflect.ownKeys(template).length === 0 ? EMPTY_OBJECTS : shapeOf(template);
      }
      break;
    default:
  }
  throw error(
    'ERR_HEAPWISE_INVALID_ARG_TYPE',
    'template',
    'a function, a plain object, [], [length], a number of bytes or a Buffer',
    template,
  );
}

/** @type {Template} */
const EMPTY_OBJECTS = {
  create: () => ({}),
  measurable: false,
  // Its keys stay: to delete them would turn the object into a hash table, which is slow for good.
  restore(object) {
    if (Object.getPrototypeOf(object) !== Object.prototype) {
      return false;
    }
    let count = 0;
    for (const key in object) {
      if (!Object.hasOwn(object, key)) {
        continue;
      }
      if (++count > MOST_KEYS) {
        return false;
      }
      object[key] = undefined;
    }
    return true;
  },
};

/**
 * @param {unknown[]} template
 * @returns {Template}
 */
function arrays(template) {
  if (template.length === 0) {
    return {
      create: () => [],
      restore(array) {
        array.length = 0;
        return true;
      },
    };
  }
  if (template.length > 1) {
    throw error(
      'ERR_HEAPWISE_INVALID_ARG_VALUE',
      'template',
      '[] or [length] where it is an array',
      template,
    );
  }
  const length = validate.number(template[0], 'template[0]', { min: 1, max: LONGEST_ARRAY, integer: true });
  // Grown element by element and copied: `new Array(length)` has holes, and so have its copies, filled or not.
  /** @type {number[]} */
  const zeros = [];
  fillUp(zeros, length);
  return {
    create: () => zeros.slice(),
    restore(array) {
      if (array.length > length) {
        array.length = length;
      }
      array.fill(0);
      fillUp(array, length);
      return true;
    },
  };
}

/**
 * @param {unknown[]} array
 * @param {number} length
 */
function fillUp(array, length) {
  while (array.length < length) {
    array.push(0);
  }
}

/**
 * @param {number} length
 * @returns {Template}
 */
function buffers(length) {
  return {
    // Not from the slab that small ones share otherwise.
    create: () => Buffer.alloc(length),
    restore(buffer) {
      // Throws, which drops it, when its memory was transferred to somebody else.
      buffer.fill(0);
      return true;
    },
  };
}

/**
 * @param {Buffer} template
 * @returns {Template}
 */
function copies(template) {
  const { length } = template;
  const original = Buffer.alloc(length);
  template.copy(original);
  return {
    create() {
      const buffer = Buffer.allocUnsafeSlow(length);
      original.copy(buffer);
      return buffer;
    },
    // Less when its memory was transferred: it has no length any more.
    restore: (buffer) => original.copy(buffer) === length,
  };
}

module.exports = { templateOf };
