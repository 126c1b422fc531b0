'use strict';

const assert = require('node:assert/strict');
const { readFileSync, readdirSync } = require('node:fs');
const { join } = require('node:path');
const { describe, test } = require('node:test');
const { codes, error, fromNative } = require('../lib/errors.js');

const root = join(__dirname, '..');

/**
 * Every code with its class and details as its callers pass them. Users compare codes and classes: neither ever
 * changes, so they are repeated here.
 *
 * @type {Record<string, [ErrorConstructor, ...unknown[]]>}
 */
const CONTRACT = {
  ERR_HEAPWISE_BINDING_MISSING: [Error, 'no addon for linux-x64-gnu'],
  ERR_HEAPWISE_INVALID_ARG_TYPE: [TypeError, 'max', 'a number', 'many'],
  ERR_HEAPWISE_INVALID_ARG_VALUE: [RangeError, 'max', 'an integer >= 1', -1],
  ERR_HEAPWISE_UNKNOWN_OPTION: [TypeError, 'maxx', 'Cache', 'max'],
  ERR_HEAPWISE_POOL_DOUBLE_RELEASE: [Error],
  ERR_HEAPWISE_POOL_FOREIGN_OBJECT: [Error],
  ERR_HEAPWISE_POOL_EXHAUSTED: [Error, 5],
  ERR_HEAPWISE_POOL_INVALID_OBJECT: [TypeError, 'null, which is not an object'],
  ERR_HEAPWISE_POOL_INVALID_TEMPLATE: [TypeError, 'template.at', 'no plain object'],
  ERR_HEAPWISE_POOL_OBJECT_SIZE: [TypeError, NaN],
  ERR_HEAPWISE_POOL_RESPONSE_OVER: [Error],
  ERR_HEAPWISE_POOL_CLOSED: [Error],
  ERR_HEAPWISE_BUFFER_POOL_BUDGET: [RangeError, 'Pools of this name share a "maxBytes" of 5'],
  ERR_HEAPWISE_BUFFER_POOL_EXHAUSTED: [Error, 'The system gave no memory'],
  ERR_HEAPWISE_BUFFER_POOL_TOO_LARGE: [RangeError, 5000, 4096],
  ERR_HEAPWISE_BUFFER_POOL_SLICE: [Error],
  ERR_HEAPWISE_BUFFER_POOL_WRITE_AFTER_RELEASE: [Error, 7, 4096],
  ERR_HEAPWISE_STREAM_ENDED: [Error],
  ERR_HEAPWISE_STREAM_SCRATCH: [Error, 'The stream has no "buffers"'],
  ERR_HEAPWISE_RESOURCE_TIMEOUT: [
    Error,
    500,
    { borrowed: 2, max: 2, creating: 0, waiting: 1 },
    'job 7 for 900 ms',
  ],
  ERR_HEAPWISE_RESOURCE_QUEUE_FULL: [Error, 100],
  ERR_HEAPWISE_RESOURCE_CREATE: [Error, new Error('no route to host')],
  ERR_HEAPWISE_RESOURCE_SLOW: [Error, 'create'],
  ERR_HEAPWISE_RESOURCE_DRAIN: [Error, 500, { borrowed: 1 }, 'job 7 for 900 ms'],
  ERR_HEAPWISE_CACHE_CLOSED: [Error],
  ERR_HEAPWISE_CACHE_LOAD_TIMEOUT: [Error, 30],
  ERR_HEAPWISE_CACHE_SIZE: [TypeError, NaN],
  ERR_HEAPWISE_LRU_CACHE_INVALID: [TypeError, 'max option must be a nonnegative integer'],
  ERR_HEAPWISE_LRU_CACHE_NO_MEMO: [Error],
  ERR_HEAPWISE_LRU_CACHE_NO_VALUE: [Error, 'fetch() returned nothing'],
  ERR_HEAPWISE_LRU_CACHE_FETCH_ABORTED: [Error, 'deleted'],
  ERR_HEAPWISE_SHARED_CACHE_SETTINGS: [RangeError, 'The cache of that name is open with other settings'],
  ERR_HEAPWISE_SHARED_CACHE_MEMORY: [Error, 'The system gave no memory'],
  ERR_HEAPWISE_SHARED_CACHE_TOO_LARGE: [RangeError, 524_288],
  ERR_HEAPWISE_SHARED_CACHE_TARGET: [RangeError],
  ERR_HEAPWISE_SHARED_CACHE_DAMAGED: [Error],
  ERR_HEAPWISE_SHARED_CACHE_CODEC: [Error, 'decode', 'threw'],
  ERR_HEAPWISE_SHARED_CACHE_LOAD: [Error, 'Error: no'],
  ERR_HEAPWISE_SHARED_CACHE_OPEN: [Error, 'A cache of that name is open'],
  ERR_HEAPWISE_SHARED_CACHE_SAVE_BUSY: [Error, 'The cache is being saved already'],
  ERR_HEAPWISE_SHARED_CACHE_SAVE_OVERRUN: [Error, 'The cache changed faster than it was saved'],
  ERR_HEAPWISE_SHARED_CACHE_FILE: [Error, 'Writing the file failed: No space left on device'],
  ERR_HEAPWISE_SHARED_CACHE_FILE_MISSING: [Error, 'There is no file pages.cache'],
  ERR_HEAPWISE_SHARED_CACHE_FILE_INVALID: [Error, 'it ends before its end (byte 5)'],
  ERR_HEAPWISE_SHARED_CACHE_FILE_VERSION: [Error, 'The file has version 2 of the format'],
  ERR_HEAPWISE_SHARED_CACHE_FILE_CODEC: [Error, 'The values in the file are made by the codec "json"'],
  ERR_HEAPWISE_MONITOR_CLOSED: [Error],
  ERR_HEAPWISE_MONITOR_STOPPED: [Error],
  ERR_HEAPWISE_LEAK: [Error, 'Each call keeps 100 bytes'],
  ERR_HEAPWISE_DETECTOR_CLOSED: [Error],
  ERR_HEAPWISE_HISTOGRAM_RANGE: [RangeError, 'lowest must be above 0'],
  ERR_HEAPWISE_HISTOGRAM_MERGE: [TypeError, 'the histograms differ'],
  ERR_HEAPWISE_HISTOGRAM_DECODE: [TypeError, 'not an encoded histogram: too short'],
  ERR_HEAPWISE_REPORT_FILE: [Error, '/nowhere/x.log: No such file or directory (os error 2)'],
  ERR_HEAPWISE_UNSUPPORTED: [Error, 'the runtime is bun, not Node.js'],
  ERR_HEAPWISE_PROMETHEUS_MISSING: [Error],
  ERR_HEAPWISE_DUPLICATE_NAME: [RangeError, 'cache', 'users'],
};

/** Files below a folder whose names end so, with their text. */
function sources(folder, ending) {
  return readdirSync(join(root, folder), { recursive: true })
    .filter((name) => name.endsWith(ending))
    .map((name) => ({ name: join(folder, name), text: readFileSync(join(root, folder, name), 'utf8') }));
}

function codesIn(text) {
  return new Set(text.match(/\bERR_HEAPWISE_[A-Z]+(?:_[A-Z]+)*\b/g));
}

/** The variants of Rust's ErrorCode with the codes that they are spelt as. */
function rustCodes() {
  const text = readFileSync(join(root, 'src', 'error.rs'), 'utf8');
  const spelt = [...text.matchAll(/Self::(\w+) => "(\w+)"/g)].map(([, variant, code]) => [variant, code]);
  assert.ok(spelt.length > 0, 'src/error.rs is readable to this test');
  return new Map(spelt);
}

describe('the table of errors', () => {
  test('no code is renamed, lost or added without its contract', () => {
    assert.deepEqual([...codes].toSorted(), Object.keys(CONTRACT).toSorted());
    assert.throws(() => codes.push('ERR_HEAPWISE_NEW'), TypeError, 'the list cannot be changed');
  });

  test('every code makes its class of error with its code and a message without holes', () => {
    for (const [code, [Base, ...details]] of Object.entries(CONTRACT)) {
      const made = error(code, ...details);
      assert.equal(made.constructor, Base, code);
      assert.equal(made.code, code);
      assert.equal(typeof made.message, 'string', code);
      assert.doesNotMatch(made.message, /^$|undefined|\[object/, code);
      for (const detail of details.filter((given) => typeof given === 'string')) {
        assert.ok(made.message.includes(detail), `${code} says ${detail}`);
      }
    }
  });

  test('index.d.ts promises the same codes with the same classes', () => {
    const text = readFileSync(join(root, 'index.d.ts'), 'utf8');
    const promised = [...text.matchAll(/`(\w*Error)` \*\/\s+\| '(ERR_HEAPWISE_\w+)'/g)];
    assert.deepEqual(
      new Map(promised.map(([, name, code]) => [code, name])),
      new Map(codes.map((code) => [code, CONTRACT[code][0].name])),
    );
  });

  test('no file of lib throws a code that the table lacks', () => {
    for (const { name, text } of sources('lib', '.js')) {
      for (const code of codesIn(text)) {
        assert.ok(codes.includes(code), `${name} uses ${code}`);
      }
    }
  });

  test('no code stands in the table that nothing raises', () => {
    const used = new Set(rustCodes().values());
    for (const { name, text } of sources('lib', '.js')) {
      if (name !== join('lib', 'errors.js')) {
        for (const code of codesIn(text)) {
          used.add(code);
        }
      }
    }
    assert.deepEqual(
      codes.filter((code) => !used.has(code)),
      [],
    );
  });

  test('Rust raises no code that the table lacks, and spells none outside of error.rs', () => {
    for (const [variant, code] of rustCodes()) {
      assert.ok(codes.includes(code), `${variant} is ${code}`);
    }
    for (const { name, text } of sources('src', '.rs')) {
      if (name !== join('src', 'error.rs')) {
        assert.deepEqual([...codesIn(text)], [], name);
      }
    }
  });

  test('no variant of Rust is without a code, and none is never raised', () => {
    const text = readFileSync(join(root, 'src', 'error.rs'), 'utf8');
    const body = /pub enum ErrorCode \{([^}]*)\}/.exec(text)?.[1] ?? '';
    const declared = [...body.matchAll(/^\s*(\w+),/gm)].map(([, variant]) => variant);
    assert.deepEqual(declared, [...rustCodes().keys()]);
    const raised = sources('src', '.rs')
      .map((source) => source.text)
      .join('\n');
    for (const variant of declared) {
      assert.match(raised, new RegExp(`ErrorCode::${variant}\\b`), variant);
    }
  });
});

function misusing() {
  return error('ERR_HEAPWISE_POOL_CLOSED');
}

/** How a value is described in a message. */
function described(value) {
  const { message } = error('ERR_HEAPWISE_INVALID_ARG_TYPE', 'name', 'right', value);
  assert.ok(message.startsWith('"name" must be right, got '), message);
  return message.slice('"name" must be right, got '.length);
}

describe('an error', () => {
  test('starts its stack at the caller, not inside heapwise', () => {
    const [, firstFrame] = misusing().stack.split('\n');
    assert.match(firstFrame, /misusing/);
  });

  test('is known by its code where it is printed or spread', () => {
    const made = error('ERR_HEAPWISE_POOL_CLOSED');
    assert.deepEqual({ ...made }, { code: 'ERR_HEAPWISE_POOL_CLOSED' });
    assert.equal(String(made), 'Error: The pool is closed');
  });

  test('describes what it got, whatever it got', () => {
    const got = described;
    assert.equal(got(null), 'null');
    assert.equal(got(undefined), 'undefined');
    assert.equal(got(NaN), 'NaN');
    assert.equal(got(-5), '-5');
    assert.equal(got(true), 'true');
    assert.equal(got(12n), '12');
    assert.equal(got('a"b'), '"a\\"b"');
    assert.equal(got(Symbol('mine')), 'Symbol(mine)');
    assert.equal(got([1, 2]), 'an array');
    assert.equal(got({ a: 1 }), 'an object');
    assert.equal(
      got(() => {}),
      'a function',
    );
    assert.equal(got(Map), 'a function');
    assert.equal(got(Object.create(null)), 'an object');
  });

  test('runs no code of the value that it describes', () => {
    const hostile = {
      toString: () => assert.fail('toString'),
      [Symbol.toPrimitive]: () => assert.fail('toPrimitive'),
      get constructor() {
        return assert.fail('constructor');
      },
    };
    const { message } = error('ERR_HEAPWISE_CACHE_SIZE', hostile);
    assert.match(message, /an object/);
  });

  test('does not print a long string, which may be a secret', () => {
    const short = 's'.repeat(40);
    const long = 's'.repeat(41);
    assert.equal(described(short), `"${short}"`);
    assert.equal(described(long), 'a string of 41 characters');
  });

  test('suggests a name only where there is one to suggest', () => {
    assert.match(
      error('ERR_HEAPWISE_UNKNOWN_OPTION', 'maxx', 'Cache', 'max').message,
      /did you mean "max"\?$/,
    );
    assert.equal(
      error('ERR_HEAPWISE_UNKNOWN_OPTION', 'zzz', 'Cache', undefined).message,
      'Unknown option "zzz" of Cache',
    );
  });
});

describe('an error from Rust', () => {
  test('keeps code and message and gets the class that the code has here', () => {
    const raised = Object.assign(new Error('the ranges differ'), { code: 'ERR_HEAPWISE_HISTOGRAM_MERGE' });
    const made = fromNative(raised);
    assert.equal(made.constructor, TypeError);
    assert.equal(made.code, 'ERR_HEAPWISE_HISTOGRAM_MERGE');
    assert.equal(made.message, 'the ranges differ');
  });

  test('is passed on as it is when it is not one of ours', () => {
    const others = [
      new Error('without a code'),
      Object.assign(new Error('of napi'), { code: 'InvalidArg' }),
      // Names that every object inherits are no codes.
      Object.assign(new Error('odd'), { code: 'toString' }),
      Object.assign(new Error('odd'), { code: 'constructor' }),
      Object.assign(new Error('odd'), { code: '__proto__' }),
      { code: 'ERR_HEAPWISE_HISTOGRAM_MERGE', message: 'no Error' },
      undefined,
      null,
      'a string',
      5,
    ];
    for (const other of others) {
      assert.equal(fromNative(other), other);
    }
  });
});
