import { Lazy, Token } from "aws-cdk-lib";
import { EventBus, type IEventBus } from "aws-cdk-lib/aws-events";
import { Effect, type IRole, PolicyStatement, StarPrincipal } from "aws-cdk-lib/aws-iam";

/** Who may publish on the bus of an outbox. */
export interface BusPublishersProps {
  /**
   * Whether the bus rejects events of every other publisher: all roles and users but the
   * relay's, the sweeper's, the operator's, those of functions that may publish at once, and
   * `otherPublishers`. AWS services, such as a replay of an archive, are not affected. Not for
   * an imported bus.
   *
   * @default false, since other services may publish on the bus
   */
  readonly rejectOtherPublishers?: boolean;

  /**
   * Roles that `rejectOtherPublishers` doesn't reject: of a second service, or of a rule on
   * another bus whose target is this one. A role, or the ARN of a role or a user, in which `*`
   * stands for any text. Their own policies must allow `events:PutEvents`, with the condition
   * `events:source`: consumers believe them whatever source they name.
   *
   * @default none
   */
  readonly otherPublishers?: readonly (IRole | string)[];
}

/**
 * Denies publishing to every principal but these roles and `otherPublishers`, as a policy of the
 * bus, if the app wants that. Which roles there are is read when the app is synthesized, because
 * functions are allowed to publish at once later.
 *
 * @throws Error if the bus is imported: the policy would not be deployed
 */
export function restrictPublishers(
  eventBus: IEventBus,
  { rejectOtherPublishers, otherPublishers = [] }: BusPublishersProps,
  roles: Iterable<IRole | undefined>,
): void {
  if (!rejectOtherPublishers) {
    requireNoOtherPublishers(otherPublishers);
    return;
  }
  if (!(eventBus instanceof EventBus)) {
    throw new Error(
      `rejectOtherPublishers needs a bus of this app, but eventBus ${eventBus.node.path} is imported: ` +
        "set the policy where the bus is created",
    );
  }
  const others = otherPublishers.map(publisherArn);
  const admitted = () => [
    ...[...roles].flatMap((role) => (role === undefined ? [] : [role.roleArn])),
    ...others,
  ];
  eventBus.addToResourcePolicy(
    new PolicyStatement({
      sid: "RejectOtherPublishers",
      effect: Effect.DENY,
      principals: [new StarPrincipal()],
      actions: ["events:PutEvents"],
      resources: [eventBus.eventBusArn],
      conditions: {
        ArnNotEquals: { "aws:PrincipalArn": Lazy.list({ produce: admitted }) },
        // A service has no principal ARN, so without this it would be denied.
        Bool: { "aws:PrincipalIsAWSService": "false" },
      },
    }),
  );
}

function requireNoOtherPublishers(otherPublishers: readonly unknown[]): void {
  if (otherPublishers.length > 0) {
    throw new Error(
      "otherPublishers has no effect without rejectOtherPublishers: set that to true, or leave this out",
    );
  }
}

/** Returns the ARN of a publisher, as `aws:PrincipalArn` has it. */
function publisherArn(publisher: IRole | string, index: number): string {
  const arn = typeof publisher === "string" ? publisher : publisher.roleArn;
  // A session has the ARN of its role in aws:PrincipalArn.
  if (!Token.isUnresolved(arn) && !/^arn:[\w-]+:iam::[\d*]+:(role|user)\/./.test(arn)) {
    throw new Error(
      `otherPublishers[${index}], ${JSON.stringify(arn)}, is not the ARN of a role or a user: ` +
        "write one like arn:aws:iam::111122223333:role/name",
    );
  }
  return arn;
}
