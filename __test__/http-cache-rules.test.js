'use strict';

/**
 * The rules of a shared cache, without Node's http.
 */

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { assess } = require('../lib/http-cache/assess.js');
const { isNotModified, partOf } = require('../lib/http-cache/conditional.js');
const { parseDate } = require('../lib/http-cache/dates.js');
const { requestDirectives, responseDirectives, splitList } = require('../lib/http-cache/directives.js');
const { storableFields, updatedFields, valueOf } = require('../lib/http-cache/fields.js');
const { initialAge, verdict } = require('../lib/http-cache/freshness.js');
const { stringList } = require('../lib/http-cache/string-list.js');
const { targetedDirectives } = require('../lib/http-cache/targeted.js');
const { selectingFields, selection, union } = require('../lib/http-cache/vary.js');
const { seeded } = require('./helper.js');

const NOW = Date.UTC(2026, 0, 1);

describe('Cache-Control', () => {
  it('keeps what forbids, however badly it is written', () => {
    for (const field of [
      'NO-STORE',
      'no-store=1',
      ' no-store ,',
      'max-age=1,no-store',
      'a="x, y", no-store',
      'a="never ends, no-store',
      'a="\\", no-store"x, no-store',
      'no-store =x',
    ]) {
      assert.equal(responseDirectives(field).noStore, true, field);
    }
    assert.equal(responseDirectives('a="no-store"').noStore, false);
    assert.equal(responseDirectives('no-stores, xno-store').noStore, false);
  });

  it('takes a time that is no whole number for none', () => {
    for (const value of ['', 'x', '-1', '1.5', '1e3', "'60'", '60s', ' 60', '0x10', '"60']) {
      assert.equal(responseDirectives(`max-age=${value}`).maxAge, 0, value);
    }
    assert.equal(responseDirectives('max-age =60').maxAge, 0);
    assert.equal(responseDirectives('max-age').maxAge, 0);
    assert.equal(responseDirectives('max-age="60"').maxAge, 60);
    assert.equal(responseDirectives('max-age=0060').maxAge, 60);
    assert.equal(responseDirectives('max-age=99999999999').maxAge, 2 ** 31);
    assert.equal(responseDirectives('max-age=10, max-age=20').maxAge, 10);
    assert.equal(responseDirectives(undefined).maxAge, undefined);
  });

  it('tells no-cache from no-cache of some fields', () => {
    assert.deepEqual(responseDirectives('no-cache').noCacheFields, undefined);
    const { noCache, noCacheFields } = responseDirectives('no-cache="Set-Cookie, x-a", max-age=1');
    assert.deepEqual([noCache, noCacheFields], [false, ['set-cookie', 'x-a']]);
    assert.equal(responseDirectives('private="x"').isPrivate, true);
  });

  it('of a request has max-stale with and without a time, and gives way to no Pragma', () => {
    assert.equal(requestDirectives('max-stale', undefined).maxStale, Infinity);
    assert.equal(requestDirectives('max-stale=5', undefined).maxStale, 5);
    assert.equal(requestDirectives('max-stale=x', undefined).maxStale, 0);
    assert.equal(requestDirectives('max-age=x', undefined).maxAge, 0);
    assert.equal(requestDirectives(undefined, 'x, No-Cache').noCache, true);
    assert.equal(requestDirectives('max-age=1', 'no-cache').noCache, false);
  });

  it('never takes longer than its length, whatever it is', () => {
    const random = seeded(3);
    for (let i = 0; i < 2000; i++) {
      const text = Array.from({ length: random.below(40) }, () => random.pick([...'",=\\ a-1;\t'])).join('');
      assert.equal(typeof responseDirectives(text).noStore, 'boolean');
      assert.ok(splitList(text).length <= text.length + 1);
      targetedDirectives(text);
      stringList(text);
    }
    const long = `${'"\\'.repeat(20_000)},${'a=",'.repeat(20_000)}`;
    responseDirectives(long);
    targetedDirectives(long);
    // By the square of its length each of these would take minutes.
    const spaces = `a${' '.repeat(500_000)}b`;
    for (const name of ['x', 'accept-encoding', 'accept-language']) {
      selection([name], { [name]: `${spaces},${spaces}` }, {});
    }
    responseDirectives(`max-age=${spaces}`);
    stringList(`"${spaces}`);
    isNotModified(spaces, undefined, { etag: '"a"', lastModified: undefined, date: NOW });
    partOf(spaces, undefined, 1, { etag: undefined, lastModified: undefined, date: NOW });
    parseDate(spaces, NOW);
  });
});

describe('targeted fields', () => {
  it('are ignored as a whole for one mistake', () => {
    for (const field of [
      '',
      'max-age=60, &&',
      'max-age="60"',
      'Max-Age=60',
      'max-age= 60',
      'max-age=60,',
      'max-age=6.5',
      'max-age',
      'max-age=60;;',
    ]) {
      assert.equal(targetedDirectives(field), undefined, field);
    }
  });

  it('are a dictionary of structured fields', () => {
    const given = targetedDirectives('max-age=60;a=1;b, no-store=?0, private, x="a\\"b", y=:YQ==:, z=tok/en');
    assert.deepEqual([given?.maxAge, given?.noStore, given?.isPrivate], [60, false, true]);
    assert.equal(targetedDirectives('max-age=1, max-age=2')?.maxAge, 2);
  });
});

describe('dates', () => {
  it('are those of HTTP, in three forms and in any case', () => {
    const time = Date.UTC(1994, 10, 6, 8, 49, 37);
    for (const text of [
      'Sun, 06 Nov 1994 08:49:37 GMT',
      'SUN, 06 nov 1994 08:49:37 gmt',
      'Sunday, 06-Nov-94 08:49:37 GMT',
      'Sun Nov  6 08:49:37 1994',
    ]) {
      assert.equal(parseDate(text, NOW), time, text);
    }
  });

  it('are nothing else', () => {
    for (const text of [
      '',
      '0',
      '-1',
      '2026-01-01T00:00:00Z',
      'Sun, 06 Nov 1994 08:49:37 UTC',
      'Sun, 06 Nov 1994 08:49:37 +0000',
      'Sun, 6 Nov 1994 08:49:37 GMT',
      'Sun, 06-Nov-1994 08:49:37 GMT',
      'Sun, 06 Nov 94 08:49:37 GMT',
      'Sun 06 Nov 1994 08:49:37 GMT',
      'Sun, 06  Nov 1994 08:49:37 GMT',
      'Sun, 06 Nov 1994 8:49:37 GMT',
      'Sun, 06 Nov 1994 24:00:00 GMT',
      'Sun, 32 Nov 1994 08:49:37 GMT',
      'Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT',
    ]) {
      assert.ok(Number.isNaN(parseDate(text, NOW)), text);
    }
  });

  it('of two digits are not more than fifty years ahead', () => {
    const year = (digits) =>
      new Date(parseDate(`Sunday, 06-Nov-${digits} 08:49:37 GMT`, NOW)).getUTCFullYear();
    assert.deepEqual([year('76'), year('77'), year('99'), year('00')], [2076, 1977, 1999, 2000]);
  });
});

describe('ages', () => {
  it('are the greater of what Age says with the time it took, and of what Date says', () => {
    const age = (given) => initialAge({ age: undefined, date: NOW, requested: NOW, received: NOW, ...given });
    assert.equal(age({}), 0);
    assert.equal(age({ date: NOW + 5000 }), 0);
    assert.equal(age({ date: NOW - 5000 }), 5000);
    assert.equal(age({ age: '5', requested: NOW - 2000 }), 7000);
    assert.equal(age({ age: '1, 5' }), 1000);
    for (const text of ['x', '-5', '5.0', '5;a', '']) {
      assert.equal(age({ age: text }), 0, text);
    }
  });

  it('decide what may be served', () => {
    const stored = { lifetime: 10_000, noCache: false, strict: false, staleWhileRevalidate: 5000 };
    const plain = requestDirectives(undefined, undefined);
    const said = (field) => requestDirectives(field, undefined);
    assert.equal(verdict(stored, 9999, plain), 'fresh');
    assert.equal(verdict(stored, 10_000, plain), 'stale');
    assert.equal(verdict(stored, 15_000, plain), 'validate');
    assert.equal(verdict(stored, -1, plain), 'validate');
    assert.equal(verdict(stored, 15_000, said('max-stale=6')), 'allowed');
    assert.equal(verdict(stored, 16_000, said('max-stale=6')), 'validate');
    assert.equal(verdict(stored, 99_000, said('max-stale')), 'allowed');
    assert.equal(verdict({ ...stored, strict: true }, 15_000, said('max-stale')), 'validate');
    assert.equal(verdict({ ...stored, noCache: true }, 0, said('max-stale')), 'validate');
    assert.equal(verdict(stored, 5000, said('min-fresh=6')), 'validate');
    assert.equal(verdict(stored, 5000, said('max-age=5')), 'validate');
    assert.equal(verdict(stored, 5000, said('max-age=6')), 'fresh');
  });
});

describe('Vary', () => {
  it('names each field once, in one order, and * nothing', () => {
    assert.deepEqual(selectingFields(' B,a , ,A'), ['a', 'b']);
    assert.deepEqual(selectingFields(undefined), []);
    for (const field of ['*', 'a, *', ', *', '*, *', Array.from({ length: 17 }, (_, i) => `x${i}`).join()]) {
      assert.equal(selectingFields(field), undefined, field);
    }
    assert.deepEqual(union(['b'], ['a', 'b']), ['a', 'b']);
  });

  it('never takes two selections for one', () => {
    const of = (names, headers) => selection(names, headers, {});
    const texts = [
      of(['a'], {}),
      of(['a'], { a: '' }),
      of(['a'], { a: 'b' }),
      of(['a', 'b'], { a: 'b' }),
      of(['a', 'b'], { b: 'b' }),
      of(['a', 'b'], { a: ':b', b: '' }),
      of(['a', 'b'], { a: '', b: ':b' }),
      of(['ab'], { ab: '' }),
    ];
    assert.equal(new Set(texts).size, texts.length);
    assert.equal(of(['x'], { x: ' a ,b' }), of(['x'], { x: 'a, b' }));
    assert.notEqual(of(['x'], { x: '"a, b"' }), of(['x'], { x: '"a,b"' }));
    const encoding = (value) => of(['accept-encoding'], { 'accept-encoding': value });
    assert.equal(encoding('gzip, br;q=1.0'), encoding('BR,gzip'));
    assert.notEqual(encoding('gzip, br;q=0'), encoding('gzip, br'));
    assert.notEqual(encoding('gzip;q=0.1, br'), encoding('gzip, br'));
  });
});

describe('fields', () => {
  it('of a connection are not stored, nor those that it names', () => {
    const fields = [
      'Connection',
      'close, X-A',
      'X-A',
      '1',
      'Keep-Alive',
      'x',
      'X-B',
      '2',
      'x-b',
      '3',
      'TE',
      'x',
    ];
    assert.deepEqual(storableFields(fields, ['x-c']), ['X-B', '2', 'x-b', '3']);
    assert.equal(valueOf(fields, 'x-b'), '2, 3');
  });

  it('of a 304 replace all lines of a name, but not what the bytes depend on', () => {
    const stored = ['A', '1', 'a', '2', 'Content-Length', '5', 'Content-Encoding', 'gzip', 'B', '1'];
    const newer = ['A', '3', 'Content-Length', '0', 'Content-Encoding', 'br', 'C', '4'];
    assert.deepEqual(updatedFields(stored, newer), [
      'Content-Length',
      '5',
      'Content-Encoding',
      'gzip',
      'B',
      '1',
      'A',
      '3',
      'C',
      '4',
    ]);
  });

  it('that list strings have each once', () => {
    assert.deepEqual(stringList('"a", "b\\"c" ;x=1, d, "a", "e, f", ""'), ['a', 'b"c', 'e, f', '']);
    assert.deepEqual(stringList(undefined), []);
    assert.equal(stringList(Array.from({ length: 200 }, (_, i) => `"${i}"`).join()).length, 128);
  });
});

describe('conditions', () => {
  const stored = { etag: '"a"', lastModified: 'Thu, 01 Jan 2026 00:00:00 GMT', date: NOW + 5000 };

  it('compare tags weakly, and dates only without tags', () => {
    for (const field of ['"a"', 'W/"a"', '"b", W/"a"', '*', '"x,y", "a"']) {
      assert.equal(isNotModified(field, undefined, stored), true, field);
    }
    for (const field of ['"b"', 'a', '', '"a', 'w/"a"']) {
      assert.equal(isNotModified(field, stored.lastModified, stored), false, field);
    }
    assert.equal(isNotModified('"a"', undefined, { ...stored, etag: undefined }), false);
    assert.equal(isNotModified(undefined, 'Thu, 01 Jan 2026 00:00:00 GMT', stored), true);
    assert.equal(isNotModified(undefined, 'Wed, 31 Dec 2025 23:59:59 GMT', stored), false);
    assert.equal(isNotModified(undefined, 'yesterday', stored), false);
    assert.equal(isNotModified(undefined, undefined, stored), false);
    const undated = { ...stored, lastModified: undefined };
    assert.equal(isNotModified(undefined, 'Thu, 01 Jan 2026 00:00:04 GMT', undated), false);
    assert.equal(isNotModified(undefined, 'Thu, 01 Jan 2026 00:00:05 GMT', undated), true);
  });

  it('on ranges compare strongly', () => {
    const part = (range, ifRange, given = stored) => partOf(range, ifRange, 10, given);
    assert.deepEqual(part('bytes=0-0', '"a"'), { first: 0, last: 0 });
    assert.equal(part('bytes=0-0', 'W/"a"', { ...stored, etag: 'W/"a"' }), 'whole');
    assert.deepEqual(part('bytes=0-0', stored.lastModified), { first: 0, last: 0 });
    assert.equal(part('bytes=0-0', 'Thu, 01 Jan 2026 00:00:01 GMT'), 'whole');
    assert.equal(partOf('bytes=-1', undefined, 0, stored), 'none');
    assert.equal(part('bytes=-', undefined), 'whole');
    assert.deepEqual(part('bytes=-100', undefined), { first: 0, last: 9 });
  });
});

describe('an assessment', () => {
  const rules = {
    statuses: new Set([200]),
    authorization: false,
    setCookie: 'refuse',
    ttl: 0,
    heuristic: 0,
    staleWhileRevalidate: 7000,
    staleIfError: 9000,
    targets: [],
  };
  const of = (cacheControl, more = [], given = {}) =>
    assess(
      {
        status: 200,
        fields: ['Cache-Control', cacheControl, ...more],
        authorization: undefined,
        origin: undefined,
        requested: NOW,
        received: NOW,
      },
      { ...rules, ...given },
    );

  it('lets nobody serve stale what forbids it, and counts its own word beside s-maxage', () => {
    const stale = (field) => {
      const { strict, staleWhileRevalidate, staleIfError } = of(field, ['ETag', '"a"']).terms;
      return [strict, staleWhileRevalidate, staleIfError];
    };
    assert.deepEqual(stale('max-age=1'), [false, 7000, 9000]);
    assert.deepEqual(stale('max-age=1, stale-while-revalidate=1, stale-if-error=0'), [false, 1000, 0]);
    assert.deepEqual(stale('s-maxage=1'), [true, 0, 0]);
    assert.deepEqual(stale('s-maxage=1, stale-while-revalidate=2'), [true, 2000, 0]);
    for (const directive of ['must-revalidate', 'proxy-revalidate', 'no-cache']) {
      assert.deepEqual(stale(`max-age=1, stale-while-revalidate=2, ${directive}`), [true, 0, 0], directive);
    }
  });

  it('refuses what would be of no use to anybody', () => {
    const none = { staleWhileRevalidate: 0, staleIfError: 0 };
    assert.equal(of('max-age=0', [], none).refused, 'freshness');
    assert.equal(of('no-cache', [], none).refused, 'freshness');
    assert.equal(of('no-cache', [], { ...none, ttl: 1000 }).refused, 'freshness');
    assert.equal(of('public', ['ETag', '"a"'], none).refused, 'freshness');
    assert.equal(of('max-age=5', ['Age', '5'], none).refused, 'freshness');
    assert.equal(of('max-age=0', ['ETag', '"a"'], none).refused, undefined);
    assert.equal(of('no-cache', ['Last-Modified', 'x'], none).refused, undefined);
  });

  it('takes must-understand for what it says of statuses', () => {
    const statuses = true;
    assert.equal(of('max-age=1, no-store, must-understand').refused, undefined);
    const head = { fields: ['Cache-Control', 'max-age=1, must-understand'], requested: NOW, received: NOW };
    assert.equal(assess({ ...head, status: 418 }, { ...rules, statuses }).refused, 'no-store');
  });
});
