// Tests scripts/check-packages: on this project, and on a workspace with one crate to publish.
import { spawnSync } from "node:child_process";
import { cpSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { Outside, REPOSITORY } from "./outside.ts";

const CRATE = `[package]
name = "dice"
version = "1.0.0"
edition = "2024"
rust-version = "1.95"
description = "Throws dice"
license = "MIT"
repository = ""
keywords = ["dice"]
categories = ["game-development"]
include = ["/src", "/README.md", "/LICENSE-*"]
`;

/** Returns how the check of a workspace ends, with this manifest and files of a crate. */
function check(manifest: string, ...files: string[]) {
  const outside = new Outside();
  cpSync(`${REPOSITORY}/scripts/check-packages`, outside.path("scripts/check-packages"));
  outside.write(
    "Cargo.toml",
    '[workspace]\nmembers = ["dice", "private"]\nresolver = "3"\n[workspace.package]\n',
  );
  outside.write("dice/Cargo.toml", manifest);
  for (const file of ["src/lib.rs", "README.md", "LICENSE-MIT", "LICENSE-APACHE", ...files]) {
    outside.write(`dice/${file}`, "");
  }
  outside.write(
    "private/Cargo.toml",
    '[package]\nname = "private"\nedition = "2024"\npublish = false\n',
  );
  outside.write("private/src/lib.rs", "");
  outside.run("cargo", ["generate-lockfile", "--offline"]);
  return outside.run("python3", ["-I", outside.path("scripts/check-packages")]);
}

test("a crate that says and contains what it should passes, and private ones aren't packed", () => {
  expect(check(CRATE)).toMatchObject({ status: 0, stderr: "" });
});

test("what a registry couldn't show is named", () => {
  for (const key of ["description", "keywords", "categories", "rust-version", "license"]) {
    const { status, stderr } = check(CRATE.replace(new RegExp(`^${key} = .*\n`, "m"), ""));
    expect(status).toBe(1);
    expect(stderr).toContain(`dice/Cargo.toml lacks ${key}, which a registry shows`);
  }
  expect(check(CRATE.replace('repository = ""\n', "")).stderr).toContain(
    "lacks repository.workspace = true",
  );
});

test("a file that is missing, or doesn't belong there, is named", () => {
  const without = check(CRATE.replace(', "/LICENSE-*"', ""));
  expect(without.status).toBe(1);
  expect(without.stderr).toContain("the package of dice lacks LICENSE-MIT: see 'include' in");
  const { status, stderr } = check(CRATE, "src/notes.txt");
  expect(status).toBe(1);
  expect(stderr).toContain("the package of dice must not contain src/notes.txt: see 'include' in");
});

test("the chapter on releases names the published crates", () => {
  const { stdout } = spawnSync("scripts/check-packages", ["--list"], {
    cwd: REPOSITORY,
    encoding: "utf8",
  });
  const crates = stdout.trim().split("\n").sort();
  expect(crates.length).toBeGreaterThan(4);
  const chapter = readFileSync(`${REPOSITORY}/docs/releasing.md`, "utf8");
  const [, named = ""] = chapter.match(/^\| crates\.io \| (.*?), which /m) ?? [];
  expect([...named.matchAll(/`([\w-]+)`/g)].map(([, name]) => name).sort()).toEqual(crates);
});
