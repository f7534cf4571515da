import { Aws } from "aws-cdk-lib";
import { PolicyStatement, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { Topic } from "aws-cdk-lib/aws-sns";
import { Construct } from "constructs";
import type { AlarmTopics } from "transactional-outbox";

/**
 * The topics for the alarms of the orders service. Subscriptions are not part of the
 * code: on-call subscribes after the deployment.
 *
 * They are not encrypted with a key of their own. An alarm contains no customer data, and
 * a key that is disabled or has the wrong policy would silence all alarms.
 */
export class OrdersAlarmTopics extends Construct implements AlarmTopics {
  readonly page: Topic;
  readonly ticket: Topic;

  constructor(scope: Construct, id: string) {
    super(scope, id);
    this.page = this.#createTopic("Page", "Orders: look at once");
    this.ticket = this.#createTopic("Ticket", "Orders: look in working hours");
  }

  #createTopic(id: string, displayName: string): Topic {
    const topic = new Topic(this, id, { displayName, enforceSSL: true });
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
