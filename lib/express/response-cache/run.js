'use strict';

const { assess } = require('../../http-cache/assess.js');
const { storableFields, updatedFields, valueOf } = require('../../http-cache/fields.js');
const { StoredResponse } = require('../../http-cache/stored-response.js');
const { isOver, onOver } = require('../../response-end.js');
const { fieldsBefore, fieldsOf, restoreFields } = require('./outgoing.js');
const { serve } = require('./serve.js');
const { COPYING, PASSING, SWALLOWING, Tap } = require('./tap.js');

/** What a stale response may stand in for (RFC 5861, section 4). */
const FAILURES = new Set([500, 502, 503, 504]);
/** For how long it does so before the handler is asked again. Milliseconds. */
const RESPITE = 1000;
const SERVER_ERROR = 500;
const NO_CONTENT = 204;
const NOT_MODIFIED = 304;

/**
 * What a run of a handler is for.
 *
 * @typedef {object} Purpose
 * @property {any} req the request
 * @property {any} res its response
 * @property {string} url path and query
 * @property {string} key of its URL
 * @property {StoredResponse | undefined} stored what there is, too old or not wanted as it is
 * @property {import('./flight.js').Flight | undefined} flight of those who wait for it
 * @property {string} why `fwd` of RFC 9211
 *
 * @typedef {object} Core what all runs of a cache share
 * @property {import('./options.js').Settings} settings of the cache
 * @property {import('./library.js').Library} library what it keeps
 * @property {import('./counts.js').Counts} counts what has happened
 * @property {(res: any, answer: import('../../http-cache/cache-status.js').Answer) => void} announce says on a response how it came about
 * @property {(thrown: any) => void} warn tells of an error that has no other place to go
 */

/** One run of the handler, watched: what it answers is stored if it may be, and goes to whoever has asked. */
class Run {
  #core;
  #purpose;
  #requested;
  #before;
  /** @type {Tap | undefined} */
  #tap;
  /** Fields of the request as the client sent them, where others are shown to the handler. */
  #asked;
  #validates = false;
  #isDone = false;
  /** Bytes copied so far, which others must not use. */
  #copied = 0;
  /** @type {{ terms: import('../../http-cache/assess.js').Terms, fields: string[], absent: string[], status: number,
   *   message: string | undefined } | undefined} */
  #taking;
  /** What is sent in place of the handler's answer. @type {StoredResponse | undefined} */
  #instead;
  /** @type {'REVALIDATED' | 'STALE'} */
  #result = 'STALE';
  /** @type {import('./flight.js').Flight | undefined} */
  #flight;
  /** Whether what it answers was made before something happened that may have changed it. */
  #isOutdated = false;

  /**
   * @param {Core} core
   * @param {Purpose} purpose
   */
  constructor(core, purpose) {
    this.#core = core;
    this.#purpose = purpose;
    this.#flight = purpose.flight;
    const { headers } = purpose.req;
    this.#asked = {
      'if-none-match': headers['if-none-match'],
      'if-modified-since': headers['if-modified-since'],
      'if-range': headers['if-range'],
      range: headers.range,
    };
    this.#requested = core.settings.now();
    this.#before = fieldsBefore(purpose.res);
  }

  get url() {
    return this.#purpose.url;
  }

  /** What it answers is out of date before it is there: nobody shall have it but whoever has asked. */
  outdate() {
    this.#isOutdated = true;
    const flight = this.#flight;
    this.#flight = undefined;
    flight?.passOn();
  }

  /** HTTP/2 has none, and Node warns of everyone who asks for it. */
  get #hasMessage() {
    return this.#purpose.req.httpVersionMajor < 2;
  }

  /** @param {() => void} next */
  start(next) {
    const { req, res, stored } = this.#purpose;
    if (isOver(req, res)) {
      this.#flight?.passOn();
      next();
      return;
    }
    this.#validates =
      stored !== undefined &&
      stored.canBeValidated &&
      req.method === 'GET' &&
      this.#asked.range === undefined;
    if (this.#validates) {
      setField(req.headers, 'if-none-match', stored?.terms.etag);
      setField(req.headers, 'if-modified-since', stored?.terms.lastModified);
    }
    this.#tap = Tap.into(res, this);
    this.#core.library.runs.add(this);
    onOver(req, res, () => this.#over());
    next();
  }

  /**
   * @param {number} status
   * @param {string | undefined} message
   * @param {any} given
   */
  onHead(status, message, given) {
    this.#showAgain();
    const { req, res, stored } = this.#purpose;
    const fields = fieldsOf(res, given, this.#before);
    if (this.#validates && status === NOT_MODIFIED) {
      this.#instead = this.#refresh(fields);
      this.#result = 'REVALIDATED';
      this.#core.counts.revalidated++;
      return SWALLOWING;
    }
    if (stored !== undefined && FAILURES.has(status) && this.#mayStandIn(stored)) {
      this.#instead = stored;
      this.#core.counts.stale++;
      // Also for those who wait: they must not ask all at once what has just failed.
      stored.standsInUntil = this.#core.settings.now() + RESPITE;
      return SWALLOWING;
    }
    if (req.method === 'HEAD') {
      this.#compare(status, fields);
      this.#announce(false);
      return PASSING;
    }
    return this.#consider(status, message ?? (this.#hasMessage ? res.statusMessage : undefined), fields);
  }

  /** @param {number} bytes */
  onBytes(bytes) {
    const { settings, library } = this.#core;
    library.copying += bytes - this.#copied;
    this.#copied = bytes;
    if (bytes <= settings.maxEntryBytes && library.copying <= settings.maxBytes) {
      return true;
    }
    this.#refuse('size');
    return false;
  }

  /** @param {Buffer} body */
  onCopied(body) {
    const taking = this.#taking;
    if (taking === undefined || this.#isOutdated) {
      this.#settle('run');
      return;
    }
    // A body that came in pieces did not say how long it would be.
    if (taking.status !== NO_CONTENT && valueOf(taking.fields, 'content-length') === undefined) {
      taking.fields.push('Content-Length', String(body.length));
    }
    const response = new StoredResponse({ ...taking, body });
    if (this.#core.library.save(this.#purpose, response)) {
      this.#core.counts.stored++;
      this.#settle(this.#isForOthers(response) ? 'look' : 'run');
    } else {
      this.#refuse('size');
    }
  }

  onSwallowed() {
    const { req, res, stored } = this.#purpose;
    const instead = this.#instead ?? stored;
    if (instead === undefined) {
      return;
    }
    this.#settle(this.#isForOthers(instead) ? 'look' : 'run');
    if (isOver(req, res)) {
      return;
    }
    restoreFields(res, this.#before);
    if (this.#hasMessage) {
      res.statusMessage = undefined;
    }
    const now = this.#core.settings.now();
    this.#core.announce(res, {
      result: this.#result,
      forwarded: this.#purpose.why,
      stored: instead !== stored,
    });
    serve(res, req.method, this.#asked, instead, now - instead.born);
  }

  onPassed() {
    this.#settle('run');
  }

  /**
   * What is stored, as a 304 says that it is now.
   *
   * @param {{ all: string[], own: string[] }} fields
   */
  #refresh({ all, own }) {
    const { stored } = this.#purpose;
    if (stored === undefined) {
      return undefined;
    }
    const { library } = this.#core;
    const withDate = (/** @type {string[]} */ newer) =>
      valueOf(newer, 'date') === undefined ? [...newer, 'Date', this.#utcNow()] : newer;
    const known = withDate(updatedFields(stored.ownFields, withDate(all)));
    const assessed = assess(this.#head(stored.status, known), this.#core.settings);
    if (assessed.terms === undefined) {
      // It is what it was, but not to be stored any more.
      library.deleteUrl(this.url);
      return stored;
    }
    // What the handler has once named by itself, or by the user's function, it still belongs to.
    assessed.terms.groups = [...new Set([...stored.terms.groups, ...assessed.terms.groups])];
    const newer = storableFields(own, assessed.without);
    const fresh = new StoredResponse({
      status: stored.status,
      message: stored.message,
      fields: withDate(updatedFields(stored.ownFields, withDate(newer))),
      absent: stored.absent,
      terms: assessed.terms,
      body: stored.body,
    });
    if (!this.#isOutdated) {
      library.save(this.#purpose, fresh);
    }
    return fresh;
  }

  /**
   * What a response to HEAD says of what is stored (RFC 9111, section 4.3.5).
   *
   * @param {number} status
   * @param {{ all: string[], own: string[] }} fields
   */
  #compare(status, fields) {
    const { stored } = this.#purpose;
    if (stored === undefined || status !== stored.status) {
      return;
    }
    const isSame = ['etag', 'last-modified', 'content-length'].every((name) => {
      const value = valueOf(fields.all, name);
      return value === undefined || value === valueOf(stored.fields, name);
    });
    if (isSame) {
      this.#refresh(fields);
    } else {
      this.#core.library.deleteUrl(this.url);
    }
  }

  /**
   * @param {number} status
   * @param {string | undefined} message
   * @param {{ all: string[], own: string[], absent: string[] }} fields
   */
  #consider(status, message, { all, own, absent }) {
    const { settings, library } = this.#core;
    const { terms, refused, without } = assess(this.#head(status, all), settings);
    if (terms === undefined) {
      this.#refuse(refused, status);
      this.#announce(false);
      return PASSING;
    }
    const promised = Number(valueOf(all, 'content-length') ?? NaN);
    if (promised > settings.maxEntryBytes || library.copying + promised > settings.maxBytes) {
      this.#refuse('size');
      this.#announce(false);
      return PASSING;
    }
    if (this.#tap !== undefined) {
      this.#tap.promised = promised;
    }
    const kept = storableFields(own, without);
    if (valueOf(all, 'date') === undefined) {
      kept.push('Date', this.#utcNow());
    }
    if (!this.#addGroups(terms)) {
      this.#refuse('groups');
      this.#announce(false);
      return PASSING;
    }
    this.#taking = { terms, fields: kept, absent, status, message };
    this.#announce(true);
    return COPYING;
  }

  /**
   * @param {import('../../http-cache/assess.js').Terms} terms
   * @returns {boolean} false if the user's function has thrown: what belongs to unknown groups could not be invalidated
   */
  #addGroups(terms) {
    const { groups } = this.#core.settings;
    if (groups === undefined) {
      return true;
    }
    const { req, res } = this.#purpose;
    try {
      const given = groups(req, res);
      terms.groups = [...new Set([...terms.groups, ...(typeof given === 'string' ? [given] : given)])];
      return true;
    } catch (thrown) {
      // Thrown on it would come out of `res.write`, in the middle of a stream, where nobody expects it.
      this.#core.warn(thrown);
      return false;
    }
  }

  /**
   * @param {number} status
   * @param {string[]} fields
   * @returns {import('../../http-cache/assess.js').Head}
   */
  #head(status, fields) {
    const { headers } = this.#purpose.req;
    return {
      status,
      fields,
      authorization: headers.authorization,
      origin: headers.origin,
      requested: this.#requested,
      received: this.#core.settings.now(),
    };
  }

  /**
   * @param {import('../../../express.js').RefusalReason} reason
   * @param {number} [status]
   */
  #refuse(reason, status = 0) {
    this.#core.counts.refuse(reason);
    if (status >= SERVER_ERROR || status === NOT_MODIFIED) {
      // The next one may have more luck, or ask another question.
      this.#settle('next');
    } else {
      this.#markIfAwaited();
      this.#settle('run');
    }
  }

  /** Others need not wait for the next one either. Nothing is kept of URLs for which nobody waits. */
  #markIfAwaited() {
    if (this.#flight?.isAwaited) {
      const { key, req, url } = this.#purpose;
      this.#core.library.mark(key, req.headers, url);
    }
  }

  /**
   * Whether those who wait will find it good enough: what is stale at once they would wait for one after another.
   *
   * @param {StoredResponse} stored
   */
  #isForOthers({ terms, born, standsInUntil }) {
    const now = this.#core.settings.now();
    return now < standsInUntil || (!terms.noCache && now - born < terms.lifetime);
  }

  /** @param {StoredResponse} stored */
  #mayStandIn({ terms, born }) {
    const age = this.#core.settings.now() - born;
    return !terms.noCache && age >= 0 && age < terms.lifetime + terms.staleIfError;
  }

  /** @param {boolean} stored */
  #announce(stored) {
    this.#core.announce(this.#purpose.res, { result: 'MISS', forwarded: this.#purpose.why, stored });
  }

  /** Gives the request the fields back that it came with. */
  #showAgain() {
    if (this.#validates) {
      const { headers } = this.#purpose.req;
      setField(headers, 'if-none-match', this.#asked['if-none-match']);
      setField(headers, 'if-modified-since', this.#asked['if-modified-since']);
    }
  }

  /**
   * Tells those who wait, once.
   *
   * @param {'look' | 'run' | 'next'} advice
   */
  #settle(advice) {
    if (this.#isDone) {
      return;
    }
    this.#isDone = true;
    this.#core.library.copying -= this.#copied;
    this.#core.library.runs.delete(this);
    if (advice === 'next') {
      this.#flight?.passOn();
    } else {
      this.#flight?.land(advice);
    }
  }

  #over() {
    if (!this.#isDone) {
      // Its handler may go on, or not: nobody can tell, so nothing waits for it, and nothing of it is kept.
      this.#isOutdated = true;
      this.#showAgain();
      this.#tap?.letGo();
      this.#settle('next');
    }
  }

  #utcNow() {
    return new Date(this.#core.settings.now()).toUTCString();
  }
}

/**
 * @param {Record<string, string | undefined>} headers
 * @param {string} name
 * @param {string | undefined} value
 */
function setField(headers, name, value) {
  if (value === undefined) {
    delete headers[name];
  } else {
    headers[name] = value;
  }
}

module.exports = { Run };
