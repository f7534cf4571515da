import { Aws } from "aws-cdk-lib";
import { PolicyStatement, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { Topic } from "aws-cdk-lib/aws-sns";
import { Construct } from "constructs";
import type { AlarmTopics } from "transactional-outbox";

/**
 * The topics that the alarms of the orders service go to. Who is called is not
 * code: people subscribe.
 *
 * They have no key of their own. An alarm says nothing about a customer, and a
 * key that is disabled or has the wrong policy would silence all of them.
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
    // A topic without a policy lets the account's alarms in. This one has one, as
    // it refuses plain text, so they have to be let in by it.
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
