import { execFile, execFileSync } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";

const REPOSITORY = resolve(import.meta.dirname, "../..");
const DATABASE = "https://advisories.invalid/database";

/** How an audit ended. */
export interface Audit {
  readonly status: number;
  readonly output: string;
}

/** The response of a server to a request for advisories. */
export interface AdvisoryResponse {
  readonly status: number;
  readonly body: string;
}

/**
 * A project of one crate, one package of npm and one of Python. The servers that its audit asks
 * are local: an advisory database for the crate, a registry and an index for the packages.
 */
export class AuditedProject {
  readonly #directory = mkdtempSync(join(tmpdir(), "audit-"));
  readonly #registry: Server;
  #registryResponse: AdvisoryResponse = { status: 200, body: "{}" };
  #indexResponse: AdvisoryResponse = { status: 200, body: "{}" };
  #databaseIsThere = true;

  private constructor() {
    this.#registry = createServer((request, response) => {
      request.resume();
      const responses: Record<string, AdvisoryResponse> = {
        "/-/npm/v1/security/advisories/bulk": this.#registryResponse,
        "/python/advisories": this.#indexResponse,
      };
      const { status, body } = responses[request.url ?? ""] ?? { status: 404, body: "{}" };
      response.writeHead(status);
      response.end(body);
    });
  }

  static async start(): Promise<AuditedProject> {
    const project = new AuditedProject();
    project.#writeScript();
    project.#writeCrate();
    project.#writePackage();
    project.#writePythonPackage();
    project.#writeDatabase();
    project.#registry.listen(0, "127.0.0.1");
    await once(project.#registry, "listening");
    return project;
  }

  stop(): void {
    this.#registry.close();
  }

  /** Adds an advisory for the crate `dice`. */
  addAdvisory(id: string): void {
    this.#writeAdvisory(id, "dice");
  }

  /** Sets the registry's response. */
  setRegistryResponse(response: AdvisoryResponse): void {
    this.#registryResponse = response;
  }

  /** Sets the response of the index of Python packages. */
  setIndexResponse(response: AdvisoryResponse): void {
    this.#indexResponse = response;
  }

  /** Requires the Python package `domino` in another version, too, for another Python. */
  requireDominoTwice(): void {
    this.#write("scripts/requirements-more.txt", this.#domino("1.2", ">= '3.99'"));
  }

  /** Makes the advisory database unreachable. */
  loseDatabase(): void {
    this.#databaseIsThere = false;
  }

  /** Makes the audit check for yanked crates, which fails: the crate's registry is a folder without an index. */
  checkForYanked(): void {
    this.#writeDenyConfiguration("deny");
  }

  /** Runs `scripts/audit`, with these variables in its environment. */
  audit(environment: Record<string, string> = {}): Promise<Audit> {
    const { port } = this.#registry.address() as AddressInfo;
    const database = this.#databaseIsThere ? "database" : "nowhere";
    const env = {
      ...process.env,
      PATH: `${join(REPOSITORY, ".venv/bin")}:${process.env.PATH}`,
      GIT_CONFIG_COUNT: "1",
      GIT_CONFIG_KEY_0: `url.file://${join(this.#directory, database)}.insteadOf`,
      GIT_CONFIG_VALUE_0: DATABASE,
      npm_config_registry: `http://127.0.0.1:${port}`,
      npm_config_cache: join(this.#directory, "npm"),
      // PyPI's own address can't be changed.
      PIP_AUDIT_VULNERABILITY_SERVICE: "osv",
      PIP_AUDIT_OSV_URL: `http://127.0.0.1:${port}/python/advisories`,
      ...environment,
    };
    return new Promise((ended) => {
      execFile(join(this.#directory, "scripts/audit"), { env }, (error, stdout, stderr) =>
        ended({ status: error ? Number(error.code) : 0, output: stdout + stderr }),
      );
    });
  }

  #writeScript(): void {
    mkdirSync(join(this.#directory, "scripts"), { recursive: true });
    copyFileSync(join(REPOSITORY, "scripts/audit"), join(this.#directory, "scripts/audit"));
    copyFileSync(
      join(REPOSITORY, "rust-toolchain.toml"),
      join(this.#directory, "rust-toolchain.toml"),
    );
  }

  #writeCrate(): void {
    const checksum = "0".repeat(64);
    const source = "registry+https://github.com/rust-lang/crates.io-index";
    this.#write(
      ".cargo/config.toml",
      `[source.crates-io]
replace-with = "vendored"
[source.vendored]
directory = "vendor"
`,
    );
    this.#write("vendor/dice/Cargo.toml", '[package]\nname = "dice"\nversion = "1.0.0"\n');
    this.#write("vendor/dice/src/lib.rs", "");
    this.#write(
      "vendor/dice/.cargo-checksum.json",
      JSON.stringify({ files: {}, package: checksum }),
    );
    this.#write(
      "Cargo.toml",
      '[package]\nname = "audited"\nversion = "1.0.0"\n[dependencies]\ndice = "1"\n',
    );
    this.#write("src/lib.rs", "");
    this.#write(
      "Cargo.lock",
      `version = 4
[[package]]
name = "audited"
version = "1.0.0"
dependencies = ["dice"]
[[package]]
name = "dice"
version = "1.0.0"
source = "${source}"
checksum = "${checksum}"
`,
    );
    this.#writeDenyConfiguration("allow");
  }

  #writeDenyConfiguration(yanked: "allow" | "deny"): void {
    this.#write(
      "deny.toml",
      `[advisories]
db-urls = ["${DATABASE}"]
db-path = "target/advisory-dbs"
yanked = "${yanked}"
`,
    );
  }

  #writePackage(): void {
    this.#write(
      "infra/package.json",
      JSON.stringify({ name: "audited", version: "1.0.0", devDependencies: { coin: "1.0.0" } }),
    );
    this.#write(
      "infra/package-lock.json",
      JSON.stringify({
        name: "audited",
        version: "1.0.0",
        lockfileVersion: 3,
        packages: {
          "": { name: "audited", version: "1.0.0", devDependencies: { coin: "1.0.0" } },
          "node_modules/coin": { version: "1.0.0", dev: true },
        },
      }),
    );
  }

  #writePythonPackage(): void {
    this.#write("scripts/requirements.txt", this.#domino("1.1", ">= '3.10'"));
  }

  #domino(version: string, marker: string): string {
    const hash = `--hash=sha256:${"0".repeat(64)}`;
    return `domino==${version} ; python_full_version ${marker} \\\n    ${hash}\n`;
  }

  #writeDatabase(): void {
    mkdirSync(join(this.#directory, "database"));
    this.#git("init", "--quiet", "--initial-branch", "main");
    this.#writeAdvisory("RUSTSEC-2025-0001", "of-no-interest");
  }

  #writeAdvisory(id: string, crate: string): void {
    this.#write(
      `database/crates/${crate}/${id}.md`,
      `\`\`\`toml
[advisory]
id = "${id}"
package = "${crate}"
date = "2026-01-01"
[versions]
patched = []
\`\`\`

# Always four
`,
    );
    this.#git("add", "--all");
    const author = ["-c", "user.name=audit", "-c", "user.email=audit@example.com"];
    this.#git(...author, "-c", "commit.gpgSign=false", "commit", "--quiet", "--message", id);
  }

  #git(...args: string[]): void {
    // Without the user's hooks and, if a git hook runs this, without that hook's repository.
    const settings = Object.entries(process.env).filter(([name]) => !name.startsWith("GIT_"));
    execFileSync("git", args, {
      cwd: join(this.#directory, "database"),
      env: { ...Object.fromEntries(settings), GIT_CONFIG_GLOBAL: "/dev/null" },
    });
  }

  #write(file: string, content: string): void {
    const path = join(this.#directory, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
  }
}
