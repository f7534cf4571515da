import { Duration } from "aws-cdk-lib";

/** How often the sweeper runs, how long it may take, and which events it publishes. */
export const SWEEP_DEFAULTS = {
  /** An event that the stream missed is published after the grace period and up to this. */
  interval: Duration.minutes(5),
  /** Below the interval, so that sweeps rarely overlap; if they do, nothing is lost. */
  timeout: Duration.minutes(4),
  /** Younger events are left to the stream. */
  gracePeriod: Duration.minutes(15),
} as const;
