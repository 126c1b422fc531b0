import express from 'express';
import { createServer } from 'node:http';
import { describe, expect, test } from 'tstyche';
import { ObjectPool, ResourcePool } from '../..';
import { type PooledMiddleware, type PooledOf, pooled } from '../../express.js';

class Connection {
  query(sql: string): Promise<number[]> {
    return Promise.resolve([sql.length]);
  }
}

const pools = {
  db: new ResourcePool({ create: async () => new Connection() }),
  names: new ObjectPool(() => new Map<string, number>()),
};

declare module '../../express.js' {
  interface Pooled extends PooledOf<typeof pools> {}
}

describe('wrong use is refused', () => {
  test('no pools, or what is no pool', () => {
    expect(pooled).type.not.toBeCallableWith();
    expect(pooled).type.not.toBeCallableWith({ db: { acquire() {}, release() {} } });
    expect(pooled).type.not.toBeCallableWith(pools.db);
  });

  test('a misspelt or wrong option', () => {
    expect(pooled).type.not.toBeCallableWith(pools, { timeOut: 5 });
    expect(pooled).type.not.toBeCallableWith(pools, { timeout: '5' });
    expect(pooled).type.not.toBeCallableWith(pools, { destroyOnAbort: 1 });
  });
});

describe('what a request has', () => {
  test('is what the pools have', () => {
    expect<PooledOf<typeof pools>>().type.toBe<{
      readonly db: Connection;
      readonly names: Map<string, number>;
    }>();
  });

  test('is known to the handlers of Express', () => {
    const app = express();
    app.use(pooled(pools));
    app.get('/users/:id', pooled(pools, { timeout: 1000, destroyOnAbort: true }), (req) => {
      expect(req.pooled.db).type.toBe<Connection>();
      expect(req.pooled.names).type.toBe<Map<string, number>>();
      expect(req.params.id).type.toBe<string>();
      expect(req.pooled).type.not.toHaveProperty('other');
    });
  });
});

test('the middleware serves plain http too', () => {
  expect(pooled(pools)).type.toBe<PooledMiddleware>();
  createServer((req, res) => pooled(pools)(req, res, () => res.end()));
});
