'use strict';

const { error } = require('../../errors.js');
const validate = require('../../validate.js');
const { cacheStatus } = require('../../http-cache/cache-status.js');
const { NO_DIRECTIVES, requestDirectives } = require('../../http-cache/directives.js');
const { verdict } = require('../../http-cache/freshness.js');
const { isOver } = require('../../response-end.js');
const { Counts } = require('./counts.js');
const { Flight } = require('./flight.js');
const { Library } = require('./library.js');
const { settingsOf } = require('./options.js');
const { Run } = require('./run.js');
const { serve } = require('./serve.js');
const { SHADOW, askAgain } = require('./shadow.js');
const { Store } = require('./store.js');
const { watchUnsafe } = require('./unsafe.js');

/** Methods that change nothing (RFC 9110, section 9.2.1). Whatever else comes may have. */
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);
/** How often one request waits for another: for what the URL varies with, and for what it selects. */
const MOST_WAITS = 2;
/** After which a validation behind the scenes is taken for lost. Milliseconds. */
const LONGEST_VALIDATION = 60_000;
const INTERNAL_ERROR = 500;
const GATEWAY_TIMEOUT = 504;

/**
 * The cache behind the middleware. See `express.d.ts` for its contract.
 *
 * @typedef {import('../../http-cache/directives.js').RequestDirectives} RequestDirectives
 * @typedef {import('../../http-cache/stored-response.js').StoredResponse} StoredResponse
 *
 * @typedef {object} Visit of a request that is not answered yet
 * @property {any} req the request
 * @property {any} res its response
 * @property {() => void} next asks the handler
 * @property {string} key of its URL
 * @property {RequestDirectives} directives of the request
 * @property {number} waits for others so far
 */
class ResponseCache {
  #settings;
  #library;
  #counts = new Counts();
  /** Runs for which others may wait. @type {Map<string, Flight>} */
  #flights = new Map();
  /** @type {import('./run.js').Core} */
  #core;
  #closed = false;
  /** @type {Set<string>} */
  #warned = new Set();

  /**
   * @param {any} Cache
   * @param {import('../../../express.js').ResponseCacheOptions} [options]
   */
  constructor(Cache, options) {
    this.#settings = settingsOf(options);
    this.#library = new Library(new Store(Cache, this.#settings), this.#settings.normalize);
    this.#core = {
      settings: this.#settings,
      library: this.#library,
      counts: this.#counts,
      announce: (res, answer) => this.#announce(res, answer),
      warn: (thrown) => this.#warn('groups', thrown),
    };
  }

  /**
   * @param {any} req
   * @param {any} res
   * @param {(error?: any) => void} next
   */
  handle(req, res, next) {
    const { method } = req;
    if (
      this.#closed ||
      res.headersSent ||
      (SAFE_METHODS.has(method) && method !== 'GET' && method !== 'HEAD')
    ) {
      next();
    } else if (method === 'GET' || method === 'HEAD') {
      this.#visit(req, res, next);
    } else {
      watchUnsafe(req, res, (names) => this.#invalidate(names));
      next();
    }
  }

  /**
   * A listener that asks another one only for what is not there: Express costs several times what a hit does.
   *
   * @param {(req: any, res: any) => void} listener
   */
  inFrontOf(listener) {
    validate.fn(listener, 'listener');
    return (/** @type {any} */ req, /** @type {any} */ res) =>
      this.handle(req, res, (thrown) => {
        if (thrown === undefined) {
          listener(req, res);
        } else {
          // There is no error handler of the user's out here; what went wrong must not go to the client.
          this.#warn('key', thrown);
          res.writeHead(INTERNAL_ERROR).end();
        }
      });
  }

  /**
   * @param {import('../../../express.js').Invalidation} what
   * @returns {number}
   */
  invalidate(what) {
    const { url, group } = what ?? {};
    if ((typeof url !== 'string') === (typeof group !== 'string')) {
      throw error('ERR_HEAPWISE_INVALID_ARG_TYPE', 'what', 'an object with either "url" or "group"', what);
    }
    if (this.#closed) {
      return 0;
    }
    return this.#invalidate({
      urls: url === undefined ? [] : [url],
      groups: group === undefined ? [] : [group],
    });
  }

  clear() {
    if (!this.#closed) {
      this.#library.clear();
    }
  }

  stats() {
    return { ...this.#counts.snapshot(), ...this.#library.stats() };
  }

  close() {
    if (!this.#closed) {
      this.#closed = true;
      for (const flight of this.#flights.values()) {
        flight.land('run');
      }
      this.#library.close();
    }
  }

  /**
   * @param {any} req
   * @param {any} res
   * @param {(error?: any) => void} next
   */
  #visit(req, res, next) {
    const { headers } = req;
    const directives =
      headers['cache-control'] === undefined && headers.pragma === undefined
        ? NO_DIRECTIVES
        : this.#directives(headers);
    if (directives.noStore || this.#isPersonal(headers) || !isPlain(headers)) {
      this.#bypass(res, next);
      return;
    }
    let key;
    try {
      key = this.#settings.key(req);
    } catch (thrown) {
      next(thrown);
      return;
    }
    if (typeof key === 'string') {
      const shadow = req[SHADOW];
      if (shadow?.cache === this) {
        this.#run({ req, res, next, key, directives, waits: MOST_WAITS }, shadow.stored, undefined, 'stale');
      } else {
        this.#look({ req, res, next, key, directives, waits: 0 });
      }
    } else if (key === undefined || key === null) {
      this.#bypass(res, next);
    } else {
      next(error('ERR_HEAPWISE_INVALID_ARG_TYPE', 'key', 'a function that returns a string', key));
    }
  }

  /** @param {Visit} visit */
  #look(visit) {
    const { req, directives } = visit;
    const { headers } = req;
    const entry = this.#library.find(visit.key, headers);
    const found = entry?.response;
    const stored =
      found !== undefined && (headers.authorization === undefined || found.terms.forAll) ? found : undefined;
    if (stored !== undefined) {
      const now = this.#settings.now();
      const age = now - stored.born;
      const may = verdict(stored.terms, age, directives);
      if (may === 'fresh' || may === 'allowed') {
        this.#hit(visit, stored, age);
        return;
      }
      if (may === 'stale' && this.#validateMeanwhile(visit, stored, now)) {
        this.#hit(visit, stored, age);
        return;
      }
      if (!directives.noCache && now < stored.standsInUntil) {
        this.#hit(visit, stored, age);
        return;
      }
    }
    this.#miss(visit, stored, entry !== undefined && found === undefined);
  }

  /**
   * @param {Visit} visit
   * @param {StoredResponse} stored
   * @param {number} age milliseconds
   */
  #hit({ req, res, waits }, stored, age) {
    const isFresh = age < stored.terms.lifetime;
    if (isFresh) {
      this.#counts.hits++;
    } else {
      this.#counts.stale++;
    }
    if (waits > 0) {
      this.#counts.collapsed++;
    }
    if (this.#settings.statusHeader !== undefined) {
      const ttl = stored.terms.lifetime - age;
      this.#announce(res, { result: isFresh ? 'HIT' : 'STALE', ttl, collapsed: waits > 0 });
    }
    serve(res, req.method, req.headers, stored, age);
  }

  /**
   * @param {Visit} visit
   * @param {StoredResponse | undefined} stored too old, or not wanted as it is
   * @param {boolean} isForOne whether the last response was not for others
   */
  #miss(visit, stored, isForOne) {
    const { req, res, directives } = visit;
    if (directives.onlyIfCached) {
      res.writeHead(GATEWAY_TIMEOUT, { 'Content-Length': 0 });
      res.end();
      return;
    }
    this.#counts.misses++;
    const why = stored !== undefined ? (directives.noCache ? 'request' : 'stale') : 'uri-miss';
    const selected = this.#library.selected(visit.key, req.headers);
    if (
      isForOne ||
      req.method === 'HEAD' ||
      req.headers.range !== undefined ||
      this.#settings.waitTimeout === 0
    ) {
      this.#run(visit, stored, undefined, why);
      return;
    }
    const underWay = this.#flights.get(selected);
    if (underWay === undefined) {
      const flight = new Flight(this.#settings.waitTimeout, () => this.#flights.delete(selected));
      this.#flights.set(selected, flight);
      this.#run(visit, stored, flight, why);
    } else if (visit.waits < MOST_WAITS && takesWhatOthersGet(directives)) {
      void this.#wait(visit, stored, underWay, why);
    } else {
      this.#run(visit, stored, undefined, why);
    }
  }

  /**
   * @param {Visit} visit
   * @param {StoredResponse | undefined} stored
   * @param {Flight} flight
   * @param {string} why
   */
  async #wait(visit, stored, flight, why) {
    const advice = await flight.join();
    if (isOver(visit.req, visit.res)) {
      if (advice === 'lead') {
        flight.passOn();
      }
      return;
    }
    visit.waits++;
    if (advice === 'look' && !this.#closed) {
      // It counts as what it turns out to be.
      this.#counts.misses--;
      this.#look(visit);
    } else {
      this.#run(visit, stored, advice === 'lead' ? flight : undefined, why);
    }
  }

  /**
   * @param {Visit} visit
   * @param {StoredResponse | undefined} stored
   * @param {Flight | undefined} flight
   * @param {string} why
   */
  #run({ req, res, next, key }, stored, flight, why) {
    if (this.#closed) {
      next();
      return;
    }
    new Run(this.#core, { req, res, url: urlOf(req), key, stored, flight, why }).start(next);
  }

  /**
   * Has a stale response validated behind the scenes, unless that is being done.
   *
   * @param {Visit} visit
   * @param {StoredResponse} stored
   * @param {number} now
   * @returns {boolean} false if it cannot be done
   */
  #validateMeanwhile({ req }, stored, now) {
    if (now < stored.validating) {
      return true;
    }
    const ask = askAgain(req);
    if (ask === undefined) {
      return false;
    }
    stored.validating = now + LONGEST_VALIDATION;
    // After the answer, and where what a handler throws is thrown as ever.
    setImmediate(() => {
      ask({ cache: this, stored }, () => {
        stored.validating = 0;
      });
    });
    return true;
  }

  /**
   * @param {{ urls: string[], groups: string[] }} names
   * @returns {number}
   */
  #invalidate({ urls, groups }) {
    let count = 0;
    if (!this.#closed) {
      for (const url of urls) {
        count += this.#library.deleteUrl(url);
      }
      for (const group of groups) {
        count += this.#library.deleteGroup(group);
      }
      this.#counts.invalidated += count;
    }
    return count;
  }

  /**
   * @param {any} res
   * @param {() => void} next
   */
  #bypass(res, next) {
    this.#counts.bypassed++;
    this.#announce(res, { result: 'BYPASS', forwarded: 'bypass' });
    next();
  }

  /**
   * @param {any} res
   * @param {import('../../http-cache/cache-status.js').Answer} answer
   */
  #announce(res, answer) {
    const { statusHeader, name } = this.#settings;
    if (statusHeader === 'x-cache') {
      res.setHeader('X-Cache', answer.result);
    } else if (statusHeader === 'cache-status') {
      res.setHeader('Cache-Status', cacheStatus(name, answer));
    }
  }

  /**
   * Tells, once, of what the user's function has thrown.
   *
   * @param {'groups' | 'key'} name of the option
   * @param {any} thrown
   */
  #warn(name, thrown) {
    if (!this.#warned.has(name)) {
      this.#warned.add(name);
      process.emitWarning(`responseCache: "${name}" has thrown: ${thrown?.stack ?? thrown}`, {
        type: 'HeapwiseWarning',
        code: `HEAPWISE_RESPONSE_${name.toUpperCase()}`,
      });
    }
  }

  /** @param {Record<string, string | undefined>} headers */
  #directives(headers) {
    const given = requestDirectives(headers['cache-control'], headers.pragma);
    const { onlyIfCached, maxStale } = given;
    return this.#settings.clientMayBypass ? given : { ...NO_DIRECTIVES, onlyIfCached, maxStale };
  }

  /**
   * Whether a request says who asks.
   *
   * @param {Record<string, string | undefined>} headers
   */
  #isPersonal({ authorization, cookie }) {
    const { ignoreCookies } = this.#settings;
    return (
      (authorization !== undefined && !this.#settings.authorization) ||
      (cookie !== undefined && ignoreCookies !== true && !isHarmless(cookie, ignoreCookies))
    );
  }
}

/**
 * @param {string} cookie the field
 * @param {false | ReadonlySet<string>} harmless names
 */
function isHarmless(cookie, harmless) {
  return harmless !== false && cookie.split(';').every((each) => harmless.has(each.split('=', 1)[0].trim()));
}

/**
 * Whether a request has no body, on which the answer might depend, and no condition that only the handler can judge.
 *
 * @param {Record<string, string | undefined>} headers
 */
function isPlain(headers) {
  const length = headers['content-length'];
  return (
    (length === undefined || length === '0') &&
    headers['transfer-encoding'] === undefined &&
    headers['if-match'] === undefined &&
    headers['if-unmodified-since'] === undefined
  );
}

/**
 * Whether it is content with what was made for another one just now.
 *
 * @param {RequestDirectives} directives
 */
function takesWhatOthersGet({ noCache, maxAge, minFresh }) {
  return !noCache && maxAge === Infinity && minFresh === 0;
}

/** @param {any} req */
function urlOf(req) {
  return req.originalUrl ?? req.url;
}

module.exports = { ResponseCache };
