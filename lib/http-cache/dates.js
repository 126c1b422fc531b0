'use strict';

/**
 * HTTP dates (RFC 9110, section 5.6.7) and nothing else: `Date.parse` takes what only looks like one, and what is taken
 * for a date in the future would be served for years.
 */

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const MONTH = MONTHS.join('|');
const TIME = String.raw`(\d\d):(\d\d):(\d\d)`;
/** Sun, 06 Nov 1994 08:49:37 GMT */
const FIXED = new RegExp(`^[a-z]{3}, (\\d\\d) (${MONTH}) (\\d{4}) ${TIME} gmt$`);
/** Sunday, 06-Nov-94 08:49:37 GMT */
const RFC_850 = new RegExp(`^[a-z]{6,9}, (\\d\\d)-(${MONTH})-(\\d\\d) ${TIME} gmt$`);
/** Sun Nov  6 08:49:37 1994 */
const ASCTIME = new RegExp(`^[a-z]{3} (${MONTH}) ([ \\d]\\d) ${TIME} (\\d{4})$`);
/** A year of two digits that seems to be further ahead is one of the past. */
const FUTURE_YEARS = 50;

/**
 * @param {string} text
 * @param {number} now for years of two digits
 * @returns {number} milliseconds since 1970; NaN if it is no date
 */
function parseDate(text, now) {
  const lower = text.toLowerCase();
  let match = FIXED.exec(lower);
  if (match !== null) {
    return toTime(match[3], match[2], match[1], match[4], match[5], match[6]);
  }
  match = RFC_850.exec(lower);
  if (match !== null) {
    const thisYear = new Date(now).getUTCFullYear();
    const year = Math.floor(thisYear / 100) * 100 + Number(match[3]);
    const meant = year > thisYear + FUTURE_YEARS ? year - 100 : year;
    return toTime(meant, match[2], match[1], match[4], match[5], match[6]);
  }
  match = ASCTIME.exec(lower);
  return match === null ? NaN : toTime(match[6], match[1], match[2], match[3], match[4], match[5]);
}

/**
 * @param {string | number} year
 * @param {string} month
 * @param {string} day
 * @param {string} hour
 * @param {string} minute
 * @param {string} second
 */
function toTime(year, month, day, hour, minute, second) {
  const valid = Number(day) <= 31 && Number(hour) <= 23 && Number(minute) <= 59 && Number(second) <= 60;
  return valid
    ? Date.UTC(Number(year), MONTHS.indexOf(month), Number(day), Number(hour), Number(minute), Number(second))
    : NaN;
}

module.exports = { parseDate };
