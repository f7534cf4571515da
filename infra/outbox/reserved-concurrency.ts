import { Token } from "aws-cdk-lib";

/**
 * How many invocations at once are reserved for each function. A reservation is also a
 * limit, and it is taken from what the account's other functions share.
 */
export interface ReservedConcurrencyProps {
  /**
   * Invocations of the relay: at least one per shard of the stream, times
   * `parallelizationFactor`. With fewer, Lambda throttles the relay and events are late.
   *
   * @default none reserved: the relay shares the account's concurrency
   */
  readonly relayReservedConcurrency?: number;

  /**
   * Invocations of the sweeper: 2 are enough, since sweeps rarely overlap.
   *
   * @default none reserved: the sweeper shares the account's concurrency
   */
  readonly sweeperReservedConcurrency?: number;
}

/** Rejects a reservation with which a function would never run. */
export function requireReservedConcurrency(props: ReservedConcurrencyProps): void {
  for (const name of [
    "relayReservedConcurrency",
    "sweeperReservedConcurrency",
  ] as const satisfies (keyof ReservedConcurrencyProps)[]) {
    const value = props[name];
    if (value === undefined || Token.isUnresolved(value)) {
      continue;
    }
    if (!Number.isInteger(value) || value < 1) {
      throw new Error(
        `${name} is ${value}: reserve a whole number of invocations, 1 or more. ` +
          "With 0, Lambda never invokes the function; to stop publishing, use outboxctl pause",
      );
    }
  }
}
