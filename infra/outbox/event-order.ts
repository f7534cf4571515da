/**
 * In which order an outbox publishes the events of an aggregate.
 *
 * - `InSequence`: an event is published only once every earlier event of its aggregate was
 *   accepted by the bus, or discarded by an operator. It is held behind a parked one. One request
 *   may have several events of an aggregate, of which EventBridge may reject an earlier one for now
 *   and accept a later one.
 * - `Strict`: the same, and no request has several events of an aggregate. That takes a round trip
 *   for each event of an aggregate in a batch, instead of one for all.
 * - `BestEffort`: an event overtakes parked events, and those that were left to the sweeper. That
 *   saves a read of the table for an event whose predecessor another process has published.
 *   For consumers that don't depend on order.
 */
export type EventOrder = "InSequence" | "Strict" | "BestEffort";

const ORDERS: readonly EventOrder[] = ["InSequence", "Strict", "BestEffort"];

/** Returns the order, by default in sequence. Rejects what JavaScript may pass otherwise. */
export function requireEventOrder(order: EventOrder = "InSequence"): EventOrder {
  if (!ORDERS.includes(order)) {
    throw new Error(`order is ${JSON.stringify(order)}: use one of ${ORDERS.join(", ")}`);
  }
  return order;
}

/** Returns whether a publisher reads what precedes an event in its aggregate. */
export function keepsOrder(order: EventOrder): boolean {
  return order !== "BestEffort";
}
