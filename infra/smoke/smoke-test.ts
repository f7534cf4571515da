import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { CommandError, reasonOf } from "./command.ts";
import type { OrdersDeployment, ShipmentStatus } from "./orders-deployment.ts";

/** How long to wait for each step, in milliseconds. */
export interface Polling {
  /** The timeout of a step. */
  readonly timeout: number;

  /** The pause between two looks. */
  readonly interval: number;
}

/**
 * Places one order and waits until its shipment is started. Then cancels the order and
 * waits until the shipment is stopped, so that nothing is shipped.
 *
 * @throws CommandError if the order is rejected, or if a step takes too long
 */
export async function smokeTest(
  deployment: OrdersDeployment,
  polling: Polling = { timeout: 60_000, interval: 1_000 },
): Promise<void> {
  const orderId = await deployment.placeOrder(`smoke-test ${randomUUID()}`);
  console.log(`order ${orderId} is placed`);
  const order = new PlacedOrder(deployment, orderId, polling);
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

/** The order of a smoke test. */
class PlacedOrder {
  readonly #deployment: OrdersDeployment;
  readonly #id: string;
  readonly #polling: Polling;

  constructor(deployment: OrdersDeployment, id: string, polling: Polling) {
    this.#deployment = deployment;
    this.#id = id;
    this.#polling = polling;
  }

  /** Waits until the event has left the outbox: the relay deletes it once the bus has accepted it. */
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

  /** Waits until the order's shipment has this status. */
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
   * Cancels the order after the test has failed. If the cancellation itself had failed,
   * this is the second attempt.
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

  /** Polls until the condition holds. Returns the seconds that it took. */
  async #secondsUntil(
    condition: () => Promise<boolean>,
    problem: string,
    advice: string,
  ): Promise<string> {
    const begun = performance.now();
    while (performance.now() - begun < this.#polling.timeout) {
      if (await condition()) {
        return ((performance.now() - begun) / 1_000).toFixed(1);
      }
      await sleep(this.#polling.interval);
    }
    throw new CommandError(`${problem} after ${this.#polling.timeout / 1_000} s: ${advice}`);
  }
}
