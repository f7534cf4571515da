import { existsSync } from "node:fs";
import { join } from "node:path";
import { Architecture, Code } from "aws-cdk-lib/aws-lambda";

/** The error for a function whose code this copy of the package doesn't contain. */
export class NotPrebuiltError extends Error {
  constructor(message: string) {
    super(`${message}. Build the functions with 'make build', and pass relayCode and sweeperCode`);
    this.name = "NotPrebuiltError";
  }
}

export interface PrebuiltFunctionCodeProps {
  /**
   * The directory with a zip for each function.
   *
   * @default the package's own, `functions/`
   */
  readonly directory?: string;
}

/**
 * Finds the code of relay and sweeper in this package. A released package contains it; one that
 * was packed by `make pack` doesn't.
 *
 * Zips, because they keep the executable bit wherever the package is installed. They contain no
 * time, so that the same code is the same asset.
 */
export class PrebuiltFunctionCode {
  readonly #directory: string;

  constructor(props: PrebuiltFunctionCodeProps = {}) {
    // This module is in dist/.
    this.#directory = props.directory ?? join(__dirname, "..", "functions");
  }

  /**
   * Returns the code of one function.
   *
   * @param name the name of the function's crate
   * @param architecture the processor of the function
   * @throws NotPrebuiltError if the package has no code of it, or for another processor
   */
  of(name: string, architecture: Architecture = Architecture.ARM_64): Code {
    if (architecture.name !== Architecture.ARM_64.name) {
      throw new NotPrebuiltError(
        `transactional-outbox contains ${name} for arm64 only, and architecture is ${architecture.name}`,
      );
    }
    const zip = join(this.#directory, `${name}.zip`);
    if (!existsSync(zip)) {
      throw new NotPrebuiltError(
        `${zip} does not exist: this copy of transactional-outbox was packed without its functions`,
      );
    }
    return Code.fromAsset(zip);
  }
}
