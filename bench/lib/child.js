'use strict';

/**
 * One contender of one case, measured once: `node child.js BENCH CASE CONTENDER [quick]`. Prints its figures as one
 * line of JSON on stdout. Each measurement has a process of its own, because what ran before it in the same process
 * (type feedback, the shape of the heap) would change the result.
 */

const { loadBench } = require('./benches.js');

async function main([benchName, caseName, contenderName, quick]) {
  const { contenders } = loadBench(benchName).cases.find(({ name }) => name === caseName);
  const contender = contenders.find(({ name }) => name === contenderName);
  const figures = await contender.run({ quick: quick === 'quick' });
  process.stdout.write(`${JSON.stringify(figures)}\n`);
}

main(process.argv.slice(2));
