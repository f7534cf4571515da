import { Duration } from "aws-cdk-lib";

/** How often, and for how long, the outbox is swept. */
export const SWEEP_DEFAULTS = {
  /** An event that the stream left behind is late by this and the grace period. */
  interval: Duration.minutes(5),
  /** Below the interval, so that sweeps hardly overlap; if they do, nothing is lost. */
  timeout: Duration.minutes(4),
  /** What is younger is left to the stream. */
  gracePeriod: Duration.minutes(15),
} as const;
