import { type Environment, RemovalPolicy, Stack, Token } from "aws-cdk-lib";
import { EventBus, type IEventBus } from "aws-cdk-lib/aws-events";
import { Effect, type IRole, PolicyStatement, StarPrincipal } from "aws-cdk-lib/aws-iam";
import type { Construct } from "constructs";

/** Creates a bus for the events of one outbox. */
export function createEventBus(scope: Construct, id: string): EventBus {
  const eventBus = new EventBus(scope, id);
  // PutEvents succeeds even if the bus does not exist, and the events are lost.
  // So the bus outlives the stack.
  eventBus.applyRemovalPolicy(RemovalPolicy.RETAIN);
  return eventBus;
}

/** Rejects a bus that the relay would not find: it looks for a name, in its own account and Region. */
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
          "publish to a bus in the same account and Region, and let a rule forward the events",
      );
    }
  }
}

/**
 * Denies publishing to every principal but these roles, as a policy of the bus.
 *
 * @throws Error if the bus is imported: the policy would not be deployed
 */
export function rejectOtherPublishers(
  eventBus: IEventBus,
  roles: readonly (IRole | undefined)[],
): void {
  if (!(eventBus instanceof EventBus)) {
    throw new Error(
      `rejectOtherPublishers needs a bus of this app, but eventBus ${eventBus.node.path} is imported: ` +
        "set the policy where the bus is created",
    );
  }
  const roleArns = roles.flatMap((role) => (role === undefined ? [] : [role.roleArn]));
  eventBus.addToResourcePolicy(
    new PolicyStatement({
      sid: "RejectOtherPublishers",
      effect: Effect.DENY,
      principals: [new StarPrincipal()],
      actions: ["events:PutEvents"],
      resources: [eventBus.eventBusArn],
      conditions: {
        ArnNotEquals: { "aws:PrincipalArn": roleArns },
        // A service has no principal ARN, so without this it would be denied.
        Bool: { "aws:PrincipalIsAWSService": "false" },
      },
    }),
  );
}
