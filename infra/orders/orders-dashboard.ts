import { Duration, Stack } from "aws-cdk-lib";
import type { HttpApi } from "aws-cdk-lib/aws-apigatewayv2";
import {
  AlarmStatusWidget,
  AlarmStatusWidgetSortBy,
  Column,
  Dashboard,
  GraphWidget,
  type IAlarm,
  type IWidget,
  Stats,
} from "aws-cdk-lib/aws-cloudwatch";
import type { TableV2 } from "aws-cdk-lib/aws-dynamodb";
import type { IEventBus } from "aws-cdk-lib/aws-events";
import type { Construct } from "constructs";
import { OutboxWidgets, type TransactionalOutbox } from "transactional-outbox";
import type { Shipping } from "./shipping.ts";
import { oldestMessageAge, ruleMetric, visibleMessages } from "./shipping-metrics.ts";

const PERIOD = Duration.minutes(5);

/** The width of a dashboard. */
const FULL_WIDTH = 24;

/** One column for each step of an event. */
const COLUMN_WIDTH = FULL_WIDTH / 6;

/** The parts of the stack that the dashboard shows. */
export interface OrdersDashboardProps {
  readonly api: HttpApi;
  readonly orders: TableV2;
  readonly outbox: TransactionalOutbox;
  readonly eventBus: IEventBus;
  readonly shipping: Shipping;

  /** The alarms, the most urgent first. */
  readonly alarms: IAlarm[];
}

/**
 * The dashboard of the orders service. The first row shows the alarms. The next rows show,
 * from left to right, the steps of an event: API, tables, stream mapping, relay, bus,
 * shipping. The last row shows which way events were published, pending and parked events and
 * dead letters.
 */
export class OrdersDashboard extends Dashboard {
  constructor(scope: Construct, id: string, props: OrdersDashboardProps) {
    super(scope, id, {
      dashboardName: Stack.of(scope).stackName,
      defaultInterval: Duration.hours(3),
    });
    const outbox = new OutboxWidgets({ metrics: props.outbox.metrics, width: COLUMN_WIDTH });
    this.addWidgets(
      new AlarmStatusWidget({
        title: "Alarms",
        alarms: props.alarms,
        sortBy: AlarmStatusWidgetSortBy.STATE_UPDATED_TIMESTAMP,
        width: FULL_WIDTH,
        height: 4,
      }),
    );
    this.addWidgets(
      apiColumn(props.api),
      new Column(ordersTable(props.orders), outbox.table()),
      outbox.streamMapping(),
      outbox.relay(),
      outbox.bus(),
      shippingColumn(props),
    );
    this.addWidgets(outbox.published(), outbox.backlog(), shippingDeadLetters(props.shipping));
  }
}

function apiColumn(api: HttpApi): IWidget {
  return new Column(
    graph({
      title: "API: requests",
      left: [
        api.metricCount({ period: PERIOD, label: "requests" }),
        api.metricClientError({ period: PERIOD }),
        api.metricServerError({ period: PERIOD }),
      ],
    }),
    graph({
      title: "API: latency",
      left: [
        api.metricLatency({ period: PERIOD, statistic: Stats.p(50) }),
        api.metricLatency({ period: PERIOD, statistic: Stats.p(99) }),
      ],
    }),
  );
}

function ordersTable(orders: TableV2): IWidget {
  const sum = { period: PERIOD, statistic: Stats.SUM };
  return graph({
    title: "Orders table: writes",
    left: [orders.metricConsumedWriteCapacityUnits({ period: PERIOD })],
    // Concurrent writes to the same item, or throttling.
    right: [
      orders.metricConditionalCheckFailedRequests({ period: PERIOD }),
      orders.metric("TransactionConflict", sum),
      orders.metric("WriteThrottleEvents", sum),
    ],
  });
}

function shippingColumn({ shipping, eventBus }: OrdersDashboardProps): IWidget {
  return new Column(
    graph({
      title: "Shipping: rule and queue",
      left: [
        ruleMetric(eventBus, shipping.rule, "Invocations"),
        ruleMetric(eventBus, shipping.rule, "FailedInvocations"),
        visibleMessages(shipping.queue),
      ],
      right: [oldestMessageAge(shipping.queue)],
    }),
    graph({
      title: "Shipping: function",
      left: [
        shipping.startShipping.metricInvocations({ period: PERIOD }),
        shipping.startShipping.metricErrors({ period: PERIOD }),
        shipping.startShipping.metricThrottles({ period: PERIOD }),
      ],
      right: [shipping.startShipping.metricDuration({ period: PERIOD, statistic: Stats.p(99) })],
    }),
  );
}

function shippingDeadLetters(shipping: Shipping): IWidget {
  return graph({
    title: "Dead letters of shipping",
    left: [
      visibleMessages(shipping.deadLetterQueue, "of the function"),
      visibleMessages(shipping.ruleDeadLetterQueue, "of the rule"),
    ],
    right: [
      oldestMessageAge(shipping.deadLetterQueue, "age, of the function"),
      oldestMessageAge(shipping.ruleDeadLetterQueue, "age, of the rule"),
    ],
  });
}

function graph(props: ConstructorParameters<typeof GraphWidget>[0]): GraphWidget {
  return new GraphWidget({ ...props, width: COLUMN_WIDTH });
}
