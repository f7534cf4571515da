import type { Template } from "aws-cdk-lib/assertions";

/** A metric that an alarm or a widget reads. */
export interface MetricName {
  readonly namespace: string;
  readonly name: string;
  /** The names of its dimensions, sorted. */
  readonly dimensions: string[];
}

/** The documented metrics of the AWS services used here, by namespace and dimensions. */
const AWS_METRICS: Record<string, Record<string, string[]>> = {
  "AWS/ApiGateway": {
    ApiId: ["4xx", "5xx", "Count", "DataProcessed", "IntegrationLatency", "Latency"],
  },
  "AWS/DynamoDB": {
    TableName: [
      "ConditionalCheckFailedRequests",
      "ConsumedReadCapacityUnits",
      "ConsumedWriteCapacityUnits",
      "ReadThrottleEvents",
      "TimeToLiveDeletedItemCount",
      "TransactionConflict",
      "WriteThrottleEvents",
    ],
  },
  "AWS/Events": {
    "": [
      "PutEventsApproximateCallCount",
      "PutEventsApproximateFailedCount",
      "PutEventsApproximateSuccessCount",
      "PutEventsApproximateThrottledCount",
      "PutEventsEntriesCount",
      "PutEventsFailedEntriesCount",
      "PutEventsLatency",
      "PutEventsRequestSize",
    ],
    "EventBusName,RuleName": [
      "DeadLetterInvocations",
      "FailedInvocations",
      "Invocations",
      "InvocationsFailedToBeSentToDlq",
      "InvocationsSentToDlq",
      "ThrottledRules",
      "TriggeredRules",
    ],
  },
  "AWS/Lambda": {
    EventSourceMappingUUID: [
      "DroppedEventCount",
      "FailedInvokeEventCount",
      "FilteredOutEventCount",
      "InvokedEventCount",
      "OnFailureDestinationDeliveredEventCount",
      "PolledEventCount",
    ],
    FunctionName: [
      "ConcurrentExecutions",
      "DestinationDeliveryFailures",
      "Duration",
      "Errors",
      "Invocations",
      "IteratorAge",
      "Throttles",
    ],
  },
  "AWS/Logs": {
    LogGroupName: ["IncomingBytes", "IncomingLogEvents"],
  },
  "AWS/SQS": {
    QueueName: [
      "ApproximateAgeOfOldestMessage",
      "ApproximateNumberOfMessagesNotVisible",
      "ApproximateNumberOfMessagesVisible",
      "NumberOfMessagesDeleted",
      "NumberOfMessagesReceived",
      "NumberOfMessagesSent",
    ],
  },
};

/** Returns whether an AWS service writes this metric. */
export function isOfAws({ namespace, name, dimensions }: MetricName): boolean {
  return AWS_METRICS[namespace]?.[dimensions.join()]?.includes(name) ?? false;
}

/** A metric in the property `Metrics` of an alarm. */
interface Query {
  readonly Expression?: string;
  readonly MetricStat?: { readonly Metric: Metric; readonly Stat: string };
}

interface Metric {
  readonly Namespace: string;
  readonly MetricName: string;
  readonly Dimensions?: { readonly Name: string }[];
}

export interface AlarmProperties extends Metric {
  readonly AlarmActions: unknown[];
  readonly OKActions: unknown[];
  readonly AlarmDescription: string;
  readonly ComparisonOperator: string;
  readonly DatapointsToAlarm?: number;
  readonly EvaluationPeriods: number;
  readonly ExtendedStatistic?: string;
  readonly Metrics?: Query[];
  readonly Statistic?: string;
  readonly Threshold: number;
  readonly TreatMissingData?: string;
}

/** Returns the alarms of a template by their logical ids without the hash. */
export function alarmsOf(template: Template): Map<string, AlarmProperties> {
  const alarms = Object.entries(template.findResources("AWS::CloudWatch::Alarm"));
  return new Map(alarms.map(([id, { Properties }]) => [id.slice(0, -8), Properties]));
}

/** Returns the metrics that an alarm reads. */
export function metricsOf(alarm: AlarmProperties): MetricName[] {
  const metrics = alarm.Metrics?.flatMap(({ MetricStat }) => MetricStat?.Metric ?? []) ?? [alarm];
  return metrics.map((metric) => ({
    namespace: metric.Namespace,
    name: metric.MetricName,
    dimensions: (metric.Dimensions ?? []).map(({ Name }) => Name).sort(),
  }));
}

/** A widget of a dashboard. */
export interface Widget {
  readonly type: string;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly properties: {
    readonly title: string;
    readonly alarms?: string[];
    readonly metrics?: unknown[][];
  };
}

/** Returns the widgets of a template's dashboard. `<logical id>` stands for values that are known only after deployment. */
export function widgetsOf(template: Template): Widget[] {
  const [dashboard] = Object.values(template.findResources("AWS::CloudWatch::Dashboard"));
  const parts: unknown[] = dashboard?.Properties.DashboardBody["Fn::Join"][1];
  const body = parts
    .map((part) => (typeof part === "string" ? part : `<${referred(part)}>`))
    .join("");
  return JSON.parse(body).widgets;
}

/** Returns the metrics that a widget shows, without expressions. */
export function metricsShown(widget: Widget): MetricName[] {
  return (widget.properties.metrics ?? []).flatMap((row) => {
    const [namespace, name, ...rest] = row.filter((part) => typeof part === "string");
    if (namespace === undefined || name === undefined) {
      return [];
    }
    // Names and values alternate.
    const dimensions = rest.filter((_, index) => index % 2 === 0);
    return [{ namespace, name, dimensions: dimensions.sort() }];
  });
}

function referred(token: unknown): string {
  const text = JSON.stringify(token);
  return /"(?:Ref|Fn::GetAtt)":\[?"([\w:]+)"/.exec(text)?.[1] ?? text.replace(/\W/g, "");
}
