#!/usr/bin/env node
// Installs the packages of a folder's package-lock.json, unless they are all installed.
//
//   scripts/install-node-packages.mjs DIRECTORY WHAT
//
// There is no marker to trust: whether something is missing is looked up in every run, so
// that an install that was interrupted or lacks packages is repaired by the next one.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

// These options win over the environment and every .npmrc. Registries, proxies and
// certificates stay as they are configured.
const OPTIONS = [
  ...["--include=dev", "--include=optional", "--include=peer"],
  ...["--global=false", "--location=project", "--dry-run=false", "--bin-links=true"],
  ...["--package-lock=true", "--package-lock-only=false", "--install-strategy=hoisted"],
  "--json=false",
  // No package needs its install scripts: programs are in optional packages of their own.
  "--ignore-scripts=true",
  // Programs for this machine, even if npm is configured for another one.
  ...[`--os=${process.platform}`, `--cpu=${process.arch}`],
  ...["--loglevel=error", "--audit=false", "--fund=false", "--update-notifier=false"],
];

const [directory, what] = process.argv.slice(2);
const { workspaces } = JSON.parse(readFileSync(join(directory, "package.json"), "utf8"));
if (workspaces) {
  OPTIONS.push("--workspaces=true", "--include-workspace-root=true");
}

/** Returns the packages in the lock file that node_modules lacks or has in another version. */
function missing() {
  const { packages } = JSON.parse(readFileSync(join(directory, "package-lock.json"), "utf8"));
  return Object.entries(packages)
    .filter(([path, entry]) => path.includes("node_modules/") && isNeeded(entry))
    .flatMap(([path, entry]) => (isThere(path, entry) ? programsMissing(path, entry) : [path]));
}

/** An optional package is needed only if it is for this kind of machine. */
function isNeeded({ optional, os, cpu, libc }) {
  return (
    !(optional && !os && !cpu) &&
    allows(os, process.platform) &&
    allows(cpu, process.arch) &&
    (!libc || allows(libc, thisLibc()))
  );
}

/** Lists in package.json name what is allowed, or with "!" what is excluded. */
function allows(list, value) {
  const excluded = list?.some((item) => item === `!${value}`);
  const included = list?.filter((item) => !item.startsWith("!")) ?? [];
  return !excluded && (included.length === 0 || included.includes(value));
}

function thisLibc() {
  process.report.excludeNetwork = true;
  return process.report.getReport().header.glibcVersionRuntime ? "glibc" : "musl";
}

function isThere(path, { version, link }) {
  const manifest = join(directory, path, "package.json");
  try {
    return link || JSON.parse(readFileSync(manifest, "utf8")).version === version
      ? existsSync(manifest)
      : false;
  } catch {
    return false;
  }
}

/** Top-level packages have links to their programs in node_modules/.bin. */
function programsMissing(path, { bin = {} }) {
  return path.lastIndexOf("node_modules/") > 0
    ? []
    : Object.keys(bin)
        .map((name) => `node_modules/.bin/${name}`)
        .filter((link) => !existsSync(join(directory, link)));
}

if (missing().length > 0) {
  console.log(`installing ${what} into ${directory}/node_modules`);
  const { status, error } = spawnSync("npm", ["ci", ...OPTIONS], {
    cwd: directory,
    stdio: "inherit",
  });
  const left = missing();
  if (status !== 0 || left.length > 0) {
    console.error(`${what} could not be installed into ${directory}/node_modules: ${
      status === 0
        ? `npm reports success, but these are missing: ${left.join(", ")}`
        : (error?.message ?? `npm ci failed with status ${status}`)
    }`);
    process.exitCode = 1;
  }
}
