import { type App, Stack } from "aws-cdk-lib";
import { type BuiltFunctionCode, OutboxEventBus, TransactionalOutbox } from "transactional-outbox";

/** Creates a bus, and an outbox on it for each of two services. */
export function severalOutboxes(app: App, built: BuiltFunctionCode): Stack[] {
  // In a stack of its own, so that no service's stack can delete it.
  const shared = new Stack(app, "events");
  const eventBus = new OutboxEventBus(shared, "EventBus");

  const services = ["orders", "payments"].map((service) => {
    const stack = new Stack(app, service);
    const outbox = new TransactionalOutbox(stack, "Outbox", {
      relayCode: built.of("publish-events"),
      sweeperCode: built.of("sweep-outbox"),
      sources: [service],
      eventBus,
      // So that no outbox takes the account's concurrency from the other.
      relayReservedConcurrency: 10,
    });
    outbox.addOperatorOutputs();
    return stack;
  });
  return [shared, ...services];
}
