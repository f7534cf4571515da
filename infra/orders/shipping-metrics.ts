import { Duration, Fn } from "aws-cdk-lib";
import { Metric, Stats } from "aws-cdk-lib/aws-cloudwatch";
import type { IEventBus, IRule } from "aws-cdk-lib/aws-events";
import type { IQueue } from "aws-cdk-lib/aws-sqs";

const PERIOD = Duration.minutes(5);

/** Messages that lie in a queue, beside those in somebody's hands. */
export function waiting(queue: IQueue, label?: string): Metric {
  return queue.metricApproximateNumberOfMessagesVisible({
    statistic: Stats.MAXIMUM,
    period: PERIOD,
    ...(label && { label }),
  });
}

/**
 * How long the oldest of them has been there, in seconds. SQS passes over what
 * was received three times.
 */
export function oldest(queue: IQueue, label?: string): Metric {
  return queue.metricApproximateAgeOfOldestMessage({
    statistic: Stats.MAXIMUM,
    period: PERIOD,
    ...(label && { label }),
  });
}

/** How often a rule of a bus handed events to its target, or did not. */
export function delivered(
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

/** CloudFormation's name of a rule holds that of its bus, too; its ARN has them apart. */
function nameOf(rule: IRule): string {
  return Fn.select(2, Fn.split("/", rule.ruleArn));
}
