'use strict';

/**
 * Publish and subscribe of Redis and Valkey, over the clients that stores of Keyv use: `@redis/client` (`@keyv/redis`), and
 * `iovalkey` or `ioredis` (`@keyv/valkey`). Messages go out over the store's own connection; they come in over one more,
 * which a Redis asks for, and which is never the reason why a process stays alive.
 *
 * The connection does not reconnect by itself: the clients' own timers for that would keep the process alive, and whoever
 * subscribes has to know about each connection that was lost.
 *
 * @typedef {import('../..').InvalidationBus} Bus
 */

/**
 * @param {any} adapter
 * @param {string} channel
 * @returns {Bus | undefined} undefined where the store has nothing of the kind
 */
function busOf(adapter, channel) {
  // Keyv 6 has adapters for Keyv 5 behind a bridge.
  const store = typeof adapter?.store?.get === 'function' ? adapter.store : adapter;
  if (isClient(store?.client) && typeof store.client.unref === 'function') {
    return nodeRedisBus(store, channel);
  }
  return isClient(store?.redis) ? ioredisBus(store.redis, channel) : undefined;
}

/** Not of a cluster or a sentinel, whose duplicates are made otherwise. @param {any} client */
function isClient(client) {
  const wanted = ['duplicate', 'publish', 'subscribe'];
  return wanted.every((name) => typeof client?.[name] === 'function') && !client.isCluster && !client.slots;
}

/**
 * @param {any} store
 * @param {string} channel
 * @returns {Bus}
 */
function nodeRedisBus(store, channel) {
  return {
    async publish(message) {
      const client = typeof store.getClient === 'function' ? await store.getClient() : store.client;
      return client.publish(channel, message);
    },
    subscribe(onMessage, onLost) {
      const { client } = store;
      const own = client.duplicate({ socket: { ...client.options?.socket, reconnectStrategy: false } });
      own.on('error', onLost);
      own.unref();
      return {
        ready: own.connect().then(() => own.subscribe(channel, onMessage)),
        ping: () => own.ping(),
        close() {
          if (own.isOpen) {
            own.destroy();
          }
        },
      };
    },
  };
}

/**
 * @param {any} redis
 * @param {string} channel
 * @returns {Bus}
 */
function ioredisBus(redis, channel) {
  return {
    publish: (message) => redis.publish(channel, message),
    subscribe(onMessage, onLost) {
      const own = redis.duplicate({ lazyConnect: true, retryStrategy: null, autoResubscribe: false });
      own.on('error', onLost);
      own.on('close', onLost);
      own.on('connect', () => own.stream?.unref?.());
      own.on('message', (/** @type {string} */ _channel, /** @type {string} */ message) =>
        onMessage(message),
      );
      return {
        ready: own.connect().then(() => own.subscribe(channel)),
        ping: () => own.ping(),
        close: () => own.disconnect(),
      };
    },
  };
}

module.exports = { busOf };
