'use strict';

/**
 * The name of a platform as @napi-rs/cli spells it (linux-x64-gnu, darwin-arm64, win32-x64-msvc). The build script and
 * the loader must agree on it to the letter, so both ask here.
 */

/** Platforms with a prebuilt binary on npm; npm/ has one package for each. */
const PREBUILT = Object.freeze([
  'darwin-arm64',
  'darwin-x64',
  'linux-arm64-gnu',
  'linux-arm64-musl',
  'linux-x64-gnu',
  'linux-x64-musl',
  'win32-arm64-msvc',
  'win32-x64-msvc',
]);

/** @returns {boolean} whether this Linux process runs on musl (Alpine) and not on glibc */
function isMusl() {
  const report = /** @type {{ excludeNetwork?: boolean, getReport(): object } | undefined} */ (
    process.report
  );
  if (!report) {
    return false;
  }
  // A report with the network section looks up the peer name of every open socket: seconds on a busy server.
  const excludeNetwork = report.excludeNetwork;
  if (excludeNetwork !== undefined) {
    report.excludeNetwork = true;
  }
  try {
    const { header } = /** @type {{ header: { glibcVersionRuntime?: string } }} */ (report.getReport());
    return !header.glibcVersionRuntime;
  } finally {
    if (excludeNetwork !== undefined) {
      report.excludeNetwork = excludeNetwork;
    }
  }
}

/** @returns {string} the C library or compiler part of the name, with its leading hyphen; '' where there is none */
function abi() {
  switch (process.platform) {
    case 'linux':
      return `-${isMusl() ? 'musl' : 'gnu'}${process.arch === 'arm' ? 'eabihf' : ''}`;
    case 'win32':
      // Whichever compiler linked it: binaries from MinGW and from MSVC answer to the same name.
      return '-msvc';
    default:
      return '';
  }
}

/** @returns {string} the name of the platform this process runs on, for example 'linux-x64-gnu' */
function platformTriple() {
  return `${process.platform}-${process.arch}${abi()}`;
}

/**
 * @param {string} triple
 * @returns {string} the npm package that carries the prebuilt binary for that platform
 */
function packageName(triple) {
  return `@heapwise/binding-${triple}`;
}

/**
 * @param {string} triple
 * @returns {string} the file name of the addon for that platform
 */
function addonName(triple) {
  return `heapwise.${triple}.node`;
}

module.exports = { PREBUILT, addonName, packageName, platformTriple };
