'use strict';

/** Nobody has sent a head yet. */
const WAITING = 0;
/** What is sent passes. */
const PASSING = 1;
/** What is sent passes, and is copied. */
const COPYING = 2;
/** What the handler sends gets nowhere: something else will be sent instead. */
const SWALLOWING = 3;

/**
 * Looks on while a handler answers.
 *
 * @typedef {object} Watcher
 * @property {(status: number, message: string | undefined, given: any) => number} onHead decides what becomes of what
 *   follows: `PASSING`, `COPYING` or `SWALLOWING`
 * @property {(bytes: number) => boolean} onBytes whether this many may be copied, those before included
 * @property {(body: Buffer) => void} onCopied the response is complete; its body in a memory of its own
 * @property {() => void} onSwallowed it is complete, and `res` is as it was before the handler
 * @property {() => void} onPassed it is complete, and was only passed on
 */

/**
 * Stands between a handler and its response. What a handler does not send through `write` and `end` it cannot see.
 */
class Tap {
  #res;
  #watcher;
  #originals;
  #state = WAITING;
  /** How deep in calls of the originals: those of HTTP/2 call each other through the response. */
  #inside = 0;
  /** @type {Buffer[]} */
  #chunks = [];
  #bytes = 0;
  /** What `Content-Length` promised, if it did. */
  promised = NaN;

  /**
   * @param {any} res
   * @param {Watcher} watcher
   */
  constructor(res, watcher) {
    this.#res = res;
    this.#watcher = watcher;
    const { writeHead, write, end, flushHeaders } = res;
    this.#originals = { writeHead, write, end, flushHeaders };
  }

  /**
   * @param {any} res
   * @param {Watcher} watcher
   */
  static into(res, watcher) {
    const tap = new Tap(res, watcher);
    res.writeHead = (/** @type {any[]} */ ...args) => tap.#writeHead(args);
    res.flushHeaders = () => tap.#flushHeaders();
    res.write = (/** @type {any[]} */ ...args) => tap.#write(args);
    res.end = (/** @type {any[]} */ ...args) => tap.#end(args);
    return tap;
  }

  /** Goes on passing, and forgets what was copied. */
  letGo() {
    this.#chunks = [];
    if (this.#state === COPYING) {
      this.#state = PASSING;
    }
  }

  /**
   * @param {number} status
   * @param {string | undefined} message
   * @param {any} given
   */
  #head(status, message, given) {
    if (this.#state !== WAITING || this.#inside !== 0 || status < 200) {
      return;
    }
    // Headers that were sent some other way, or a second head, are Node's to complain of.
    this.#state = PASSING;
    if (!this.#res.headersSent) {
      this.#state = this.#watcher.onHead(status, message, given);
    }
  }

  /** @param {any[]} args */
  #writeHead(args) {
    const [status, second, third] = args;
    const hasMessage = typeof second === 'string';
    this.#head(Number(status), hasMessage ? second : undefined, hasMessage ? third : (second ?? third));
    return this.#state === SWALLOWING ? this.#res : this.#call('writeHead', args);
  }

  #flushHeaders() {
    this.#head(this.#res.statusCode, undefined, undefined);
    return this.#state === SWALLOWING ? undefined : this.#call('flushHeaders', []);
  }

  /** @param {any[]} args */
  #write(args) {
    this.#head(this.#res.statusCode, undefined, undefined);
    if (this.#state === SWALLOWING) {
      const callback = args.find((arg) => typeof arg === 'function');
      if (callback !== undefined) {
        process.nextTick(callback);
      }
      return true;
    }
    // Copied before it is passed on: a chunk is its sender's again as soon as it is written.
    this.#copy(args[0], args[1]);
    return this.#call('write', args);
  }

  /** @param {any[]} args */
  #end(args) {
    this.#head(this.#res.statusCode, undefined, undefined);
    if (this.#state === SWALLOWING) {
      return this.#endSwallowed(args);
    }
    if (args.length > 0 && typeof args[0] !== 'function') {
      this.#copy(args[0], args[1]);
    }
    const was = this.#state;
    const returned = this.#call('end', args);
    this.#state = PASSING;
    if (was === COPYING) {
      this.#complete();
    } else {
      this.#watcher.onPassed();
    }
    return returned;
  }

  /** @param {any[]} args */
  #endSwallowed(args) {
    const res = this.#res;
    const callback = args.find((arg) => typeof arg === 'function');
    if (callback !== undefined) {
      res.once('finish', callback);
    }
    this.#state = PASSING;
    // What stands between the handler and us, such as a compression, must not see what is sent instead.
    Object.assign(res, this.#originals);
    this.#watcher.onSwallowed();
    return res;
  }

  #complete() {
    if (Number.isNaN(this.promised) || this.promised === this.#bytes) {
      const body = this.#chunks.length === 1 ? this.#chunks[0] : joined(this.#chunks, this.#bytes);
      this.#chunks = [];
      this.#watcher.onCopied(body);
    } else {
      this.#watcher.onPassed();
    }
  }

  /**
   * @param {unknown} chunk
   * @param {any} encoding
   */
  #copy(chunk, encoding) {
    if (this.#state !== COPYING || this.#inside !== 0 || chunk === undefined || chunk === null) {
      return;
    }
    const isText = typeof chunk === 'string';
    if (!isText && !(chunk instanceof Uint8Array)) {
      // Node will throw.
      this.letGo();
      return;
    }
    const length = isText ? Buffer.byteLength(chunk, textEncoding(encoding)) : chunk.byteLength;
    this.#bytes += length;
    if (!this.#watcher.onBytes(this.#bytes)) {
      this.letGo();
    } else if (length > 0) {
      // Not out of the pool for small buffers, all of which would stay with a few bytes of it.
      const own = Buffer.allocUnsafeSlow(length);
      if (isText) {
        own.write(chunk, textEncoding(encoding));
      } else {
        own.set(chunk);
      }
      this.#chunks.push(own);
    }
  }

  /**
   * @param {'writeHead' | 'write' | 'end' | 'flushHeaders'} method
   * @param {any[]} args
   */
  #call(method, args) {
    this.#inside++;
    try {
      return this.#originals[method].apply(this.#res, args);
    } finally {
      this.#inside--;
    }
  }
}

/**
 * @param {unknown} encoding
 * @returns {BufferEncoding}
 */
function textEncoding(encoding) {
  return typeof encoding === 'string' && Buffer.isEncoding(encoding) ? encoding : 'utf8';
}

/**
 * @param {Buffer[]} chunks
 * @param {number} bytes
 */
function joined(chunks, bytes) {
  const body = Buffer.allocUnsafeSlow(bytes);
  let at = 0;
  for (const chunk of chunks) {
    body.set(chunk, at);
    at += chunk.length;
  }
  return body;
}

module.exports = { COPYING, PASSING, SWALLOWING, Tap };
