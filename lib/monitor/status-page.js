'use strict';

/**
 * The page at `/heapwise`: plain HTML that reads its figures from `?json` every two seconds. No outside resource, and
 * every value is put in as text, never as markup.
 */
const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>heapwise</title>
<style>
  :root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif; }
  body { max-width: 60rem; margin: 1.5rem auto; padding: 0 1rem; }
  h1 { font-size: 1.3rem; } h2 { font-size: 1rem; margin: 1.4rem 0 .3rem; }
  table { border-collapse: collapse; width: 100%; }
  td, th { text-align: left; padding: .2rem .6rem .2rem 0; border-bottom: 1px solid #8883; vertical-align: top; }
  td + td, th + th { text-align: right; font-variant-numeric: tabular-nums; }
  .bad { color: #c22; font-weight: 600; }
  #error { color: #c22; min-height: 1.4em; }
</style>
</head>
<body>
<h1>heapwise</h1>
<p id="error" role="status"></p>
<main id="main"><p>Loading.</p></main>
<script>
'use strict';
const MB = 1024 * 1024;
const ms = (value) => value.toFixed(value < 0.1 ? 4 : value < 10 ? 2 : 0) + ' ms';
const mb = (value) => (value === null ? 'none' : (value / MB).toFixed(1) + ' MB');
const percent = (value) => (value * 100).toFixed(1) + ' %';
const hours = (value) => (value === null ? 'never' : (value / 3600000).toFixed(1) + ' h');

function table(title, rows) {
  const section = document.createElement('section');
  const heading = section.appendChild(document.createElement('h2'));
  heading.textContent = title;
  const body = section.appendChild(document.createElement('table')).appendChild(document.createElement('tbody'));
  for (const [cells, bad] of rows) {
    const line = body.appendChild(document.createElement('tr'));
    if (bad) line.className = 'bad';
    for (const cell of cells) line.appendChild(document.createElement('td')).textContent = cell;
  }
  return section;
}

function show(report) {
  const { latency, lag, memory, leak, gc } = report;
  const spread = (it) => ms(it.p50) + ' / ' + ms(it.p99) + ' / ' + ms(it.max);
  const sections = [
    table('Service', [
      [['Up for', (report.uptime / 1000).toFixed(0) + ' s']],
      [['Requests', report.requests]],
      [['Answered with 5xx', report.errors], report.errors > 0],
      [['Latency p50 / p99 / max', spread(latency)]],
    ]),
    table('Event loop', [
      [['Turn p50 / p99 / max', spread(lag)]],
      [['Utilization', percent(report.utilization)]],
      [['Blocked turns', report.blockedCount], report.blockedCount > 0],
      ...report.blocked.slice(-5).reverse().map((block) => [
        [new Date(block.end).toLocaleTimeString(), ms(block.duration) + (block.gc === null ? '' : ', ' + ms(block.gc) + ' of it collecting')],
      ]),
    ]),
    table('Memory', [
      [['Heap used', mb(memory.heapUsed) + ' of ' + mb(memory.heapLimit)]],
      [['External', mb(memory.external)]],
      [['Array buffers', mb(memory.arrayBuffers)]],
      [['Resident', mb(memory.rss) + (memory.cgroupLimit === null ? '' : ' of ' + mb(memory.cgroupLimit))]],
      [['Major collections', gc.major.count + ', mean ' + ms(gc.major.mean) + ', max ' + ms(gc.major.max)]],
      [['Minor collections', gc.minor.count + ', mean ' + ms(gc.minor.mean) + ', max ' + ms(gc.minor.max)]],
    ]),
    table('Leak verdict', [
      [['State', leak.state], leak.state === 'leak'],
      [['Growth per hour', mb(leak.growthPerHour)]],
      [['Confidence', percent(leak.confidence)]],
      [['Time to the limit', hours(leak.timeToLimit)]],
    ]),
    table('Caches', Object.entries(report.caches).map(([name, it]) => [
      [name, percent(it.hitRate) + ' hits, ' + it.entries + ' entries, ' + it.evictions + ' evicted'],
    ])),
    table('Pools', Object.entries(report.pools).map(([name, it]) => [
      [name, it.borrowed + ' lent, ' + it.idle + ' idle, ' + it.acquired + ' times lent'],
    ])),
    table('Routes', report.routes.map((it) => [
      [it.method + ' ' + it.route + ' ' + it.status, it.count + ', mean ' + ms(it.mean) + ', max ' + ms(it.max)],
    ])),
  ];
  document.getElementById('main').replaceChildren(...sections);
}

async function refresh() {
  const status = document.getElementById('error');
  try {
    const answer = await fetch('?json', { cache: 'no-store' });
    if (!answer.ok) throw new Error('status ' + answer.status);
    show(await answer.json());
    status.textContent = '';
  } catch (error) {
    status.textContent = 'The service does not answer: ' + error.message;
  }
  setTimeout(refresh, 2000);
}
refresh();
</script>
</body>
</html>
`;

module.exports = { PAGE };
