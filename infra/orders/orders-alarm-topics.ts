import { Aws } from "aws-cdk-lib";
import { PolicyStatement, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import type { IKey } from "aws-cdk-lib/aws-kms";
import { Topic } from "aws-cdk-lib/aws-sns";
import { Construct } from "constructs";
import type { AlarmTopics } from "transactional-outbox";
import { acknowledge, STANDARDS } from "./acknowledge.ts";

/**
 * The topics for the alarms of the orders service. Subscriptions are not part of the
 * code: on-call subscribes after the deployment.
 *
 * Without a key they are not encrypted: an alarm contains no customer data. With one, its
 * policy must let CloudWatch use it, and a key that is disabled silences all alarms.
 */
export class OrdersAlarmTopics extends Construct implements AlarmTopics {
  readonly page: Topic;
  readonly ticket: Topic;

  readonly #encryptionKey: IKey | undefined;

  constructor(scope: Construct, id: string, encryptionKey?: IKey) {
    super(scope, id);
    this.#encryptionKey = encryptionKey;
    this.page = this.#createTopic("Page", "Orders: look at once");
    this.ticket = this.#createTopic("Ticket", "Orders: look in working hours");
  }

  #createTopic(id: string, displayName: string): Topic {
    const topic = new Topic(this, id, {
      displayName,
      enforceSSL: true,
      ...(this.#encryptionKey && { masterKey: this.#encryptionKey }),
    });
    if (this.#encryptionKey === undefined) {
      acknowledge(
        topic,
        STANDARDS,
        "SNSEncryptedKMS",
        "An alarm contains no customer data; the setting customerManagedKey sets a key.",
      );
    }
    // By default a topic accepts alarms of its own account. This topic has a policy,
    // which rejects plain text, so the policy must also allow the alarms.
    topic.addToResourcePolicy(
      new PolicyStatement({
        principals: [new ServicePrincipal("cloudwatch.amazonaws.com")],
        actions: ["sns:Publish"],
        resources: [topic.topicArn],
        conditions: { StringEquals: { "aws:SourceAccount": Aws.ACCOUNT_ID } },
      }),
    );
    return topic;
  }
}
