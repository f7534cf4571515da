import { Duration } from "aws-cdk-lib";
import type { HttpApi } from "aws-cdk-lib/aws-apigatewayv2";
import {
  type Alarm,
  ComparisonOperator,
  MathExpression,
  Stats,
  TreatMissingData,
} from "aws-cdk-lib/aws-cloudwatch";
import { Construct } from "constructs";
import { type AlarmTopics, RunbookAlarm } from "transactional-outbox";

const PERIOD = Duration.minutes(5);

export interface ApiAlarmsProps {
  readonly api: HttpApi;
  readonly topics: AlarmTopics;
}

/** Tells people that callers are not served as they should be. */
export class ApiAlarms extends Construct {
  /** Ticket: requests are answered with 5xx. */
  readonly faults: Alarm;

  /** Ticket: requests are answered late. */
  readonly latency: Alarm;

  constructor(scope: Construct, id: string, props: ApiAlarmsProps) {
    super(scope, id);
    this.faults = this.#faults(props);
    this.latency = this.#latency(props);
  }

  get all(): Alarm[] {
    return [this.faults, this.latency];
  }

  #faults({ api, topics }: ApiAlarmsProps): Alarm {
    return new RunbookAlarm(this, "Faults", {
      topics,
      grade: "ticket",
      meaning: "Of 100 requests to the API more than one is answered with 5xx.",
      section: "the-api-fails",
      metric: new MathExpression({
        expression: "100 * faults / requests",
        usingMetrics: {
          faults: api.metricServerError({ period: PERIOD }),
          requests: api.metricCount({ period: PERIOD }),
        },
        label: "requests answered with 5xx, in percent",
        period: PERIOD,
      }),
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      threshold: 1,
      // With few requests one is more than 1 %: once is no reason to call.
      evaluationPeriods: 3,
      datapointsToAlarm: 2,
      // There were no requests.
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
  }

  #latency({ api, topics }: ApiAlarmsProps): Alarm {
    return new RunbookAlarm(this, "Latency", {
      topics,
      grade: "ticket",
      meaning: "The slowest of 100 requests to the API takes over two seconds, for 15 minutes.",
      section: "the-api-is-slow",
      metric: api.metricLatency({ statistic: Stats.p(99), period: PERIOD }),
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      threshold: Duration.seconds(2).toMilliseconds(),
      // With few requests this is the slowest of all, a cold start for instance.
      evaluationPeriods: 3,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
  }
}
