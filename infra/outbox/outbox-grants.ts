import type { ITable } from "aws-cdk-lib/aws-dynamodb";
import type { IEventBus } from "aws-cdk-lib/aws-events";
import { Grant, type IGrantable } from "aws-cdk-lib/aws-iam";
import type { IQueue } from "aws-cdk-lib/aws-sqs";
import { grantOnQueue, grantTableKey } from "./encryption-key.ts";
import { type EventOrder, keepsOrder } from "./event-order.ts";

/** What publishing reads and writes. */
export interface PublishingResources {
  readonly table: ITable;
  readonly eventBus: IEventBus;
  readonly deadLetterQueue: IQueue;

  /** The CloudEvents sources that may be published. */
  readonly sources: readonly string[];

  /** In which order an aggregate's events are published. */
  readonly order: EventOrder;
}

/** Allows actions on a table, and the use of its key through DynamoDB if it has one. */
export function grantOnTable(table: ITable, grantee: IGrantable, ...actions: string[]): Grant {
  const onTable = table.grant(grantee, ...actions);
  // `grant` of the table does not include its key.
  const key = table.encryptionKey;
  return key === undefined ? onTable : onTable.combine(grantTableKey(table, key, grantee));
}

/** Allows Lambda to read a table's stream with this role; the table's key is granted with the table. */
export function grantReadStream(reader: IGrantable, streamArn: string): Grant {
  return grant(
    reader,
    streamArn,
    "dynamodb:DescribeStream",
    "dynamodb:GetRecords",
    "dynamodb:GetShardIterator",
    "dynamodb:ListStreams",
  );
}

/** Allows what every publisher does, whichever way it finds the rows. */
export function grantPublishing(outbox: PublishingResources, publisher: IGrantable): Grant {
  return combined([
    grantOnTable(
      outbox.table,
      publisher,
      "dynamodb:BatchGetItem",
      "dynamodb:BatchWriteItem",
      // The relay looks for other events while those of its batch fail; the sweeper and the
      // operator read the whole table.
      "dynamodb:Scan",
      "dynamodb:UpdateItem",
    ),
    grantOnQueue(outbox.deadLetterQueue, publisher, "sqs:SendMessage"),
    grantPutEvents(outbox, publisher),
  ]);
}

/** Allows what a writer does that publishes at once. It parks nothing, so it needs no dead-letter queue. */
export function grantPublishingAtOnce(outbox: PublishingResources, writer: IGrantable): Grant {
  return combined([
    grantOnTable(
      outbox.table,
      writer,
      // The relay may have published a row that is two seconds old by now.
      "dynamodb:BatchGetItem",
      "dynamodb:BatchWriteItem",
      // What precedes an event in its aggregate.
      ...(keepsOrder(outbox.order) ? ["dynamodb:Query"] : []),
    ),
    grantPutEvents(outbox, writer),
  ]);
}

/** Allows publishing events of the outbox's sources, and of no other, on a bus that exists. */
function grantPutEvents(outbox: PublishingResources, publisher: IGrantable): Grant {
  const existence = grant(publisher, outbox.eventBus.eventBusArn, "events:DescribeEventBus");
  const events = Grant.addToPrincipal({
    grantee: publisher,
    actions: ["events:PutEvents"],
    resourceArns: [outbox.eventBus.eventBusArn],
    // A request has up to ten events, so the key has several values and needs a set operator,
    // as in the EventBridge user guide, "Example policy: Send events to a custom bus in a
    // different account". `ForAllValues` also admits a request without any source, but
    // EventBridge accepts no event without one.
    conditions: { "ForAllValues:StringEquals": { "events:source": [...outbox.sources] } },
  });
  return existence.combine(events);
}

/** Allows actions on a resource that has no grant methods of its own. */
export function grant(grantee: IGrantable, resourceArn: string, ...actions: string[]): Grant {
  return Grant.addToPrincipal({ grantee, actions, resourceArns: [resourceArn] });
}

/** Returns one grant for all of these, of which there is at least one. */
export function combined(grants: readonly Grant[]): Grant {
  return grants.reduce((all, next) => all.combine(next));
}
