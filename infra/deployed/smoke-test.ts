import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { CommandError, reasonOf } from "./command.ts";
import type { OrdersDeployment, ShipmentStatus } from "./orders-deployment.ts";

/** How long each step may take, and how often to look; milliseconds. */
export interface Patience {
  readonly atMost: number;
  readonly between: number;
}

/**
 * Places one order and waits until shipping has started its shipment; cancels
 * it and waits until the shipment is stopped, so that nothing real is left.
 *
 * @throws CommandError if the order is refused, or if it stays on its way
 */
export async function smokeTest(
  deployment: OrdersDeployment,
  patience: Patience = { atMost: 60_000, between: 1_000 },
): Promise<void> {
  const orderId = await deployment.placeOrder(`smoke-test ${randomUUID()}`);
  console.log(`order ${orderId} is placed`);
  const order = new PlacedOrder(deployment, orderId, patience);
  try {
    await order.leavesOutbox("OrderCreated");
    await order.shipmentIs("started");
    await order.cancel();
  } catch (failure) {
    await order.cancelDespite(failure);
    throw failure;
  }
  await order.leavesOutbox("OrderCancelled");
  await order.shipmentIs("stopped");
}

/** The order of a smoke test, on its way through the service. */
class PlacedOrder {
  readonly #deployment: OrdersDeployment;
  readonly #id: string;
  readonly #patience: Patience;

  constructor(deployment: OrdersDeployment, id: string, patience: Patience) {
    this.#deployment = deployment;
    this.#id = id;
    this.#patience = patience;
  }

  /** Waits until the event has left the outbox, which it does only once the bus has it. */
  async leavesOutbox(event: string): Promise<void> {
    const seconds = await this.#secondsUntil(
      async () => {
        const pending = await this.#deployment.pendingEvents(this.#id);
        const parked = pending.find(({ parkedBecause }) => parkedBecause !== undefined);
        if (parked !== undefined) {
          throw new CommandError(
            `${event} of order ${this.#id} is parked: ${parked.parkedBecause}`,
          );
        }
        return pending.length === 0;
      },
      `${event} of order ${this.#id} is still in the outbox`,
      "look at the relay's log and at the dead-letter queue",
    );
    console.log(`its ${event} was accepted by the bus after ${seconds} s`);
  }

  /** Waits until shipping has done this with the order's shipment. */
  async shipmentIs(status: ShipmentStatus): Promise<void> {
    const seconds = await this.#secondsUntil(
      async () => (await this.#deployment.shipmentStatus(this.#id)) === status,
      `the shipment of order ${this.#id} is still not ${status}`,
      "look at start-shipping's log and at shipping's dead-letter queues, " +
        "see docs/operations.md#dead-letters-of-shipping",
    );
    console.log(`its shipment was ${status} after ${seconds} s`);
  }

  async cancel(): Promise<void> {
    await this.#deployment.cancelOrder(this.#id);
    console.log("it is cancelled");
  }

  /**
   * Cancels the order of a test that has failed. If it was the cancelling that
   * failed, this tries once more.
   *
   * @throws CommandError with both reasons, if the order cannot be cancelled
   */
  async cancelDespite(failure: unknown): Promise<void> {
    await this.cancel().catch((cause: unknown) => {
      throw new CommandError(
        `${reasonOf(failure)}. And order ${this.#id} could not be cancelled: ${reasonOf(cause)}. ` +
          "Cancel it by hand, or it may be shipped",
        { cause: failure },
      );
    });
  }

  /** Looks until it is so, and tells how long that took. */
  async #secondsUntil(
    isSo: () => Promise<boolean>,
    otherwise: string,
    advice: string,
  ): Promise<string> {
    const begun = performance.now();
    while (performance.now() - begun < this.#patience.atMost) {
      if (await isSo()) {
        return ((performance.now() - begun) / 1_000).toFixed(1);
      }
      await sleep(this.#patience.between);
    }
    throw new CommandError(`${otherwise} after ${this.#patience.atMost / 1_000} s: ${advice}`);
  }
}
