'use strict';

const { performance } = require('node:perf_hooks');
const binding = require('./binding.js');
const { createBufferPoolClass } = require('./buffer-pool/buffer-pool.js');
const { createCacheClass } = require('./cache/cache.js');
const { createClock } = require('./clock.js');
const { createEventLoopMonitorClass } = require('./event-loop-monitor.js');
const { createGcSource } = require('./gc.js');
const { createHistogramClass } = require('./histogram.js');
const { createAssertNoLeak } = require('./leak/assert-no-leak.js');
const { createAttribution } = require('./leak/attribution.js');
const { fullGc } = require('./leak/full-gc.js');
const { createGuard } = require('./leak/guard.js');
const { createLeakDetectorClass } = require('./leak/leak-detector.js');
const { createLoanTrackerClass } = require('./loan-tracker.js');
const { afterMajorGc } = require('./major-gc.js');
const { createMonitorClass } = require('./monitor/monitor.js');
const { createObjectPoolClass } = require('./object-pool/object-pool.js');
const { createResourcePoolClass } = require('./resource-pool/resource-pool.js');
const { noBridge } = require('./runtime.js');
const { createSharedCacheClass } = require('./shared-cache/shared-cache.js');
const { createTieredCacheClass } = require('./tiered-cache/tiered-cache.js');
const { unrefTimers } = require('./timers.js');

const clock = createClock(binding, performance);
const gc = createGcSource(binding);
const histograms = createHistogramClass(binding);
const { Histogram, view } = histograms;
const BufferPool = createBufferPoolClass({ binding, gc });
const LoanTracker = createLoanTrackerClass();
const ObjectPool = createObjectPoolClass({ afterMajorGc, LoanTracker });
const Cache = createCacheClass(unrefTimers(clock.now));
const SharedCache = createSharedCacheClass({ binding, timers: unrefTimers(clock.now) });
const TieredCache = createTieredCacheClass(unrefTimers(clock.now));
const EventLoopMonitor = createEventLoopMonitorClass({ binding, gc, histograms });
const attribution = () => createAttribution({ binding, bridgeRefused: noBridge });
const LeakDetector = createLeakDetectorClass({
  binding,
  gc,
  createAttribution: attribution,
  createGuard: (settings) => createGuard({ ...settings, binding, bridgeRefused: noBridge }),
});
const assertNoLeak = createAssertNoLeak({
  binding,
  fullGc: () => fullGc({ watch: gc.watch, bridgeRefused: noBridge }),
  createAttribution: attribution,
});
const ResourcePool = createResourcePoolClass({ clock: unrefTimers(clock.now), LoanTracker });
const Monitor = createMonitorClass({ binding, gc, view, EventLoopMonitor, LeakDetector });

/**
 * @param {import('..').MonitorOptions} [options]
 * @returns {import('..').Monitor}
 */
function createMonitor(options) {
  return new Monitor(options);
}

module.exports = {
  BufferPool,
  Cache,
  EventLoopMonitor,
  Histogram,
  LeakDetector,
  ObjectPool,
  ResourcePool,
  SharedCache,
  TieredCache,
  assertNoLeak,
  createMonitor,
};
