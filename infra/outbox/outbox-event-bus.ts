import { type Environment, RemovalPolicy, Stack, Token } from "aws-cdk-lib";
import { EventBus, type IEventBus } from "aws-cdk-lib/aws-events";
import type { Construct } from "constructs";

/** A bus for the events of one outbox. */
export function createEventBus(scope: Construct, id: string): EventBus {
  const eventBus = new EventBus(scope, id);
  // A bus that is gone accepts events all the same: it outlives the stack, so
  // that no relay ever publishes into nothing.
  eventBus.applyRemovalPolicy(RemovalPolicy.RETAIN);
  return eventBus;
}

/** Refuses a bus that the relay, which knows no more than a name, would not find. */
export function requireEventBus(scope: Construct, eventBus: IEventBus): void {
  const path = eventBus.node.path;
  if (!eventBus.eventBusName) {
    throw new Error(`eventBus ${path} has no name: give the name of the bus to publish to`);
  }
  for (const what of ["account", "region"] as const satisfies (keyof Environment)[]) {
    const [here, there] = [Stack.of(scope)[what], eventBus.env[what]];
    if (here !== there && !Token.isUnresolved(here) && !Token.isUnresolved(there)) {
      throw new Error(
        `eventBus ${path} is in ${what} ${there}, the outbox in ${here}: ` +
          "publish to a bus beside the outbox, and let a rule of it send events on",
      );
    }
  }
}
