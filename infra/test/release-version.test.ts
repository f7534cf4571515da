// Tests scripts/release-version on a copy of the files that have the version.
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { Outside, REPOSITORY } from "./outside.ts";

const FILES = [
  "Cargo.toml",
  "Cargo.lock",
  "CHANGELOG.md",
  "README.md",
  "templates/service/template/Cargo.toml",
  "templates/service/template/infra/package.json",
  "templates/service/template/Makefile",
  "infra/package.json",
  "infra/package-lock.json",
  "infra/outbox/package.json",
  "scripts/proof/fuzz/fuzz/Cargo.lock",
  "scripts/check-semver",
  "scripts/release-version",
];
const ADDRESS = "https://github.com/example/outbox";

/** A copy of this project at version 1.1.0, after a release of 1.0.0. */
class Project {
  readonly #outside = new Outside();

  constructor(address = ADDRESS) {
    for (const file of FILES) {
      cpSync(`${REPOSITORY}/${file}`, this.#outside.path(file));
    }
    const { version } = JSON.parse(this.read("infra/package.json"));
    for (const file of FILES.slice(0, -2)) {
      const at = file.startsWith("templates/")
        ? version
        : file.endsWith(".md")
          ? `outbox-${version}`
          : `"${version}"`;
      this.edit(file, at, at.replace(version, "1.1.0"));
    }
    this.write(
      "CHANGELOG.md",
      "# Changelog\n\n## [Unreleased]\n\n- New.\n\n## [1.0.0] - 2026-01-02\n\nThe first.\n",
    );
    this.edit("Cargo.toml", 'repository = ""', `repository = "${address}"`);
    const npm = address && `git+${address}.git`;
    this.edit("infra/outbox/package.json", '"url": ""', `"url": "${npm}"`);
  }

  /** Checks the API with a stub of cargo-semver-checks, and of the make that installs it. */
  checkApi() {
    this.#outside.program("bin/make", 'echo "make $@"');
    this.#outside.program("tool", 'echo "tool $@"');
    const tool = this.#outside.path("tool");
    return this.#outside.run(this.#outside.path("scripts/check-semver"), [tool]);
  }

  read(file: string): string {
    return readFileSync(this.#outside.path(file), "utf8");
  }

  write(file: string, content: string): void {
    writeFileSync(this.#outside.path(file), content);
  }

  edit(file: string, from: string, to: string): void {
    this.write(file, this.read(file).replaceAll(from, to));
  }

  run(...parameters: string[]) {
    const script = this.#outside.path("scripts/release-version");
    return this.#outside.run("python3", ["-I", script, ...parameters], { GITHUB_REPOSITORY: "" });
  }

  runIn(repository: string, ...parameters: string[]) {
    const script = this.#outside.path("scripts/release-version");
    const environment = { GITHUB_REPOSITORY: repository };
    return this.#outside.run("python3", ["-I", script, ...parameters], environment);
  }
}

test("crates, construct and documents have one version", () => {
  const { status, stdout } = new Project().run("check");
  expect({ status, stdout }).toEqual({
    status: 0,
    stdout: "version 1.1.0: not released yet, and the same everywhere\n",
  });
});

test.each(FILES.slice(0, -2).filter((file) => file !== "CHANGELOG.md"))(
  "a version in %s that is another is found",
  (file) => {
    const project = new Project();
    const text = project.read(file);
    // A Cargo.lock has other crates of this version, too.
    const own = text.indexOf('name = "outbox"\n');
    const at = own < 0 ? text.lastIndexOf("1.1.0") : text.indexOf("1.1.0", own);
    project.write(file, `${text.slice(0, at)}1.0.9${text.slice(at + 5)}`);
    const { status, stderr } = project.run("check");
    expect(status).toBe(1);
    expect(stderr).toContain(`${file} has the version 1.0.9, and Cargo.toml 1.1.0: 'make release`);
  },
);

test("a cut writes the version everywhere, and what was unreleased is its section", () => {
  const project = new Project();
  const { status, stderr } = project.run("cut", "2.0.0");
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(project.run("check").stdout).toContain("version 2.0.0: released");
  expect(project.run("notes", "2.0.0").stdout).toBe("- New.\n");
  expect(project.run("check", "v2.0.0")).toMatchObject({ status: 0 });
  expect(project.run("last").stdout).toBe("1.0.0\n");
  expect(project.read("CHANGELOG.md")).toMatch(
    /## \[Unreleased\]\n\n## \[2\.0\.0\] - \d{4}-\d\d-\d\d\n/,
  );
  // Only the project's own crates.
  expect(project.read("Cargo.lock")).toContain('name = "outbox"\nversion = "2.0.0"');
  const others = /^name = "(.+)"\nversion = "2\.0\.0"\nsource/gm;
  const before = readFileSync(`${REPOSITORY}/Cargo.lock`, "utf8").match(others);
  expect(project.read("Cargo.lock").match(others)).toEqual(before);
});

test.each([
  ["1.0.0", "1.0.0 is released, so 1.0.0 can't be: choose a higher version"],
  ["0.9.9", "1.0.0 is released, so 0.9.9 can't be: choose a higher version"],
  ["v1.1.0", "VERSION is 'v1.1.0': it must be three numbers, such as 1.2.3"],
  ["", "VERSION is '': it must be three numbers, such as 1.2.3"],
])("the version '%s' is rejected, and nothing is written", (version, message) => {
  const project = new Project();
  const before = project.read("Cargo.toml");
  const { status, stderr } = project.run("cut", version);
  expect(status).toBe(1);
  expect(stderr).toContain(message);
  expect(project.read("Cargo.toml")).toBe(before);
});

test("nothing unreleased is nothing to release", () => {
  const project = new Project();
  project.edit("CHANGELOG.md", "- New.\n\n", "");
  expect(project.run("cut", "1.1.0").stderr).toContain("there is nothing to release");
});

test("without the repository's address nothing is released", () => {
  const { status, stderr } = new Project("").run("cut", "1.1.0");
  expect(status).toBe(1);
  for (const file of ["Cargo.toml", "infra/outbox/package.json"]) {
    expect(stderr).toContain(`'repository' in ${file} is '': it must be the address`);
  }
});

test("a tag must be the version, and its section the newest", () => {
  const project = new Project();
  expect(project.run("check", "v1.1.0").stderr).toContain(
    "CHANGELOG.md has no section [1.1.0] below [Unreleased]: run 'make release VERSION=1.1.0'",
  );
  project.run("cut", "1.1.0");
  expect(project.run("check", "v1.1.0")).toMatchObject({ status: 0, stderr: "" });
  expect(project.run("check", "v1.2.0").stderr).toContain(
    "the tag is v1.2.0, and the version 1.1.0: the tag must be v1.1.0",
  );
  project.edit("CHANGELOG.md", "## [Unreleased]\n", "## [Unreleased]\n\n- Later.\n");
  expect(project.run("check", "v1.1.0").stderr).toContain(
    "CHANGELOG.md has changes in [Unreleased], which are not in the release 1.1.0",
  );
});

test("a release in the workflow of another repository is rejected", () => {
  const project = new Project();
  project.run("cut", "1.1.0");
  expect(project.runIn("example/outbox", "check", "v1.1.0")).toMatchObject({ status: 0 });
  expect(project.runIn("someone/fork", "check", "v1.1.0").stderr).toContain(
    `'repository' in Cargo.toml is '${ADDRESS}': it must be the address of the repository, https://github.com/someone/fork`,
  );
});

test("before the first release there is none to compare with", () => {
  const project = new Project();
  project.write("CHANGELOG.md", "# Changelog\n\n## [Unreleased]\n\n- New.\n");
  expect(project.run("last")).toMatchObject({ status: 0, stdout: "\n" });
  expect(project.checkApi()).toMatchObject({
    status: 0,
    stdout: "nothing was released before this version: there is no API to compare with\n",
  });
});

test("the API is compared with that of the last release, by a tool that is installed first", () => {
  const { status, stdout } = new Project().checkApi();
  expect(status).toBe(0);
  expect(stdout).toMatch(/^make \S.*\/tool\n/);
  expect(stdout).toMatch(/^tool semver-checks .*--baseline-version 1\.0\.0 --package outbox /m);
});
