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

/** The API to watch, and the topics that its alarms are sent to. */
export interface ApiAlarmsProps {
  readonly api: HttpApi;
  readonly topics: AlarmTopics;
}

/** The alarms for an API that fails, is slow or rejects many requests. */
export class ApiAlarms extends Construct {
  /** Ticket: requests fail with 5xx. */
  readonly faults: Alarm;

  /** Ticket: requests are slow. */
  readonly latency: Alarm;

  /** Ticket: many requests are rejected with 4xx. */
  readonly clientErrors: Alarm;

  constructor(scope: Construct, id: string, props: ApiAlarmsProps) {
    super(scope, id);
    this.faults = this.#faults(props);
    this.latency = this.#latency(props);
    this.clientErrors = this.#clientErrors(props);
  }

  /** All alarms, the most urgent first. */
  get all(): Alarm[] {
    return [this.faults, this.latency, this.clientErrors];
  }

  #faults({ api, topics }: ApiAlarmsProps): Alarm {
    return new RunbookAlarm(this, "Faults", {
      topics,
      grade: "ticket",
      meaning: "More than 1 % of the requests to the API fail with 5xx.",
      section: "the-api-fails",
      metric: new MathExpression({
        expression: "100 * faults / requests",
        usingMetrics: {
          faults: api.metricServerError({ period: PERIOD }),
          requests: api.metricCount({ period: PERIOD }),
        },
        label: "requests that fail with 5xx, in percent",
        period: PERIOD,
      }),
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      threshold: 1,
      // With few requests a single failure is more than 1 %, so one period does not count.
      evaluationPeriods: 3,
      datapointsToAlarm: 2,
      // No data means no requests.
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
  }

  #latency({ api, topics }: ApiAlarmsProps): Alarm {
    return new RunbookAlarm(this, "Latency", {
      topics,
      grade: "ticket",
      meaning:
        "For 15 minutes, the slowest 1 % of the requests to the API have taken over two seconds.",
      section: "the-api-is-slow",
      metric: api.metricLatency({ statistic: Stats.p(99), period: PERIOD }),
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      threshold: Duration.seconds(2).toMilliseconds(),
      // With few requests the p99 is the slowest of all requests, for example a cold start.
      evaluationPeriods: 3,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
  }

  #clientErrors({ api, topics }: ApiAlarmsProps): Alarm {
    return new RunbookAlarm(this, "ClientErrors", {
      topics,
      grade: "ticket",
      meaning:
        "For 15 minutes the API has rejected over 20 % of the requests with 4xx: a caller is broken, is not " +
        "authorized, exceeds the limit, or tries out what the API accepts.",
      section: "the-api-rejects-many-requests",
      metric: new MathExpression({
        // Of a few requests some are always rejected, such as those of scanners without a signature.
        expression: "IF(errors >= 100, 100 * errors / requests, 0)",
        usingMetrics: {
          errors: api.metricClientError({ period: PERIOD }),
          requests: api.metricCount({ period: PERIOD }),
        },
        label: "requests that are rejected with 4xx, in percent",
        period: PERIOD,
      }),
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      threshold: 20,
      evaluationPeriods: 3,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
  }
}
