import { type Duration, Token } from "aws-cdk-lib";

/** What a service with many events may want otherwise. */
export interface StreamMappingSettings {
  /**
   * How many records the relay gets at once, 1 to 10,000. It has a minute for
   * them: what is left then comes again.
   *
   * @default 100
   */
  readonly batchSize?: number;

  /**
   * How many batches of a shard the relay gets at once, 1 to 10. Above 1, events
   * of one aggregate may be published out of order.
   *
   * @default 1
   */
  readonly parallelizationFactor?: number;

  /**
   * How long Lambda waits for a batch to fill, up to 5 minutes: fewer
   * invocations, for events that are late by as much.
   *
   * @default Duration.seconds(0)
   */
  readonly maxBatchingWindow?: Duration;
}

/** Refuses what Lambda would refuse, before anything is deployed. */
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
      `${name} is ${value}: Lambda takes whole numbers from ${least} to ${most.toLocaleString("en")}`,
    );
  }
}
