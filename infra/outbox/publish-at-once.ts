import { Stack } from "aws-cdk-lib";
import type { Grant } from "aws-cdk-lib/aws-iam";
import type { Alias, Function as LambdaFunction } from "aws-cdk-lib/aws-lambda";
import type { Construct } from "constructs";
import type { LookUp } from "./look-up.ts";
import { grantPublishingAtOnce, type PublishingResources } from "./outbox-grants.ts";

/** What a function that publishes at once has to do with. */
export interface AtOnceResources extends PublishingResources, Construct {
  /** Which records the relay looks up before it publishes them. */
  readonly lookUp: LookUp;

  /** The relay as the stream invokes it. */
  readonly relayAlias: Alias;
}

/** Lets a function publish at once, by its permissions and its environment variables. */
export function grantPublishAtOnce(outbox: AtOnceResources, writer: LambdaFunction): Grant {
  requireLookUpOfAll(outbox, writer);
  writer.addEnvironment("EVENT_BUS_NAME", outbox.eventBus.eventBusName);
  writer.addEnvironment("EVENT_ORDER", outbox.order);
  updateAfterRelay(outbox, writer);
  return grantPublishingAtOnce(outbox, writer);
}

/** Rejects a writer beside a relay that takes young records for unpublished. */
function requireLookUpOfAll(outbox: AtOnceResources, writer: LambdaFunction): void {
  if (outbox.lookUp !== "Always") {
    throw new Error(
      `${writer.node.path} must not publish at once, because lookUp of outbox ${outbox.node.path} is ` +
        `${JSON.stringify(outbox.lookUp)}: the relay would publish its events a second time. ` +
        'Set lookUp to "Always"',
    );
  }
}

/**
 * Makes the deployment that turns it on update the relay before the writer, whose events the old
 * relay would publish a second time. Between stacks the app decides which is deployed first.
 */
function updateAfterRelay({ relayAlias }: AtOnceResources, writer: LambdaFunction): void {
  if (Stack.of(writer) === Stack.of(relayAlias)) {
    // The function alone: on what else is in its construct, the relay may depend.
    writer.node.defaultChild?.node.addDependency(relayAlias);
  }
}
