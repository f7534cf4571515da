import { Duration } from "aws-cdk-lib";

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
