import { Duration } from "aws-cdk-lib";
import { Rule, Schedule } from "aws-cdk-lib/aws-events";
import { LambdaFunction as LambdaTarget } from "aws-cdk-lib/aws-events-targets";
import type { Function as LambdaFunction } from "aws-cdk-lib/aws-lambda";
import type { Construct } from "constructs";
import { acknowledge } from "./acknowledge.ts";
import type { PublishingResources } from "./outbox-grants.ts";
import { createPublishingFunction } from "./publishing-function.ts";
import { SWEEP_DEFAULTS } from "./sweep-defaults.ts";
import type { TransactionalOutboxProps } from "./transactional-outbox-props.ts";

/** Creates the function that publishes events older than `gracePeriod`. */
export function createSweeper(
  outbox: PublishingResources & Construct,
  props: TransactionalOutboxProps,
  gracePeriod: Duration,
): LambdaFunction {
  const retried = "A sweep that fails is not redelivered: the next one is five minutes later.";
  const sweeper = createPublishingFunction(outbox, "Sweeper", {
    crate: "sweep-outbox",
    settings: props,
    description: "Publishes events of the outbox that the stream missed",
    ...(props.sweeperCode && { code: props.sweeperCode }),
    timeout: SWEEP_DEFAULTS.timeout,
    environment: { GRACE_PERIOD_SECONDS: String(gracePeriod.toSeconds()) },
    // The next sweep is the retry.
    retryAttempts: 0,
    maxEventAge: Duration.seconds(60),
    ...(props.sweeperReservedConcurrency !== undefined && {
      reservedConcurrentExecutions: props.sweeperReservedConcurrency,
    }),
    withoutDeadLetterQueue: retried,
  });
  acknowledge(sweeper, ["Serverless"], "LambdaAsyncFailureDestination", retried);
  return sweeper;
}

/** Creates the schedule that invokes the sweeper. */
export function createSweepSchedule(scope: Construct, sweeper: LambdaFunction): Rule {
  const schedule = new Rule(scope, "SweepSchedule", {
    description: "Sweeps the outbox",
    schedule: Schedule.rate(SWEEP_DEFAULTS.interval),
    targets: [new LambdaTarget(sweeper, { retryAttempts: 0, maxEventAge: Duration.seconds(60) })],
  });
  acknowledge(
    schedule,
    ["Serverless"],
    "EventBusDLQ",
    "A tick that doesn't reach the sweeper contains nothing, and the next one comes in five minutes.",
  );
  return schedule;
}
