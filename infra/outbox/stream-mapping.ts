import { Duration, Token } from "aws-cdk-lib";

/**
 * How Lambda invokes the relay. Each value affects whether events are late or
 * duplicated, so all are in one place.
 */
export const STREAM_MAPPING_DEFAULTS = {
  /** Records per invocation: ten PutEvents requests of ten entries. */
  batchSize: 100,
  /** Do not wait for a batch to fill: waiting would add to every event's latency. */
  maxBatchingWindow: Duration.seconds(0),
  /** One batch per shard at a time, which keeps an aggregate's events in order. */
  parallelizationFactor: 1,
  /** The relay retries by itself; a batch that still fails after these needs the operator. */
  retryAttempts: 30,
  /** One hour less than the stream keeps records, so that a dead letter is sent before a record expires. */
  maxRecordAge: Duration.hours(23),
} as const;

/** Settings of the stream mapping that services with many events may change. */
export interface StreamMappingSettings {
  /**
   * How many records the relay receives per invocation, 1 to 10,000. It has one
   * minute for them; records that are left are retried.
   *
   * @default 100
   */
  readonly batchSize?: number;

  /**
   * How many batches of a shard are processed concurrently, 1 to 10. Above 1, neighbouring
   * events of an aggregate may be in flight at once, and more of them arrive twice.
   *
   * @default 1
   */
  readonly parallelizationFactor?: number;

  /**
   * How long Lambda waits for a batch to fill, up to 5 minutes. Longer means fewer
   * invocations, and events that arrive later by up to this time.
   *
   * @default Duration.seconds(0)
   */
  readonly maxBatchingWindow?: Duration;
}

/** Rejects settings that Lambda would reject, before anything is deployed. */
export function requireStreamMapping(settings: StreamMappingSettings): void {
  requireWithin("batchSize", settings.batchSize, 1, 10_000);
  requireWithin("parallelizationFactor", settings.parallelizationFactor, 1, 10);
  requireWithin("maxBatchingWindow, in seconds,", settings.maxBatchingWindow?.toSeconds(), 0, 300);
}

function requireWithin(name: string, value: number | undefined, least: number, most: number): void {
  if (value === undefined || Token.isUnresolved(value)) {
    return;
  }
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new Error(
      `${name} is ${value}: Lambda accepts whole numbers from ${least} to ${most.toLocaleString("en")}`,
    );
  }
}
