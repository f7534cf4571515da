import { BootstraplessSynthesizer, CfnOutput, CfnParameter, Stack } from "aws-cdk-lib";
import { Code } from "aws-cdk-lib/aws-lambda";
import { Bucket } from "aws-cdk-lib/aws-s3";
import { Topic } from "aws-cdk-lib/aws-sns";
import type { Construct } from "constructs";
import { TransactionalOutbox } from "transactional-outbox";

export interface PlainOutboxStackProps {
  /** The CloudEvents sources that the outbox may publish. They are part of policies, so they are no parameters. */
  readonly sources: readonly string[];
}

/**
 * The construct alone, for deployments without the CDK: what differs between them is a parameter,
 * and nothing needs a bootstrapped account.
 */
export class PlainOutboxStack extends Stack {
  constructor(scope: Construct, id: string, props: PlainOutboxStackProps) {
    super(scope, id, {
      description: "A transactional outbox: table, stream mapping, relay, sweeper, bus, alarms",
      synthesizer: new BootstraplessSynthesizer(),
      analyticsReporting: false,
    });
    const code = Bucket.fromBucketName(
      this,
      "Code",
      this.#parameter("CodeBucket", "The bucket with the functions' zip files, in this Region"),
    );
    const outbox = new TransactionalOutbox(this, "Outbox", {
      relayCode: Code.fromBucket(
        code,
        this.#parameter("RelayKey", "The key of the zip file of publish-events, for arm64"),
      ),
      sweeperCode: Code.fromBucket(
        code,
        this.#parameter("SweeperKey", "The key of the zip file of sweep-outbox, for arm64"),
      ),
      sources: props.sources,
      alarmTopics: {
        page: this.#topic("Page", "The topic of alarms that page on-call at once"),
        ticket: this.#topic("Ticket", "The topic of alarms for working hours"),
      },
    });
    outbox.addOperatorOutputs();
    new CfnOutput(this, "OutboxTableArn", {
      value: outbox.table.tableArn,
      description: "A role that appends events needs dynamodb:PutItem on it",
    });
  }

  #topic(id: string, description: string) {
    return Topic.fromTopicArn(this, id, this.#parameter(`${id}TopicArn`, description));
  }

  #parameter(id: string, description: string): string {
    return new CfnParameter(this, id, { type: "String", description, minLength: 1 }).valueAsString;
  }
}
