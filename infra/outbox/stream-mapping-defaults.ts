import { Duration } from "aws-cdk-lib";

/**
 * How Lambda drives the relay. Each value is a decision about lost, late or
 * repeated events, so they live in one place.
 */
export const STREAM_MAPPING_DEFAULTS = {
  /** Records of one invocation: ten requests of ten events. */
  batchSize: 100,
  /** Never wait for a batch to fill: an event is late enough already. */
  maxBatchingWindow: Duration.seconds(0),
  /** One batch a shard at a time: order is kept within an aggregate. */
  parallelizationFactor: 1,
  /** The relay retries by itself; what still fails after these needs a person. */
  retryAttempts: 30,
  /** An hour before the stream drops a record, it goes to the dead-letter queue. */
  maxRecordAge: Duration.hours(23),
} as const;
