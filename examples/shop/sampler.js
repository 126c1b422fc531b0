'use strict';

/**
 * Figures of the time since the last reading. heapwise counts from the start of the monitor, so that any number of
 * readers see the same; a window is the difference of two readings.
 */
function createSampler({ monitor, catalogue, images }) {
  const start = performance.now();
  let last = { at: start, ...readings() };

  function readings() {
    const { hits, misses } = catalogue.stats();
    const { gc } = monitor.report();
    return {
      latency: monitor.latency.snapshot(),
      lag: monitor.loop.histogram.snapshot(),
      gcCount: gc.major.count + gc.minor.count,
      gcTime: gc.major.sum + gc.minor.sum,
      hits,
      misses,
    };
  }

  function read() {
    const now = { at: performance.now(), ...readings() };
    const { memory } = monitor.report();
    const latency = now.latency.since(last.latency).summary();
    const hits = now.hits - last.hits;
    const gets = hits + now.misses - last.misses;
    const figures = {
      seconds: (now.at - start) / 1000,
      rate: latency.count / ((now.at - last.at) / 1000),
      latency,
      lag: now.lag.since(last.lag).summary(),
      memory: { ...memory, rssLimit: memory.cgroupLimit },
      gc: { count: now.gcCount - last.gcCount, time: now.gcTime - last.gcTime },
      cache: { hitRate: gets === 0 ? 0 : hits / gets },
      pool: images.stats(),
    };
    last = now;
    return figures;
  }

  return { read };
}

module.exports = { createSampler };
