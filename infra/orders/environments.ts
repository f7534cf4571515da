import { Duration, RemovalPolicy } from "aws-cdk-lib";
import { ApplicationLogLevel, Architecture } from "aws-cdk-lib/aws-lambda";
import { RetentionDays } from "aws-cdk-lib/aws-logs";

/** What differs between environments, and nothing else. */
export interface Environment {
  /** Whether the stack lives in the emulator on this machine. */
  readonly local: boolean;

  /** What becomes of tables when the stack goes. */
  readonly tableRemovalPolicy: RemovalPolicy;

  /** Whether the stack and its tables refuse to be deleted. */
  readonly deletionProtection: boolean;

  /** Whether tables can be restored to a point in time. */
  readonly pointInTimeRecovery: boolean;

  /** How much functions log. */
  readonly logLevel: ApplicationLogLevel;

  /** How long logs are kept. */
  readonly logRetention: RetentionDays;

  /** Whether there are alarms, with topics for them, and a dashboard. */
  readonly monitoring: boolean;

  /**
   * How long an archive keeps what was published; without, there is none. Where
   * tables can be restored it reaches back as far as they do, 35 days: what was
   * published since comes from it.
   */
  readonly eventArchiveRetention?: Duration;

  /** The processor functions are built for. */
  readonly architecture: Architecture;
}

/** Locally functions run on the machine itself. */
const hostArchitecture = process.arch === "arm64" ? Architecture.ARM_64 : Architecture.X86_64;

const environments = {
  local: {
    local: true,
    tableRemovalPolicy: RemovalPolicy.DESTROY,
    deletionProtection: false,
    pointInTimeRecovery: false,
    logLevel: ApplicationLogLevel.DEBUG,
    logRetention: RetentionDays.ONE_DAY,
    monitoring: false,
    architecture: hostArchitecture,
  },
  dev: {
    local: false,
    tableRemovalPolicy: RemovalPolicy.DESTROY,
    deletionProtection: false,
    pointInTimeRecovery: false,
    logLevel: ApplicationLogLevel.DEBUG,
    logRetention: RetentionDays.ONE_WEEK,
    monitoring: true,
    eventArchiveRetention: Duration.days(7),
    architecture: Architecture.ARM_64,
  },
  staging: {
    local: false,
    tableRemovalPolicy: RemovalPolicy.DESTROY,
    deletionProtection: false,
    pointInTimeRecovery: true,
    logLevel: ApplicationLogLevel.INFO,
    logRetention: RetentionDays.ONE_MONTH,
    monitoring: true,
    eventArchiveRetention: Duration.days(35),
    architecture: Architecture.ARM_64,
  },
  prod: {
    local: false,
    tableRemovalPolicy: RemovalPolicy.RETAIN,
    deletionProtection: true,
    pointInTimeRecovery: true,
    logLevel: ApplicationLogLevel.INFO,
    logRetention: RetentionDays.ONE_YEAR,
    monitoring: true,
    eventArchiveRetention: Duration.days(90),
    architecture: Architecture.ARM_64,
  },
} as const satisfies Record<string, Environment>;

export type EnvironmentName = keyof typeof environments;

export const environmentNames = Object.keys(environments) as EnvironmentName[];

/** What is particular to an environment. */
export function environment(name: EnvironmentName): Environment {
  return environments[name];
}

/**
 * The environment a person asked for.
 *
 * @throws Error if there is none with this name
 */
export function parseEnvironmentName(name: unknown): EnvironmentName {
  const found = environmentNames.find((known) => known === name);
  if (found === undefined) {
    throw new Error(
      `unknown environment ${JSON.stringify(name)}: choose one of ${environmentNames.join(", ")} with -c env=NAME`,
    );
  }
  return found;
}
