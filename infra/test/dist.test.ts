// Tests scripts/dist on a copy of what it reads.
import { spawnSync } from "node:child_process";
import { cpSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { beforeAll, expect, test } from "vitest";
import { Outside, REPOSITORY } from "./outside.ts";

const outside = new Outside();
const dist = (...parameters: string[]) =>
  outside.run("python3", ["-I", outside.path("scripts/dist"), ...parameters]);
const { version } = JSON.parse(readFileSync(`${REPOSITORY}/infra/outbox/package.json`, "utf8"));
const read = (name: string) => readFileSync(outside.path(`target/dist/${name}`));

beforeAll(() => {
  const files = ["Cargo.toml", "scripts/dist", "scripts/outboxctl", "scripts/stream-mapping-cli"];
  for (const file of files) {
    cpSync(`${REPOSITORY}/${file}`, outside.path(file), { recursive: true, dereference: true });
  }
  outside.program("built/bootstrap", "echo it runs");
  for (const name of ["outboxctl", "stream-mapping"]) {
    for (const page of ["man", "bash", "zsh", "fish", "powershell", "elvish"]) {
      outside.write(`target/pages/${name}/${page}`, `${page} of ${name}`);
    }
  }
});

test.each(["outboxctl", "stream-mapping"])("%s is packed with its documents", (name) => {
  for (const target of ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"]) {
    const folder = `${name}-${version}-${target}`;
    const ended = dist("command", name, target, "built/bootstrap");
    expect(ended, ended.stderr).toMatchObject({ status: 0 });
    expect(ended.stdout).toContain(`packed target/dist/${folder}.tar.gz`);
    outside.run("tar", ["-xzf", outside.path(`target/dist/${folder}.tar.gz`)]);
    const listed = outside.run("sh", ["-c", `find "${folder}" -type f | sort`]).stdout;
    const schemas = name === "outboxctl" ? readdirSync("../scripts/outboxctl/schemas") : [];
    expect(listed.trim().split("\n")).toEqual(
      [
        ...schemas.map((schema) => `schemas/${schema}`),
        ...["LICENSE-APACHE", "LICENSE-MIT", "README.md"],
        ...["bash", "elv", "fish", "ps1"].map((ending) => `complete/${name}.${ending}`),
        ...[`complete/_${name}`, `man/${name}.1`, name],
      ]
        .map((file) => `${folder}/${file}`)
        .sort(),
    );
    const page = readFileSync(outside.path(`${folder}/complete/_${name}`), "utf8");
    expect(page).toBe(`zsh of ${name}`);
    expect(outside.run(`./${folder}/${name}`, []).stdout).toBe("it runs\n");
  }
});

test.each([
  ["scripts/outboxctl", "outboxctl"],
  ["scripts/stream-mapping-cli", "stream-mapping"],
])("cargo binstall finds the archive of %s by its name", (crate, name) => {
  const manifest = readFileSync(`${REPOSITORY}/${crate}/Cargo.toml`, "utf8");
  const [, binstall = ""] = manifest.split("[package.metadata.binstall]\n");
  const settings = Object.fromEntries(
    [
      ...binstall
        .split("\n\n", 1)
        .join()
        .matchAll(/^([\w-]+) = "(.*)"$/gm),
    ].map(([, key, value = ""]) => [
      key,
      value
        .replaceAll("{ version }", version)
        .replaceAll("{ target }", "x86_64-unknown-linux-gnu")
        .replaceAll("{ bin }", name),
    ]),
  );
  dist("command", name, "x86_64-unknown-linux-gnu", "built/bootstrap");
  const archive = `${name}-${version}-x86_64-unknown-linux-gnu.tar.gz`;
  expect(settings).toEqual({
    "pkg-url": `{ repo }/releases/download/v${version}/${archive}`,
    "pkg-fmt": "tgz",
    "bin-dir": `${name}-${version}-x86_64-unknown-linux-gnu/${name}`,
  });
  const members = outside.run("tar", ["-tzf", outside.path(`target/dist/${archive}`)]).stdout;
  expect(members.split("\n")).toContain(settings["bin-dir"]);
});

test("a function is packed as Lambda takes it", () => {
  const ended = dist("function", "publish-events", "built/bootstrap");
  expect(ended, ended.stderr).toMatchObject({ status: 0 });
  const zip = outside.path(`target/dist/publish-events-${version}-arm64.zip`);
  const print =
    "import sys, zipfile; [print(f.filename, oct(f.external_attr >> 16), f.date_time[0]) " +
    "for f in zipfile.ZipFile(sys.argv[1]).infolist()]";
  expect(outside.run("python3", ["-I", "-c", print, zip]).stdout).toBe("bootstrap 0o100755 1980\n");
});

test("the construct gets both functions, where it looks for them", () => {
  outside.write("package/package.json", "{}");
  outside.write("package/dist/index.js", "");
  spawnSync("tar", ["-czf", "packed.tgz", "package"], { cwd: outside.directory });
  rmSync(outside.path(`target/dist/sweep-outbox-${version}-arm64.zip`), { force: true });
  dist("function", "publish-events", "built/bootstrap");
  expect(dist("construct", "packed.tgz").stderr).toBe(
    `target/dist/sweep-outbox-${version}-arm64.zip can't be packed: No such file or directory\n`,
  );
  dist("function", "sweep-outbox", "built/bootstrap");
  const ended = dist("construct", "packed.tgz");
  expect(ended, ended.stderr).toMatchObject({ status: 0 });
  const archive = outside.path(`target/dist/transactional-outbox-${version}.tgz`);
  expect(outside.run("tar", ["-tzf", archive]).stdout.trim().split("\n").sort()).toEqual([
    "package/dist/index.js",
    "package/functions/publish-events.zip",
    "package/functions/sweep-outbox.zip",
    "package/package.json",
  ]);
});

test("bills of materials are packed, and checksums are of all files", () => {
  outside.write("target/sbom/a.cdx.json", "{}");
  expect(dist("sbom", "target/sbom")).toMatchObject({ status: 0 });
  expect(dist("checksums")).toMatchObject({ status: 0 });
  const sums = read("SHA256SUMS").toString();
  expect(sums).toContain(`  sbom-${version}.tar.gz\n`);
  expect(sums).not.toContain("SHA256SUMS");
  const check = "cd target/dist && sha256sum --check --strict --quiet SHA256SUMS";
  expect(outside.run("sh", ["-c", check])).toMatchObject({ status: 0 });
});

test("the same program is the same archive", () => {
  const pack = () => {
    dist("command", "outboxctl", "x86_64-unknown-linux-gnu", "built/bootstrap");
    dist("function", "publish-events", "built/bootstrap");
    return [
      read(`outboxctl-${version}-x86_64-unknown-linux-gnu.tar.gz`),
      read(`publish-events-${version}-arm64.zip`),
    ];
  };
  expect(pack()).toEqual(pack());
});

test.each([
  [
    ["command", "outbox", "x86_64-unknown-linux-gnu", "built/bootstrap"],
    "there is no command 'outbox': choose outboxctl or stream-mapping",
  ],
  [
    ["function", "publish-events", "not/built"],
    "not/built can't be packed: No such file or directory",
  ],
  [["sbom", "built"], "built has no bill of materials: 'make sbom' writes them"],
])("what can't be packed is said: %j", (parameters, message) => {
  expect(dist(...parameters)).toMatchObject({ status: 1, stderr: `${message}\n` });
});
