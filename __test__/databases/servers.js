'use strict';

/** Database servers of our own: data in a temporary folder, a free loopback port, nothing of the system's. */

const { fork, spawnSync } = require('node:child_process');
const { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } = require('node:fs');
const net = require('node:net');
const { once } = require('node:events');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { programsOf } = require('./install.js');

const USER = 'heapwise';
const PASSWORD = 'not a secret';
const HOST = '127.0.0.1';
/** More than any test asks for. */
const MOST_CONNECTIONS = 60;
/** How much of what a server said is shown when it fails. */
const SHOWN = 2000;

/**
 * @typedef {object} Kind
 * @property {string[]} packages of Debian that have the programs
 * @property {string[]} programs the one that makes a data folder, the server, and others
 * @property {string} database that a client may use
 * @property {RegExp} ready what the server says when it takes connections
 * @property {NodeJS.Signals} stop the signal that ends it, whoever is connected
 * @property {NodeJS.Signals} crash the one that leaves it no time to tidy up
 * @property {(folder: string) => string[]} create arguments of the first program
 * @property {(folder: string, port: number) => string[]} serve arguments of the second
 * @property {(folder: string) => Record<string, string>} files that they need
 */

/** @type {Kind} */
const mariadb = {
  // The server without the service that the package mariadb-server makes of it.
  packages: ['mariadb-server-core', 'mariadb-client-core'],
  // The last one is what the first one needs.
  programs: ['mariadb-install-db', 'mariadbd', 'my_print_defaults'],
  database: 'heapwise',
  ready: /ready for connections/,
  stop: 'SIGTERM',
  crash: 'SIGKILL',
  create: (folder) => [
    '--no-defaults',
    `--datadir=${join(folder, 'data')}`,
    '--auth-root-authentication-method=normal',
    '--skip-test-db',
  ],
  serve: (folder, port) => [
    '--no-defaults',
    `--datadir=${join(folder, 'data')}`,
    `--socket=${join(folder, 'socket')}`,
    `--pid-file=${join(folder, 'pid')}`,
    `--port=${port}`,
    `--bind-address=${HOST}`,
    '--skip-name-resolve',
    `--max-connections=${MOST_CONNECTIONS}`,
    `--init-file=${join(folder, 'init.sql')}`,
    '--innodb-buffer-pool-size=16M',
    // To the system after each transaction, which survives the end of the server, and to the disk later.
    '--innodb-flush-log-at-trx-commit=2',
  ],
  files: () => ({
    'init.sql': [
      'CREATE DATABASE IF NOT EXISTS heapwise;',
      `CREATE USER IF NOT EXISTS '${USER}'@'${HOST}' IDENTIFIED BY '${PASSWORD}';`,
      `GRANT ALL ON *.* TO '${USER}'@'${HOST}' WITH GRANT OPTION;\n`,
    ].join('\n'),
  }),
};

/** @type {Kind} */
const postgresql = {
  packages: ['postgresql'],
  programs: ['initdb', 'postgres'],
  database: 'postgres',
  ready: /ready to accept connections/,
  // SIGTERM would wait for the clients.
  stop: 'SIGINT',
  // After SIGKILL its children hold the shared memory for a while, and the next start fails.
  crash: 'SIGQUIT',
  create: (folder) => [
    `--pgdata=${join(folder, 'data')}`,
    `--username=${USER}`,
    `--pwfile=${join(folder, 'password')}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--no-locale',
    '--no-sync',
  ],
  serve: (folder, port) => [
    '-D',
    join(folder, 'data'),
    '--fsync=off',
    `--port=${port}`,
    `--listen-addresses=${HOST}`,
    `--max-connections=${MOST_CONNECTIONS}`,
    // The path of a socket in a temporary folder may be longer than a system allows.
    '--unix-socket-directories=',
  ],
  files: () => ({ password: PASSWORD }),
};

/** @type {Kind} */
const redis = {
  packages: ['redis-server'],
  // It makes its data by itself.
  programs: ['redis-server', 'redis-server'],
  database: '0',
  ready: /Ready to accept connections/,
  stop: 'SIGTERM',
  crash: 'SIGKILL',
  create: () => ['--version'],
  serve: (folder, port) => [
    '--port',
    String(port),
    '--bind',
    HOST,
    '--dir',
    folder,
    '--save',
    '',
    // What was answered is still there after a crash.
    '--appendonly',
    'yes',
    '--appendfsync',
    'always',
  ],
  files: () => ({}),
};

/** A server that can be stopped and started again on its port. */
class Server {
  #kind;
  #keeper;
  #output = '';

  /**
   * @param {Kind} kind
   * @param {string} folder that has all of it
   * @param {number} port
   * @param {import('node:child_process').ChildProcess} keeper
   */
  constructor(kind, folder, port, keeper) {
    this.#kind = kind;
    this.#keeper = keeper;
    this.folder = folder;
    /** What a driver needs to connect. */
    this.connection = { host: HOST, port, user: USER, password: PASSWORD, database: kind.database };
    keeper.stderr
      .setEncoding('utf8')
      .on('data', (text) => (this.#output = (this.#output + text).slice(-SHOWN)));
  }

  /** Fulfilled when it takes connections. */
  async start() {
    this.#output = '';
    const over = new AbortController();
    const failed = once(this.#keeper, 'message', over).then(() => {
      throw new Error(`The server ended:\n${this.#output}`);
    });
    failed.catch(() => {});
    this.#keeper.send('start');
    await Promise.race([this.#isReady(), failed]);
    over.abort();
  }

  async #isReady() {
    while (!this.#kind.ready.test(this.#output)) {
      await once(this.#keeper.stderr, 'data');
    }
  }

  /** Ends as it is told to, or as if it crashed. @param {{ crash?: boolean }} [options] */
  async stop({ crash = false } = {}) {
    const exited = once(this.#keeper, 'message');
    this.#keeper.send(crash ? this.#kind.crash : this.#kind.stop);
    await exited;
  }

  /** It stands still: what it is sent is taken by the system, and nothing is answered. */
  pause() {
    this.#keeper.send('SIGSTOP');
  }

  resume() {
    this.#keeper.send('SIGCONT');
  }

  /** Ends it and removes all that it had. */
  async close() {
    const ended = once(this.#keeper, 'exit');
    this.#keeper.disconnect();
    await ended;
  }
}

/** A port on which nobody listens now. */
async function freePort() {
  const server = net.createServer().listen(0, HOST);
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** Database servers refuse to run as root. */
function unprivileged() {
  if (process.getuid?.() !== 0) {
    return {};
  }
  const id = (/** @type {string} */ flag) =>
    Number(spawnSync('id', [flag, 'nobody'], { encoding: 'utf8' }).stdout);
  return { uid: id('-u'), gid: id('-g') };
}

/**
 * @param {Kind} kind
 * @returns {{ missing: string } | { missing: undefined, start: () => Promise<Server> }} why it cannot be had, or how
 */
function serverOf(kind) {
  const { paths, missing } = programsOf(kind.packages, kind.programs);
  if (missing !== undefined) {
    return { missing };
  }
  return { missing: undefined, start: () => launch(kind, paths) };
}

/**
 * @param {Kind} kind
 * @param {string[]} paths of its programs
 */
async function launch(kind, [create, serve]) {
  const folder = mkdtempSync(join(tmpdir(), 'heapwise-database-'));
  const user = unprivileged();
  try {
    for (const [name, text] of Object.entries(kind.files(folder))) {
      writeFileSync(join(folder, name), text);
    }
    chmodSync(folder, 0o700);
    if (user.uid !== undefined) {
      chownSync(folder, user.uid, user.gid);
    }
    const made = spawnSync(create, kind.create(folder), { cwd: folder, encoding: 'utf8', ...user });
    if (made.status !== 0) {
      throw new Error(`${create} failed: ${made.error ?? (made.stdout + made.stderr).slice(-SHOWN)}`);
    }
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
  const port = await freePort();
  const args = kind.serve(folder, port);
  const keeper = fork(
    join(__dirname, 'keeper.js'),
    [JSON.stringify({ command: serve, args, folder, ...user })],
    {
      // Ctrl-C at a terminal is for the test, whose end the keeper waits for.
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      execArgv: [],
    },
  );
  const server = new Server(kind, folder, port, keeper);
  try {
    await server.start();
  } catch (error) {
    await server.close();
    throw error;
  }
  return server;
}

module.exports = { mariadb, postgresql, redis, serverOf };
