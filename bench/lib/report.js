'use strict';

const GB = 2 ** 30;

/** Three figures or more, so that what differs looks different. */
function figure(value) {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** Buffers from a pool come out at a hundredth of the time: two decimals would say 0.01 or 0.00. */
const ratio = (value) => value.toFixed(value < 0.1 ? 4 : 2);

/** The columns of a case's table: title, cell of a row. */
function columns({ measure, rows }) {
  const all = [
    ['', ({ contender, version }) => (version === undefined ? contender : `${contender} ${version}`)],
    [measure.unit, (row) => figure(row.median)],
    ['min', (row) => figure(row.min)],
    ['max', (row) => figure(row.max)],
  ];
  if (measure.rate) {
    all.push(['ops/s', (row) => figure(row.perSecond)]);
  }
  all.push(['÷ first', (row) => ratio(row.toFirst)]);
  if (rows.some(({ ours }) => ours)) {
    all.push(['÷ ours', (row) => ratio(row.toOurs)]);
  }
  for (const [key, title] of Object.entries(measure.extras ?? {})) {
    all.push([title, (row) => figure(row.extras[key])]);
  }
  return all;
}

/**
 * A case's table.
 *
 * @typedef {{ title: string, rows: string[][] }} Table whose first row holds the titles of its columns
 * @returns {Table}
 */
function table(result) {
  const { name, measure, rows } = result;
  const shown = columns(result);
  return {
    title: `${name} (${measure.unit}, ${measure.better} is better)`,
    rows: [shown.map(([title]) => title), ...rows.map((row) => shown.map(([, cell]) => cell(row)))],
  };
}

/** Rows of equally wide cells: the first column to the left, figures to the right. */
function cells(grid) {
  const widths = grid[0].map((_, i) => Math.max(3, ...grid.map((line) => line[i].length)));
  const pad = (cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]));
  return { lines: grid.map((line) => line.map(pad)), widths };
}

/** @param {Table} it */
function textTable({ title, rows }) {
  return [title, ...cells(rows).lines.map((line) => `  ${line.join('  ')}`)].join('\n');
}

/** @param {Table} it */
function markdownTable({ title, rows: grid }) {
  const { lines, widths } = cells(grid);
  const rule = widths.map((width, i) => (i === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  const [header, ...rows] = [lines[0], rule, ...lines.slice(1)].map((line) => `| ${line.join(' | ')} |`);
  return [`**${title}**`, '', header, ...rows].join('\n');
}

/** What a figure is worth nothing without. */
function origin({ bench, quick, rounds, date, node, v8, commit, dirty, machine }) {
  const { cpu, cores, memoryBytes, os, loadAverage } = machine;
  const source = commit === null ? 'no commit' : `commit ${commit}${dirty ? ' with changes' : ''}`;
  const how = rounds === undefined ? 'one run' : `median of ${rounds} rounds`;
  const runtime = node === undefined ? [] : [`Node ${node}`, `V8 ${v8}`];
  return [
    `${bench}: ${how}${quick ? ' (quick: a smoke test, no figures to quote)' : ''}, ${date}`,
    [...runtime, source].join(', '),
    `${cpu}, ${cores} cores, ${(memoryBytes / GB).toFixed(1)} GiB, ${os}, load ${loadAverage} before the run`,
  ];
}

/**
 * @param {any} document
 * @param {Table[]} [given] its tables, unless they are those of its cases
 */
function textReport(document, given = document.cases.map(table)) {
  return [origin(document).join('\n'), ...given.map(textTable)].join('\n\n');
}

/**
 * @param {any} document
 * @param {Table[]} [given]
 */
function markdownReport(document, given = document.cases.map(table)) {
  const about = origin(document).map((line) => `- ${line}`);
  return [about.join('\n'), ...given.map(markdownTable)].join('\n\n');
}

module.exports = { markdownReport, textReport };
