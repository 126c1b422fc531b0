'use strict';

/**
 * One contender of one case, measured once: `node child.js BENCH CASE CONTENDER [quick]`, or all of a case that
 * measures them together. Prints a list of figures as one line of JSON on stdout. Each measurement has a process of
 * its own, because what ran before it in the same process (type feedback, the shape of the heap) would change the
 * result.
 */

const { ALL, loadBench } = require('./benches.js');

async function main([benchName, caseName, contenderName, quick]) {
  const { contenders, together } = loadBench(benchName).cases.find(({ name }) => name === caseName);
  const options = { quick: quick === 'quick' };
  const figures =
    contenderName === ALL
      ? await together(
          contenders.map(({ name }) => name),
          options,
        )
      : [await contenders.find(({ name }) => name === contenderName).run(options)];
  // Some contenders have timers that would keep the process alive.
  process.stdout.write(`${JSON.stringify(figures)}\n`, () => process.exit());
}

main(process.argv.slice(2));
