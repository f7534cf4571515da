import type { Duration } from "aws-cdk-lib";
import { SWEEP_DEFAULTS } from "./sweep-defaults.ts";

/**
 * Refuses a grace period in which the relay may still be at work on an event:
 * the sweeper would publish it a second time. And one that is longer than the
 * default, since outboxctl and the alarms count an event as late by that.
 */
export function requireGracePeriod(
  gracePeriod: Duration,
  relay: { readonly timeout: Duration; readonly maxBatchingWindow: Duration },
): void {
  const least = relay.maxBatchingWindow.plus(relay.timeout).toSeconds();
  const most = SWEEP_DEFAULTS.gracePeriod.toSeconds();
  const seconds = gracePeriod.toSeconds();
  if (seconds < least) {
    throw new Error(
      `sweepGracePeriod is ${seconds} s, but the relay may take ${least} s: maxBatchingWindow and its timeout. ` +
        "The sweeper would publish what the relay is about to: allow at least that",
    );
  }
  if (seconds > most) {
    throw new Error(
      `sweepGracePeriod is ${seconds} s, but an event counts as late when the sweeper should have had it ` +
        `after ${most} s: allow at most that`,
    );
  }
}
