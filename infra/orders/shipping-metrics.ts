import { Duration, Fn } from "aws-cdk-lib";
import { Metric, Stats } from "aws-cdk-lib/aws-cloudwatch";
import type { IEventBus, IRule } from "aws-cdk-lib/aws-events";
import type { IQueue } from "aws-cdk-lib/aws-sqs";

const PERIOD = Duration.minutes(5);

/** Returns the number of messages in a queue, without those in flight. */
export function visibleMessages(queue: IQueue, label?: string): Metric {
  return queue.metricApproximateNumberOfMessagesVisible({
    statistic: Stats.MAXIMUM,
    period: PERIOD,
    ...(label && { label }),
  });
}

/**
 * Returns the age of a queue's oldest message in seconds. SQS leaves out messages that
 * were received three times or more.
 */
export function oldestMessageAge(queue: IQueue, label?: string): Metric {
  return queue.metricApproximateAgeOfOldestMessage({
    statistic: Stats.MAXIMUM,
    period: PERIOD,
    ...(label && { label }),
  });
}

/** Returns how often a rule of a bus sent events to its target or failed to. */
export function ruleMetric(
  bus: IEventBus,
  rule: IRule,
  metricName: "Invocations" | "FailedInvocations" | "InvocationsFailedToBeSentToDlq",
): Metric {
  return new Metric({
    namespace: "AWS/Events",
    metricName,
    dimensionsMap: { EventBusName: bus.eventBusName, RuleName: nameOf(rule) },
    statistic: Stats.SUM,
    period: PERIOD,
  });
}

/** Returns the name of a rule from its ARN: CloudFormation's `Ref` of it also contains the bus. */
function nameOf(rule: IRule): string {
  return Fn.select(2, Fn.split("/", rule.ruleArn));
}
