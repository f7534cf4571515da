import { type Environment as AwsEnvironment, Duration, RemovalPolicy } from "aws-cdk-lib";
import { ApplicationLogLevel, Architecture } from "aws-cdk-lib/aws-lambda";
import { RetentionDays } from "aws-cdk-lib/aws-logs";

/** The settings that differ between environments. */
export interface Environment {
  /** Whether the stack is deployed to the emulator on this machine. */
  readonly local: boolean;

  /** The only account and Region that the stack can be deployed to; otherwise those of the credentials. */
  readonly pinnedTo?: Required<AwsEnvironment>;

  /** What happens to tables when the stack is deleted. */
  readonly tableRemovalPolicy: RemovalPolicy;

  /** Whether the stack and its tables are protected from deletion. */
  readonly deletionProtection: boolean;

  /** Whether tables can be restored to a point in time. */
  readonly pointInTimeRecovery: boolean;

  /** How much functions log. */
  readonly logLevel: ApplicationLogLevel;

  /** How long logs are kept. */
  readonly logRetention: RetentionDays;

  /** What happens to log groups when the stack is deleted. */
  readonly logRemovalPolicy: RemovalPolicy;

  /**
   * Whether all data is encrypted with a key of the stack's own, rather than with keys of
   * AWS. Once data is there, turn it on and off with care: what is read needs its key.
   */
  readonly customerManagedKey: boolean;

  /** Whether there are alarms with their topics, and a dashboard. */
  readonly monitoring: boolean;

  /**
   * How long the archive keeps published events; without it there is no archive. If
   * tables can be restored, it covers the same 35 days: after a restore, events that were
   * published since are replayed from it.
   */
  readonly eventArchiveRetention?: Duration;

  /** The processor functions are built for. */
  readonly architecture: Architecture;
}

/** Local functions run on this machine, so they are built for its processor. */
const hostArchitecture = process.arch === "arm64" ? Architecture.ARM_64 : Architecture.X86_64;

const environments = {
  local: {
    local: true,
    // Without authorization, so no real account may have it.
    pinnedTo: { account: "000000000000", region: "eu-central-1" },
    tableRemovalPolicy: RemovalPolicy.DESTROY,
    deletionProtection: false,
    pointInTimeRecovery: false,
    logLevel: ApplicationLogLevel.DEBUG,
    logRetention: RetentionDays.ONE_DAY,
    logRemovalPolicy: RemovalPolicy.DESTROY,
    customerManagedKey: false,
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
    logRemovalPolicy: RemovalPolicy.DESTROY,
    customerManagedKey: false,
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
    logRemovalPolicy: RemovalPolicy.DESTROY,
    customerManagedKey: false,
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
    // They are evidence of who did what, also after the stack is deleted.
    logRemovalPolicy: RemovalPolicy.RETAIN,
    customerManagedKey: false,
    monitoring: true,
    eventArchiveRetention: Duration.days(90),
    architecture: Architecture.ARM_64,
  },
} as const satisfies Record<string, Environment>;

export type EnvironmentName = keyof typeof environments;

export const environmentNames = Object.keys(environments) as EnvironmentName[];

/** Returns the settings of an environment. */
export function environment(name: EnvironmentName): Environment {
  return environments[name];
}

/**
 * Parses the name of an environment.
 *
 * @throws Error if there is no environment with this name
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
