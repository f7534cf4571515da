import { Duration } from "aws-cdk-lib";
import {
  type Alarm,
  ComparisonOperator,
  type IMetric,
  MathExpression,
  Metric,
  Stats,
  TreatMissingData,
} from "aws-cdk-lib/aws-cloudwatch";
import type { Function as LambdaFunction } from "aws-cdk-lib/aws-lambda";
import { Construct } from "constructs";
import { type AlarmTopics, RunbookAlarm } from "transactional-outbox";
import { RATE_LIMIT } from "./orders-api.ts";

const PERIOD = Duration.minutes(5);

/** What a request may write to the functions' logs, in bytes; usually it is about 2 KB. */
const LOGGED_PER_REQUEST = 4 * 1024;

/** The functions to watch, by the names of their metrics in expressions, and the topics. */
export interface FunctionAlarmsProps {
  /** The functions whose throttling is watched, all but the relay: the outbox watches it. */
  readonly throttled: Readonly<Record<string, LambdaFunction>>;

  /** The functions whose logs are watched. */
  readonly logging: Readonly<Record<string, LambdaFunction>>;

  readonly topics: AlarmTopics;
}

/** The alarms that any function of the stack can raise: one for all, since each would mean the same. */
export class FunctionAlarms extends Construct {
  /** Ticket: Lambda throttles functions because no concurrency is left. */
  readonly throttles: Alarm;

  /** Ticket: functions write more to their logs than the API's requests explain. */
  readonly logVolume: Alarm;

  constructor(scope: Construct, id: string, props: FunctionAlarmsProps) {
    super(scope, id);
    this.throttles = this.#throttles(props);
    this.logVolume = this.#logVolume(props);
  }

  /** All alarms, the most urgent first. */
  get all(): Alarm[] {
    return [this.throttles, this.logVolume];
  }

  #throttles({ throttled, topics }: FunctionAlarmsProps): Alarm {
    return new RunbookAlarm(this, "Throttles", {
      topics,
      grade: "ticket",
      meaning:
        "More than once Lambda has throttled functions of the API or of shipping, or the sweeper: " +
        "no concurrency is left in the account, or for the function.",
      section: "functions-are-throttled",
      metric: total("throttled invocations", throttled, (one) =>
        one.metricThrottles({ period: PERIOD }),
      ),
      comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      threshold: 1,
      evaluationPeriods: 3,
      datapointsToAlarm: 2,
      // The functions that weren't invoked have no data.
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
  }

  #logVolume({ logging, topics }: FunctionAlarmsProps): Alarm {
    return new RunbookAlarm(this, "LogVolume", {
      topics,
      grade: "ticket",
      meaning:
        "For 15 minutes the functions have written more to their logs than requests at the API's limit would: " +
        "long lines, a loop, or a verbose log level. CloudWatch charges for each byte.",
      section: "functions-log-too-much",
      metric: total("bytes logged", logging, bytesLogged),
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      threshold: RATE_LIMIT * PERIOD.toSeconds() * LOGGED_PER_REQUEST,
      evaluationPeriods: 3,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
  }
}

/** Returns the number of bytes that a function has written to its log. */
function bytesLogged({ logGroup }: LambdaFunction): Metric {
  return new Metric({
    namespace: "AWS/Logs",
    metricName: "IncomingBytes",
    dimensionsMap: { LogGroupName: logGroup.logGroupName },
    statistic: Stats.SUM,
    period: PERIOD,
  });
}

/** Returns the sum of a metric over functions. One without data counts as 0. */
function total(
  label: string,
  functions: Readonly<Record<string, LambdaFunction>>,
  metricOf: (one: LambdaFunction) => IMetric,
): MathExpression {
  const entries = Object.entries(functions);
  return new MathExpression({
    expression: entries.map(([name]) => `FILL(${name}, 0)`).join(" + "),
    usingMetrics: Object.fromEntries(entries.map(([name, one]) => [name, metricOf(one)])),
    label,
    period: PERIOD,
  });
}
