import { expect, test } from 'tstyche';
import type * as contract from '../..';
import type * as expressContract from '../../express.js';
import type * as expressFace from '../../lib/express.js';
import type * as face from '../../lib/index.js';

// One line for each export, because TSTyche does not say where two types differ: `const it: Wanted = given` does.

test('the classes of lib keep what index.d.ts promises', () => {
  expect<typeof face.BufferPool>().type.toBeAssignableTo<typeof contract.BufferPool>();
  expect<typeof face.Cache>().type.toBeAssignableTo<typeof contract.Cache>();
  expect<typeof face.EventLoopMonitor>().type.toBeAssignableTo<typeof contract.EventLoopMonitor>();
  expect<typeof face.Histogram>().type.toBeAssignableTo<typeof contract.Histogram>();
  expect<typeof face.LeakDetector>().type.toBeAssignableTo<typeof contract.LeakDetector>();
  expect<typeof face.ObjectPool>().type.toBeAssignableTo<typeof contract.ObjectPool>();
  expect<typeof face.createMonitor>().type.toBeAssignableTo<typeof contract.createMonitor>();
});

test('lib keeps what express.d.ts promises', () => {
  expect<typeof expressFace.pooled>().type.toBeAssignableTo<typeof expressContract.pooled>();
  expect<keyof typeof expressFace>().type.toBe<keyof typeof expressContract>();
});

test('lib exports neither more nor less', () => {
  expect<keyof typeof face>().type.toBe<keyof typeof contract>();
});
