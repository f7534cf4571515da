import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { CommandError } from "./command.ts";
import type { OrdersDeployment } from "./orders-deployment.ts";

/** How long an event may take, and how often to look; milliseconds. */
export interface Patience {
  readonly atMost: number;
  readonly between: number;
}

/**
 * Places one order and waits until its event has left the outbox, which it
 * does only once the bus has it.
 *
 * @throws CommandError if the order is refused, or its event does not leave
 */
export async function smokeTest(
  deployment: OrdersDeployment,
  patience: Patience = { atMost: 60_000, between: 1_000 },
): Promise<void> {
  const orderId = await deployment.placeOrder(`smoke-test ${randomUUID()}`);
  console.log(`order ${orderId} is placed`);

  const begun = performance.now();
  while (performance.now() - begun < patience.atMost) {
    const pending = await deployment.pendingEvents(orderId);
    const parked = pending.find((event) => event.parkedBecause !== undefined);
    if (parked !== undefined) {
      throw new CommandError(`the event of order ${orderId} is parked: ${parked.parkedBecause}`);
    }
    if (pending.length === 0) {
      const seconds = ((performance.now() - begun) / 1_000).toFixed(1);
      console.log(`its event was accepted by the bus after ${seconds} s`);
      return;
    }
    await sleep(patience.between);
  }
  throw new CommandError(
    `the event of order ${orderId} is still in the outbox after ${patience.atMost / 1_000} s: ` +
      "look at the relay's log and at the dead-letter queue",
  );
}
