'use strict';

/** Reports as text and as Markdown. */

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
const HOURS = { d: 24, h: 1, min: 1 / 60, s: 1 / 3600 };
/** Sites and frames that are shown; the report object has all. */
const MOST_SITES = 5;
const MOST_FRAMES = 8;

/** @param {number} value */
function bytes(value) {
  let unit = 0;
  let shown = Math.abs(value);
  while (shown >= 1024 && unit < UNITS.length - 1) {
    shown /= 1024;
    unit++;
  }
  return `${value < 0 ? '-' : ''}${unit === 0 ? Math.round(shown) : shown.toPrecision(3)} ${UNITS[unit]}`;
}

/** @param {number | null} milliseconds */
function duration(milliseconds) {
  if (milliseconds === null) {
    return 'never';
  }
  const hours = milliseconds / 3_600_000;
  const [name, length] = Object.entries(HOURS).find(([, size]) => hours >= size) ?? ['s', HOURS.s];
  return `${(hours / length).toPrecision(2)} ${name}`;
}

/** @param {{ name: string, version: string | null }} owner */
function identity({ name, version }) {
  return version === null ? name : `${name}@${version}`;
}

/** @param {import('../..').LeakFrame} frame */
function place(frame) {
  const { file, line, package: of } = frame;
  const name = frame.function || '(anonymous)';
  const where = of !== null && !file.startsWith('node:') ? `${identity(of)}/${file}` : file;
  return `${name} ${where || '(no file)'}${line > 0 ? `:${line}` : ''}`;
}

/** @param {import('../..').LeakReport} report */
function headline(report) {
  const { state, kind, growthPerHour, dimension } = report;
  const rises = dimension === null ? '' : `: ${kind} grows by ${bytes(growthPerHour)} an hour`;
  return {
    warming: `warming up: ${missing(report)}`,
    steady: 'steady: no leak found',
    suspect: `suspect${rises}`,
    leak: `leak${rises}`,
  }[state];
}

/** What a verdict still needs. @param {import('../..').LeakReport} report */
function missing({ needs }) {
  const parts = [];
  if (needs.time > 0) {
    parts.push(`${duration(needs.time)} more`);
  }
  if (needs.points > 0) {
    parts.push(`${needs.points} more collections`);
  }
  return parts.length === 0
    ? 'a verdict comes with the next collection'
    : `a verdict needs ${parts.join(' and ')}`;
}

/** The facts of a report as pairs of a name and a text. @param {import('../..').LeakReport} report */
function facts(report) {
  const { dimension, growthPerWork, timeToLimit, timeToLimitRange, confidence } = report;
  /** @type {[string, string][]} */
  const lines = [];
  if (dimension === null) {
    return lines;
  }
  const { growthPerHourLow, growthPerHourHigh } = report.dimensions[dimension];
  lines.push(['growth', `${bytes(growthPerHourLow)} to ${bytes(growthPerHourHigh)} an hour`]);
  if (growthPerWork?.unit === 'operation') {
    lines.push(['for each operation', bytes(growthPerWork.bytes)]);
  } else if (growthPerWork !== null) {
    lines.push(['kept of what is allocated', `${(growthPerWork.bytes * 100).toPrecision(2)} %`]);
  }
  if (timeToLimit !== null && timeToLimitRange !== null) {
    const [earliest, latest] = timeToLimitRange;
    lines.push([
      'limit reached in',
      `${duration(timeToLimit)} (${duration(earliest)} to ${duration(latest)})`,
    ]);
  }
  lines.push(['chance of such a rise by noise', (1 - confidence).toPrecision(2)]);
  return lines;
}

/** @param {import('../..').LeakReport} report */
function formatText(report) {
  const lines = [`heapwise: ${headline(report)}`];
  for (const [name, text] of facts(report)) {
    lines.push(`  ${name}: ${text}`);
  }
  for (const site of report.sites.slice(0, MOST_SITES)) {
    lines.push(
      '',
      `  ${percent(site.share)} of the growth, ${bytes(site.growthPerHour)} an hour: ${place(site)}`,
    );
    lines.push(...site.stack.slice(0, MOST_FRAMES).map((frame) => `      at ${place(frame)}`));
  }
  for (const { package: name, versions, what, advice, sources, match } of report.knownLeaks) {
    const sure = match === 'site' ? 'known leak' : 'loaded, and known to leak in some uses';
    lines.push(
      '',
      `  ${sure}: ${name} ${versions}: ${what}`,
      `    ${advice}`,
      ...sources.map((url) => `    ${url}`),
    );
  }
  return `${lines.join('\n')}\n`;
}

/** @param {import('../..').LeakReport} report */
function formatMarkdown(report) {
  const lines = [`## heapwise: ${headline(report)}`, ''];
  for (const [name, text] of facts(report)) {
    lines.push(`- ${name}: ${text}`);
  }
  if (report.sites.length > 0) {
    lines.push('', '| share | growth an hour | where |', '| ---: | ---: | --- |');
    for (const site of report.sites.slice(0, MOST_SITES)) {
      lines.push(`| ${percent(site.share)} | ${bytes(site.growthPerHour)} | \`${place(site)}\` |`);
    }
    const [{ stack }] = report.sites;
    lines.push('', '```', ...stack.slice(0, MOST_FRAMES).map((frame) => `at ${place(frame)}`), '```');
  }
  for (const { package: name, versions, what, advice, sources, match } of report.knownLeaks) {
    const sure = match === 'site' ? 'Known leak' : 'Loaded, and known to leak in some uses';
    lines.push(
      '',
      `**${sure}: ${name} ${versions}.** ${what} ${advice}`,
      '',
      ...sources.map((url) => `- <${url}>`),
    );
  }
  return `${lines.join('\n')}\n`;
}

/** @param {number} share */
function percent(share) {
  return `${Math.round(share * 100)} %`;
}

/** By the name that users choose. @type {Record<string, (report: import('../..').LeakReport) => string>} */
const FORMATS = {
  text: formatText,
  markdown: formatMarkdown,
  json: (report) => `${JSON.stringify(report)}\n`,
};

module.exports = { FORMATS, formatMarkdown, formatText, percent, place };
