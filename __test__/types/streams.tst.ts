import { Transform } from 'node:stream';
import { describe, expect, test } from 'tstyche';
import { BufferPool, ObjectPool } from '../..';
import type * as face from '../../lib/streams.js';
import { type PooledTransform, pooledTransform, release } from '../../streams.js';
import type * as contract from '../../streams.js';

const state = new ObjectPool(() => new Map<string, number>());
const buffers = new BufferPool({ maxBytes: 65_536 });

describe('wrong use is refused', () => {
  test('a misspelt option, and a method of Transform that is none', () => {
    expect(pooledTransform).type.not.toBeCallableWith({ transform: () => {}, buffer: buffers });
    expect(pooledTransform).type.not.toBeCallableWith({ transform: () => {}, final: () => {} });
  });

  test('no transform, and pools of the wrong kind', () => {
    expect(pooledTransform).type.not.toBeCallableWith({});
    expect(pooledTransform).type.not.toBeCallableWith({ transform: () => {}, buffers: state });
    expect(pooledTransform).type.not.toBeCallableWith({ transform: () => {}, state: buffers });
  });

  test('the release of what is no chunk', () => {
    expect(release).type.toBeCallableWith(Buffer.alloc(1));
    expect(release).type.not.toBeCallableWith('text');
  });
});

test('the handlers know the type of the state', () => {
  const stream = pooledTransform({
    state,
    buffers,
    transform(chunk, encoding, callback) {
      expect(this.state).type.toBe<Map<string, number>>();
      expect(this.scratch(5)).type.toBe<Buffer>();
      expect(encoding).type.toBe<BufferEncoding>();
      callback(null, chunk);
    },
    flush(callback) {
      expect(this.state).type.toBe<Map<string, number>>();
      callback();
    },
  });
  expect(stream).type.toBe<PooledTransform<Map<string, number>>>();
  expect(stream).type.toBeAssignableTo<Transform>();
});

test('without a pool there is no state', () => {
  const stream = pooledTransform({
    lend: true,
    highWaterMark: 5,
    transform(_chunk, _encoding, callback) {
      expect(this.state).type.toBe<undefined>();
      callback();
    },
  });
  expect(stream.state).type.toBe<undefined>();
});

test('lib keeps what streams.d.ts promises', () => {
  expect<typeof face.pooledTransform>().type.toBeAssignableTo<typeof contract.pooledTransform>();
  expect<typeof face.release>().type.toBeAssignableTo<typeof contract.release>();
  expect<keyof typeof face>().type.toBe<keyof typeof contract>();
});
