'use strict';

const { error } = require('../errors.js');

/**
 * Whether it was written as `{}`, in whichever realm: a REPL and `node:vm` have an Object of their own.
 *
 * @param {any} value
 */
function isPlainObject(value) {
  if (value === null || typeof value !== 'object') {
    return false;
  }
  const prototype = Object.getPrototypeOf(value);
  return (
    prototype !== null &&
    Object.getPrototypeOf(prototype) === null &&
    Object.hasOwn(prototype, 'isPrototypeOf') &&
    !Object.hasOwn(value, Symbol.toStringTag)
  );
}

/**
 * A template with the keys of a plain object. All its objects have one hidden class: they are spread from one original,
 * and V8 copies the hidden class along with the values.
 *
 * @param {Record<PropertyKey, any>} template
 * @returns {import('./template.js').Template}
 */
function shapeOf(template) {
  const original = clone(template, 'template', []);
  // Integer keys come first in both, wherever the template had them.
  const keys = Object.keys(original);
  const values = Object.values(original);
  const nested = keys.filter((_, i) => isNested(values[i]));

  return {
    create() {
      /** @type {Record<string, any>} */
      const object = { ...original };
      for (const key of nested) {
        object[key] = copy(original[key]);
      }
      return object;
    },
    measurable: false,
    /**
     * The keys are compared on the way, which costs next to nothing: an object with others than the template's, or in
     * another order, has another hidden class, and is dropped.
     */
    restore(object) {
      if (Object.getPrototypeOf(object) !== Object.prototype) {
        return false;
      }
      let i = 0;
      for (const key in object) {
        if (key !== keys[i]) {
          if (Object.hasOwn(object, key)) {
            return false;
          }
          // Somebody has put something on Object.prototype.
          continue;
        }
        const value = values[i++];
        // Nested ones are never the same again: whoever had the object may have passed them on.
        object[key] = isNested(value) ? copy(value) : value;
      }
      return i === keys.length;
    },
  };
}

/** @param {unknown} value of an original, in which objects are plain */
function isNested(value) {
  return typeof value === 'object' && value !== null;
}

/**
 * A copy of what `clone` has looked through.
 *
 * @param {any} value
 * @returns {any}
 */
function copy(value) {
  if (!isNested(value)) {
    return value;
  }
  if (Array.isArray(value)) {
    const array = value.slice();
    for (let i = 0; i < array.length; i++) {
      array[i] = copy(array[i]);
    }
    return array;
  }
  /** @type {Record<string, any>} */
  const object = { ...value };
  for (const key of Object.keys(object)) {
    object[key] = copy(object[key]);
  }
  return object;
}

/**
 * A deep copy of plain objects, arrays, functions and primitives. Anything else is refused: to share it among all
 * objects of the pool, or to copy it badly, would be found out late.
 *
 * @param {any} value
 * @param {string} path
 * @param {object[]} parents
 * @returns {any}
 */
function clone(value, path, parents) {
  if (typeof value !== 'object' || value === null) {
    return value;
  }
  if (parents.includes(value)) {
    throw refusal(path, 'a reference to what it is part of');
  }
  const within = [...parents, value];
  if (Array.isArray(value)) {
    if (Reflect.ownKeys(value).length !== value.length + 1) {
      throw refusal(path, 'an array with holes or with properties of its own');
    }
    /** @type {any[]} */
    const array = [];
    // Not by map(), whose result V8 takes for an array with holes.
    for (let i = 0; i < value.length; i++) {
      array.push(clone(value[i], `${path}[${i}]`, within));
    }
    return array;
  }
  if (!isPlainObject(value)) {
    throw refusal(path, 'no plain object');
  }
  /** @type {Record<PropertyKey, any>} */
  const copied = { ...onlyData(value, path) };
  for (const key of Object.keys(copied)) {
    copied[key] = clone(copied[key], `${path}.${key}`, within);
  }
  return copied;
}

/**
 * @param {Record<PropertyKey, any>} object
 * @param {string} path
 */
function onlyData(object, path) {
  for (const key of Reflect.ownKeys(object)) {
    const at = `${path}.${String(key)}`;
    if (typeof key === 'symbol') {
      throw refusal(at, 'a property with a symbol for a name');
    }
    if (key === '__proto__') {
      throw refusal(at, 'a property that cannot be assigned');
    }
    const property = /** @type {PropertyDescriptor} */ (Object.getOwnPropertyDescriptor(object, key));
    if (!('value' in property) || !property.enumerable) {
      throw refusal(at, property.enumerable ? 'an accessor' : 'not enumerable');
    }
  }
  return object;
}

/**
 * @param {string} path
 * @param {string} what
 */
function refusal(path, what) {
  return error('ERR_HEAPWISE_POOL_INVALID_TEMPLATE', path, what);
}

module.exports = { isPlainObject, shapeOf };
