import type { Duration } from "aws-cdk-lib";
import { SWEEP_DEFAULTS } from "./sweep-defaults.ts";

/**
 * Rejects a grace period that is too short or too long.
 *
 * Too short: the relay may still be publishing the event, and the sweeper would
 * publish it a second time. Longer than the default: `outboxctl` and the alarms
 * use the default to decide that an event is late, so they would report events
 * that the sweeper has not had to publish yet.
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
        "The sweeper would publish events that the relay is still publishing: allow at least that",
    );
  }
  if (seconds > most) {
    throw new Error(
      `sweepGracePeriod is ${seconds} s, but outboxctl and the alarms expect the sweeper to publish an event ` +
        `after ${most} s: allow at most that`,
    );
  }
}
