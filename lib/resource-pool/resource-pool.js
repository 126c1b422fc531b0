'use strict';

const { error } = require('../errors.js');
const { Sampling, stackBelow } = require('../loan-tracker.js');
const validate = require('../validate.js');
const { Backoff } = require('./backoff.js');
const { channels } = require('./channels.js');
const { Conditions } = require('./conditions.js');
const { BUSY, Entries, Entry, GONE, IDLE, LENT } = require('./entry.js');
const { ResourceLease } = require('./lease.js');
const { LinkedList } = require('./linked-list.js');
const { acquireOptions, poolOptions, waitOptions } = require('./options.js');
const { Sweeper } = require('./sweeper.js');
const { within } = require('./time-limit.js');
const { UserFunctions } = require('./user-functions.js');
const { Waiter, WaitingLine } = require('./waiting-line.js');

/** @typedef {import('./entry.js').Asker} Asker */

/** Holders that the message of an error names; its property `holders` has all. */
const NAMED = 3;

/**
 * The public ResourcePool class. See `index.d.ts` for its contract.
 *
 * Every resource has an entry in one state: idle (then it is in the list of those), busy (being validated or reset),
 * lent, or gone. `max` bounds the entries and those being created or destroyed together. Whatever frees a place or a
 * resource ends in `#serve`, which alone decides who gets what; nobody who waits is bound to a certain resource, so one
 * that fails or comes late harms nobody else.
 *
 * @param {object} parts
 * @param {import('../timers.js').Timers} parts.clock
 * @param {ReturnType<typeof import('../loan-tracker.js').createLoanTrackerClass>} parts.LoanTracker
 */
function createResourcePoolClass({ clock, LoanTracker }) {
  /** @template R */
  class ResourcePool {
    #options;
    /** @type {UserFunctions<R>} */
    #functions;
    #entries = new Entries();
    /** The one that has been idle for longest comes first. @type {LinkedList<Entry>} */
    #idle = new LinkedList();
    #line;
    #sweeper;
    #backoff;
    #conditions = new Conditions();
    /** Of what has `track`. @type {{ sampling: Sampling, loans: InstanceType<typeof LoanTracker> } | undefined} */
    #tracking;
    /** Whether anything looks at how long an entry has been idle. */
    #dated;
    #lent = 0;
    #creating = 0;
    #destroying = 0;
    /** Idle ones that are being validated for those who wait. */
    #checking = 0;
    /** Nothing more is accepted. */
    #closed = false;
    /** @type {Promise<void> | undefined} */
    #drained;
    /** @type {any} */
    #retryTimer;
    /** What the last `create` failed with, until one succeeds. @type {{ cause: unknown } | undefined} */
    #failure;
    #acquired = 0;
    #waited = 0;
    #waitTime = 0;
    #longestWait = 0;
    #released = 0;
    #created = 0;
    #createFailed = 0;
    #destroyed = 0;
    #destroyFailed = 0;
    #invalid = 0;
    #evicted = 0;
    #timedOut = 0;
    #aborted = 0;
    #peakLent = 0;

    /** @param {import('../..').ResourcePoolOptions<R>} options */
    constructor(options) {
      this.#options = poolOptions(options);
      const { acquireTimeout, backoff, idleTimeout, maxLifetime, validateAfter } = this.#options;
      const { leakThreshold, onLeak, track } = this.#options;
      this.#functions = new UserFunctions(clock, this.#options, {
        created: (round, failed, outcome) => this.#createdLater(round, failed, outcome),
        createdLate: (resource) => this.#destroyLate(resource),
        validated: (entry, valid) => this.#checked(entry, valid),
        cleaned: (entry, well) => this.#cleaned(entry, well),
        destroyed: (done, well) => this.#ended(done, well),
        failed: (step, cause) => this.#report(step, cause),
      });
      this.#line = new WaitingLine(
        clock,
        acquireTimeout,
        (waiter) => this.#refuseLate(waiter),
        (waiter) => this.#refuseAborted(waiter),
      );
      this.#sweeper = new Sweeper(
        clock,
        this.#idle,
        (entry) => this.#due(entry),
        (entries) => this.#expired(entries),
      );
      this.#dated = idleTimeout !== Infinity || maxLifetime !== Infinity || validateAfter > 0;
      this.#backoff = new Backoff(backoff, clock.random);
      if (track !== 'off') {
        const loans = new LoanTracker('resource-pool', leakThreshold, onLeak);
        this.#tracking = { sampling: new Sampling(track), loans };
      }
      this.#fill();
    }

    /**
     * @param {import('../..').AcquireOptions} [options]
     * @returns {Promise<R>}
     */
    acquire(options) {
      if (options === undefined && this.#tracking === undefined) {
        const entry = this.#take();
        if (entry !== undefined) {
          this.#lend(entry, undefined, clock.now());
          return (entry.promise ??= Promise.resolve(entry.resource));
        }
        return this.#wait(this.#options.acquireTimeout, undefined, 0, undefined, false);
      }
      return this.#ask(options, this.acquire, false);
    }

    /** @returns {R | undefined} */
    tryAcquire() {
      if (this.#closed) {
        throw error('ERR_HEAPWISE_POOL_CLOSED');
      }
      const entry = this.#take();
      if (entry === undefined) {
        return undefined;
      }
      this.#lend(entry, this.#asker(undefined, this.tryAcquire), clock.now());
      return /** @type {R} */ (entry.resource);
    }

    /** @param {R} resource */
    release(resource) {
      this.#takeBack(this.#lentEntry(resource));
    }

    /**
     * @param {R} resource
     * @returns {Promise<void>}
     */
    destroy(resource) {
      return new Promise((resolve) => this.#takeOut(this.#lentEntry(resource), resolve));
    }

    /**
     * @param {R} resource
     * @returns {boolean} whether it was in the pool
     */
    evict(resource) {
      const entries = this.#entries;
      const entry =
        entries.find(resource, IDLE) ?? entries.find(resource, BUSY) ?? entries.find(resource, LENT);
      if (entry === undefined) {
        return false;
      }
      if (entry.usesLeft > 0) {
        this.#evicted++;
      }
      // Whoever is about to lend it, or takes it back, sees that it is worn out.
      entry.usesLeft = 0;
      if (entry.state === IDLE) {
        this.#idle.remove(entry);
        this.#retireEvicted(entry);
        this.#serve();
      }
      return true;
    }

    /**
     * @template T
     * @param {(resource: R) => T | PromiseLike<T>} fn
     * @param {import('../..').AcquireOptions} [options]
     * @returns {Promise<T>}
     */
    async use(fn, options) {
      validate.fn(fn, 'fn');
      const entry = /** @type {Entry} */ (await this.#ask(options, this.use, true));
      const { loan } = entry;
      try {
        return await fn(/** @type {R} */ (entry.resource));
      } finally {
        // Unless the function has had it destroyed, or has given it back itself.
        if (entry.lentAs(loan)) {
          this.#takeBack(entry);
        }
      }
    }

    /**
     * @param {import('../..').AcquireOptions} [options]
     * @returns {Promise<import('../..').ResourceLease<R>>}
     */
    async lease(options) {
      const entry = /** @type {Entry} */ (await this.#ask(options, this.lease, true));
      return new ResourceLease(
        entry,
        (lent) => this.#takeBack(lent),
        (lent) => new Promise((resolve) => this.#takeOut(lent, resolve)),
      );
    }

    /**
     * @param {{ timeout?: number }} [options]
     * @returns {Promise<void>}
     */
    async ready(options) {
      const limit = waitOptions(options, 'ready', this.#options.acquireTimeout);
      const filled = this.#conditions.hold(() => {
        this.#assertOpen();
        return this.#entries.size >= this.#options.min;
      });
      await within(clock, limit, filled, 'ready');
    }

    /**
     * @param {{ timeout?: number }} [options]
     * @returns {Promise<void>}
     */
    drain(options) {
      const limit = waitOptions(options, 'drain', 30_000);
      return (this.#drained ??= this.#drain(limit));
    }

    /** @returns {Promise<void>} */
    close() {
      this.#stop();
      this.#refuseAll();
      return this.#conditions.hold(
        () => this.#creating === 0 && this.#destroying === 0 && this.#entries.size === this.#lent,
      );
    }

    async [Symbol.asyncDispose]() {
      await this.drain();
    }

    /** @returns {import('../..').ResourcePoolStats} */
    stats() {
      return {
        size: this.#entries.size,
        borrowed: this.#lent,
        idle: this.#idle.size,
        creating: this.#creating,
        destroying: this.#destroying,
        waiting: this.#line.size,
        peakBorrowed: this.#peakLent,
        min: this.#options.min,
        max: this.#options.max,
        acquired: this.#acquired,
        released: this.#released,
        waited: this.#waited,
        waitTime: this.#waitTime,
        longestWait: this.#longestWait,
        created: this.#created,
        createFailed: this.#createFailed,
        destroyed: this.#destroyed,
        destroyFailed: this.#destroyFailed,
        invalid: this.#invalid,
        evicted: this.#evicted,
        timedOut: this.#timedOut,
        aborted: this.#aborted,
        leaked: this.#tracking?.loans.leaked ?? 0,
      };
    }

    /** @returns {import('../..').ResourceHolder[]} the one that has had its resource for longest first */
    holders() {
      const now = clock.now();
      return [...this.#entries]
        .filter(({ state }) => state === LENT)
        .map(({ asker, since }) => ({
          owner: asker?.owner ?? null,
          heldFor: now - since,
          stack: asker?.stack ?? null,
        }))
        .toSorted((a, b) => b.heldFor - a.heldFor);
    }

    // -- acquiring

    /**
     * An idle one that nobody else waits for, if there is one that is valid at once.
     *
     * @returns {Entry | undefined}
     */
    #take() {
      if (this.#line.size > 0) {
        return undefined;
      }
      let spoilt = false;
      for (let entry = this.#pick(); entry !== undefined; entry = this.#pick()) {
        if (this.#check(entry)) {
          if (entry.usesLeft > 0) {
            return entry;
          }
          this.#retireEvicted(entry);
        }
        if (entry.state === BUSY) {
          // Its answer is waited for: to ask the others as well would be a check of every idle one for each acquire.
          break;
        }
        spoilt = true;
      }
      if (spoilt) {
        this.#serve();
      }
      return undefined;
    }

    /**
     * An idle one, taken out of the list. One that has lived too long is destroyed on the way.
     *
     * @returns {Entry | undefined}
     */
    #pick() {
      for (;;) {
        const entry = this.#options.lifo ? this.#idle.last : this.#idle.first;
        if (entry === undefined) {
          return undefined;
        }
        this.#idle.remove(entry);
        entry.state = BUSY;
        if (entry.expiresAt === Infinity || entry.expiresAt > clock.now()) {
          return entry;
        }
        this.#retire(entry);
      }
    }

    /**
     * @param {Entry} entry
     * @param {Asker | undefined} asker
     * @param {number} now
     */
    #lend(entry, asker, now) {
      entry.state = LENT;
      entry.loan++;
      entry.since = now;
      entry.asker = asker;
      if (asker?.stack !== undefined) {
        entry.tracked = this.#tracking?.loans.open(asker.stack);
      }
      this.#acquired++;
      this.#lent++;
      if (this.#lent > this.#peakLent) {
        this.#peakLent = this.#lent;
      }
      if (channels.acquire.hasSubscribers) {
        channels.acquire.publish({ pool: this, resource: entry.resource, owner: asker?.owner });
      }
    }

    /**
     * @param {string | undefined} owner
     * @param {Function} method that the user called
     * @returns {Asker | undefined}
     */
    #asker(owner, method) {
      const stack = this.#tracking?.sampling.next() ? stackBelow(method) : undefined;
      return owner === undefined && stack === undefined ? undefined : { owner, stack };
    }

    /**
     * @param {import('../..').AcquireOptions | undefined} options
     * @param {Function} method that the user called
     * @param {boolean} wantsEntry
     * @returns {Promise<any>}
     */
    async #ask(options, method, wantsEntry) {
      const { timeout, signal, priority, owner } = acquireOptions(options, this.#options.acquireTimeout);
      this.#assertOpen();
      if (signal?.aborted) {
        throw signal.reason;
      }
      const asker = this.#asker(owner, method);
      const entry = this.#take();
      if (entry === undefined) {
        return this.#wait(timeout, signal, priority, asker, wantsEntry);
      }
      this.#lend(entry, asker, clock.now());
      return wantsEntry ? entry : entry.resource;
    }

    /**
     * @param {number} timeout
     * @param {AbortSignal | undefined} signal
     * @param {number} priority
     * @param {Asker | undefined} asker
     * @param {boolean} wantsEntry
     * @returns {Promise<any>}
     */
    #wait(timeout, signal, priority, asker, wantsEntry) {
      if (this.#closed) {
        return Promise.reject(error('ERR_HEAPWISE_POOL_CLOSED'));
      }
      const { maxWaiting } = this.#options;
      if (maxWaiting !== Infinity && this.#line.size >= maxWaiting + this.#underWay()) {
        return Promise.reject(error('ERR_HEAPWISE_RESOURCE_QUEUE_FULL', maxWaiting));
      }
      return new Promise((resolve, reject) => {
        const waiter = new Waiter(resolve, reject, clock.now(), timeout, asker, wantsEntry);
        this.#line.push(waiter, priority);
        if (this.#line.size > this.#checking) {
          this.#serve();
        }
        if (waiter.list !== undefined) {
          this.#line.limit(waiter, signal);
        }
      });
    }

    /** Resources that those who come now may count on. */
    #underWay() {
      const free = this.#options.max - this.#total();
      return this.#idle.size + this.#checking + this.#creating + free;
    }

    /** @param {Waiter} waiter */
    #refuseLate(waiter) {
      this.#timedOut++;
      const holders = this.holders();
      const refusal = Object.assign(
        error('ERR_HEAPWISE_RESOURCE_TIMEOUT', waiter.timeout, this.stats(), named(holders)),
        { holders },
        this.#failure,
      );
      if (channels.timeout.hasSubscribers) {
        channels.timeout.publish({ pool: this, error: refusal });
      }
      waiter.reject(refusal);
      this.#serve();
    }

    /** @param {Waiter} waiter */
    #refuseAborted(waiter) {
      this.#aborted++;
      waiter.reject(waiter.limits?.signal?.reason);
      this.#serve();
    }

    // -- who gets what

    /** Gives what is idle to those who wait, and has made what is missing. */
    #serve() {
      while (this.#line.size > this.#checking) {
        const entry = this.#pick();
        if (entry === undefined) {
          break;
        }
        if (this.#check(entry)) {
          this.#offer(entry);
        }
      }
      this.#fill();
      if (this.#closed && this.#line.size === 0) {
        this.#retireIdle();
      }
      this.#conditions.look();
    }

    /**
     * Whether an entry is valid. One that is not is destroyed; one that cannot tell at once is offered when it can.
     *
     * @param {Entry} entry
     */
    #check(entry) {
      const { validate: wanted, validateAfter } = this.#options;
      if (wanted === undefined || (validateAfter > 0 && clock.now() - entry.since < validateAfter)) {
        return true;
      }
      const valid = this.#functions.validate(entry);
      if (valid === undefined) {
        this.#checking++;
      } else if (!valid) {
        this.#refuse(entry);
      }
      return valid === true;
    }

    /**
     * @param {Entry} entry
     * @param {boolean} valid
     */
    #checked(entry, valid) {
      this.#checking--;
      if (valid) {
        this.#offer(entry);
      } else {
        this.#refuse(entry);
      }
      // A loan to the only one who waits, as most are, changes nothing for anybody else.
      if (entry.state !== LENT || this.#closed || this.#line.size > this.#checking) {
        this.#serve();
      }
    }

    /** @param {Entry} entry that is not valid */
    #refuse(entry) {
      this.#invalid++;
      this.#retire(entry);
    }

    /** To whoever is the first in the line, else to the idle ones. @param {Entry} entry */
    #offer(entry) {
      if (entry.usesLeft <= 0) {
        this.#retireEvicted(entry);
        return;
      }
      const waiter = this.#line.shift();
      if (waiter !== undefined) {
        const now = clock.now();
        const waited = now - waiter.since;
        this.#lend(entry, waiter.asker, now);
        this.#waited++;
        this.#waitTime += waited;
        if (waited > this.#longestWait) {
          this.#longestWait = waited;
        }
        waiter.resolve(waiter.wantsEntry ? entry : entry.resource);
      } else if (this.#closed) {
        this.#retire(entry);
      } else {
        this.#rest(entry);
      }
    }

    /** @param {Entry} entry */
    #rest(entry) {
      entry.state = IDLE;
      this.#idle.push(entry);
      this.#sweeper.added(entry);
    }

    // -- giving back

    /**
     * @param {R} resource
     * @returns {Entry}
     */
    #lentEntry(resource) {
      const entry = this.#entries.find(resource, LENT);
      if (entry === undefined) {
        const twice = this.#entries.has(resource);
        throw error(twice ? 'ERR_HEAPWISE_POOL_DOUBLE_RELEASE' : 'ERR_HEAPWISE_POOL_FOREIGN_OBJECT');
      }
      return entry;
    }

    /** @param {Entry} entry that is lent */
    #back(entry) {
      entry.state = BUSY;
      entry.asker = undefined;
      if (entry.tracked !== undefined) {
        this.#tracking?.loans.close(entry.tracked);
        entry.tracked = undefined;
      }
      this.#lent--;
      this.#released++;
      if (channels.release.hasSubscribers) {
        channels.release.publish({ pool: this, resource: entry.resource });
      }
    }

    /**
     * @param {Entry} entry that is lent
     * @param {() => void} done called when it is destroyed
     */
    #takeOut(entry, done) {
      this.#back(entry);
      this.#retire(entry, done);
      this.#serve();
    }

    /** @param {Entry} entry that is lent */
    #takeBack(entry) {
      this.#back(entry);
      entry.usesLeft--;
      const worn = entry.usesLeft <= 0 || (entry.expiresAt !== Infinity && entry.expiresAt <= clock.now());
      if (worn || (this.#closed && this.#line.size === 0)) {
        this.#retire(entry);
        this.#serve();
      } else if (this.#options.reset === undefined) {
        this.#reuse(entry);
      } else {
        const clean = this.#functions.reset(entry);
        if (clean !== undefined) {
          this.#cleaned(entry, clean);
        }
      }
    }

    /**
     * @param {Entry} entry that came back
     * @param {boolean} well whether it was reset
     */
    #cleaned(entry, well) {
      if (well && entry.usesLeft > 0) {
        this.#reuse(entry);
      } else {
        this.#retire(entry);
        this.#serve();
      }
    }

    /** @param {Entry} entry that is as new */
    #reuse(entry) {
      if (this.#dated) {
        entry.since = clock.now();
      }
      const { size } = this.#line;
      if (size > 0 && this.#options.validate === undefined) {
        this.#offer(entry);
        return;
      }
      this.#rest(entry);
      if (size > 0 || this.#closed) {
        this.#serve();
      }
    }

    // -- making and destroying

    /** Entries, and those that will be or have been. */
    #total() {
      return this.#entries.size + this.#creating + this.#destroying;
    }

    /** Has made what those who wait, and `min`, want, as far as `max` and earlier failures let it. */
    #fill() {
      while (this.#wanted() > this.#creating && this.#total() < this.#options.max) {
        const now = clock.now();
        if (this.#backoff.until > now) {
          this.#retryTimer ??= clock.setTimeout(() => {
            this.#retryTimer = undefined;
            this.#serve();
          }, this.#backoff.until - now);
          return;
        }
        this.#spawn();
      }
    }

    /** How many are to be in the making. */
    #wanted() {
      const forThoseWhoWait = this.#line.size - this.#checking;
      return this.#closed
        ? forThoseWhoWait
        : Math.max(forThoseWhoWait, this.#options.min - this.#entries.size);
    }

    #spawn() {
      const round = this.#backoff.begin();
      this.#creating++;
      try {
        const made = this.#functions.create(round);
        if (made !== undefined) {
          this.#made(made.resource, round);
        }
      } catch (cause) {
        this.#notMade(cause, round);
      }
    }

    /**
     * @param {number} round
     * @param {boolean} failed
     * @param {any} outcome
     */
    #createdLater(round, failed, outcome) {
      if (failed) {
        this.#notMade(outcome, round);
      } else {
        this.#made(outcome, round);
      }
      this.#serve();
    }

    /**
     * @param {R} resource
     * @param {number} round
     */
    #made(resource, round) {
      if (this.#entries.hasObject(resource)) {
        this.#notMade(
          error('ERR_HEAPWISE_POOL_INVALID_OBJECT', 'an object that is in the pool already'),
          round,
        );
        return;
      }
      const { maxLifetime, maxUses } = this.#options;
      const now = clock.now();
      const expiresAt = maxLifetime === Infinity ? Infinity : now + this.#spread(maxLifetime);
      const usesLeft = maxUses === Infinity ? Infinity : Math.max(1, Math.round(this.#spread(maxUses)));
      const entry = new Entry(resource, now, expiresAt, usesLeft);
      this.#creating--;
      this.#created++;
      this.#backoff.succeeded();
      this.#failure = undefined;
      this.#entries.add(entry);
      if (channels.create.hasSubscribers) {
        channels.create.publish({ pool: this, resource });
      }
      this.#offer(entry);
    }

    /** Less than that by chance, so that what was made together does not end together. @param {number} limit */
    #spread(limit) {
      return limit * (1 - this.#options.jitter * clock.random());
    }

    /**
     * @param {unknown} cause
     * @param {number} round
     */
    #notMade(cause, round) {
      this.#creating--;
      this.#createFailed++;
      this.#backoff.failed(round, clock.now());
      this.#failure = { cause };
      this.#report('create', cause);
      this.#line.shift()?.reject(Object.assign(error('ERR_HEAPWISE_RESOURCE_CREATE', cause), { cause }));
    }

    /**
     * One that nobody had before it ended, sooner than an attempt that fails may be made again, counts as such an attempt:
     * a server that takes connections and closes them at once would else be asked for `min` of them without a pause.
     *
     * @param {Entry} entry that is neither idle nor lent
     */
    #retireEvicted(entry) {
      const now = clock.now();
      if (entry.loan === 0 && now - entry.since < this.#options.backoff.min) {
        this.#backoff.failed(this.#backoff.begin(), now);
      }
      this.#retire(entry);
    }

    /** It came when nobody counted on it any more. @param {R} resource */
    #destroyLate(resource) {
      this.#created++;
      this.#end(resource);
      this.#serve();
    }

    /**
     * @param {Entry} entry that is neither idle nor lent
     * @param {() => void} [done] called when it is destroyed
     */
    #retire(entry, done) {
      entry.state = GONE;
      this.#entries.delete(entry);
      this.#end(/** @type {R} */ (entry.resource), done);
    }

    /**
     * @param {R} resource
     * @param {() => void} [done] called when it is destroyed
     */
    #end(resource, done) {
      if (channels.destroy.hasSubscribers) {
        channels.destroy.publish({ pool: this, resource });
      }
      this.#destroying++;
      const well = this.#functions.destroy(resource, done);
      if (well !== undefined) {
        // Whoever called looks at those who wait, when it is done with the entries.
        this.#destroyedOne(well);
        done?.();
      }
    }

    /**
     * @param {(() => void) | undefined} done
     * @param {boolean} well
     */
    #ended(done, well) {
      this.#destroyedOne(well);
      done?.();
      this.#serve();
    }

    /** @param {boolean} well */
    #destroyedOne(well) {
      this.#destroying--;
      this.#destroyed++;
      if (!well) {
        this.#destroyFailed++;
      }
    }

    /**
     * A function of the user has failed.
     *
     * @param {string} step
     * @param {unknown} cause
     */
    #report(step, cause) {
      if (channels.error.hasSubscribers) {
        channels.error.publish({ pool: this, step, error: cause });
      }
    }

    // -- time and the end

    /** @param {Entry} entry that is idle @returns {number} when it is to be destroyed */
    #due(entry) {
      const spare = this.#entries.size > this.#options.min;
      return Math.min(entry.expiresAt, spare ? entry.since + this.#options.idleTimeout : Infinity);
    }

    /** @param {Entry[]} entries that have been idle, or have lived, for too long */
    #expired(entries) {
      for (const entry of entries) {
        // The `destroy` of one may have got hold of the next, and of what was spare only some may go.
        if (entry.state === IDLE && this.#due(entry) <= clock.now()) {
          this.#idle.remove(entry);
          this.#retire(entry);
        }
      }
      this.#serve();
    }

    #assertOpen() {
      if (this.#closed) {
        throw error('ERR_HEAPWISE_POOL_CLOSED');
      }
    }

    /** Nothing more is accepted, and nothing idle is kept. */
    #stop() {
      this.#closed = true;
      this.#sweeper.stop();
      this.#serve();
    }

    #retireIdle() {
      for (let entry = this.#idle.first; entry !== undefined; entry = this.#idle.first) {
        this.#idle.remove(entry);
        this.#retire(entry);
      }
    }

    #refuseAll() {
      for (let waiter = this.#line.shift(); waiter !== undefined; waiter = this.#line.shift()) {
        waiter.reject(error('ERR_HEAPWISE_POOL_CLOSED'));
      }
      this.#line.close();
      clock.clearTimeout(this.#retryTimer);
      this.#serve();
    }

    /** @param {number} limit */
    async #drain(limit) {
      this.#stop();
      const gone = this.#conditions.hold(() => this.#total() === 0 && this.#line.size === 0);
      try {
        await within(clock, limit, gone, 'drain');
      } catch {
        const holders = this.holders();
        const refusal = error('ERR_HEAPWISE_RESOURCE_DRAIN', limit, this.stats(), named(holders));
        throw Object.assign(refusal, { holders });
      } finally {
        this.#refuseAll();
      }
    }
  }

  return ResourcePool;
}

/** The first of those who hold something, as text. @param {import('../..').ResourceHolder[]} holders */
function named(holders) {
  return holders
    .slice(0, NAMED)
    .map(({ owner, heldFor }) => `${owner ?? 'somebody'} for ${Math.round(heldFor)} ms`)
    .join(', ');
}

module.exports = { createResourcePoolClass };
