'use strict';

/**
 * Runs a database server for a test, and ends it and removes its folder when that test is gone, however it ended:
 * `keeper.js '{"command","args","folder","uid","gid"}'`, forked. It is told `start` and signals, and says `exit`.
 */

const { spawn } = require('node:child_process');
const { rmSync } = require('node:fs');

const { command, args, folder, ...options } = JSON.parse(process.argv[2]);
let server;

process.on('message', (message) => {
  if (message === 'start') {
    // Some servers say what they do on stdout.
    server = spawn(command, args, { cwd: folder, stdio: ['ignore', 2, 2], ...options });
    server.on('error', ({ message: reason }) => process.stderr.write(`${reason}\n`));
    server.on('exit', () => process.connected && process.send('exit'));
  } else {
    server.kill(message);
  }
});

process.on('disconnect', () => {
  server?.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
});
