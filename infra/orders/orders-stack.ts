import {
  Aws,
  CfnOutput,
  CfnRule,
  Duration,
  Fn,
  RemovalPolicy,
  Stack,
  type StackProps,
} from "aws-cdk-lib";
import { type HttpApi, HttpMethod } from "aws-cdk-lib/aws-apigatewayv2";
import { HttpLambdaIntegration } from "aws-cdk-lib/aws-apigatewayv2-integrations";
import { Archive, type CfnArchive, type EventBus } from "aws-cdk-lib/aws-events";
import type { Construct } from "constructs";
import {
  type AlarmTopics,
  type BuiltFunctionCode,
  grantOnTable,
  OutboxEventBus,
  TransactionalOutbox,
} from "transactional-outbox";
import { ApiAlarms } from "./api-alarms.ts";
import { type Environment, type EnvironmentName, environment } from "./environments.ts";
import { EventSchemas } from "./event-schemas.ts";
import { EVENT_SOURCE } from "./event-source.ts";
import { FunctionAlarms } from "./function-alarms.ts";
import { OrdersAlarmTopics } from "./orders-alarm-topics.ts";
import { OrdersApi } from "./orders-api.ts";
import { OrdersDashboard, type OrdersDashboardProps } from "./orders-dashboard.ts";
import { OrdersFunction } from "./orders-function.ts";
import { OrdersKey } from "./orders-key.ts";
import { OrdersTable } from "./orders-table.ts";
import { Shipping } from "./shipping.ts";
import { ShippingAlarms } from "./shipping-alarms.ts";

export interface OrdersStackProps extends StackProps {
  /** Which environment this is. */
  readonly environmentName: EnvironmentName;

  /** The functions' code, built for the environment's processor. */
  readonly code: BuiltFunctionCode;

  /**
   * Whether the stack creates a key of its own for all of its data: tables, queues, bus,
   * archive, logs and topics. Then `env` must have a Region.
   *
   * @default the environment's setting
   */
  readonly customerManagedKey?: boolean;
}

/** A route of the API and the function that handles it. */
interface RouteProps {
  readonly method: HttpMethod;
  readonly path: string;
  readonly crate: string;
  readonly code: BuiltFunctionCode;
  readonly environment: Record<string, string>;
}

/** The orders service: an HTTP API for orders, the outbox that publishes their events, and shipping, which consumes them. */
export class OrdersStack extends Stack {
  readonly #settings: Environment;
  readonly #key: OrdersKey | undefined;

  constructor(scope: Construct, id: string, props: OrdersStackProps) {
    const settings = environment(props.environmentName);
    super(scope, id, {
      terminationProtection: settings.deletionProtection,
      ...props,
      ...(settings.pinnedTo && { env: settings.pinnedTo }),
    });
    this.#settings = settings;
    const hasKey = props.customerManagedKey ?? settings.customerManagedKey;
    this.#key = hasKey ? new OrdersKey(this, "Key") : undefined;
    this.#pin();

    // The time to live is for idempotency keys; orders do not have the attribute.
    const orders = new OrdersTable(this, "Orders", this.#settings, this.#key);
    const eventBus = this.#createEventBus(props.environmentName);
    this.#archive(eventBus, busName(props.environmentName));
    // The emulator has no schema registry.
    if (!this.#settings.local) {
      new EventSchemas(this, "EventSchemas", busName(props.environmentName));
    }
    const alarmTopics = this.#createAlarmTopics();
    const outbox = this.#createOutbox(props.code, eventBus, alarmTopics);
    const shipping = new Shipping(this, "Shipping", {
      eventBus,
      code: props.code,
      settings: this.#settings,
      ...(this.#key && { encryptionKey: this.#key }),
    });

    const api = new OrdersApi(this, "Api", this.#settings, this.#key);
    const readsOrders = {
      ORDERS_TABLE: orders.tableName,
      // The local API has no authorizer, so its requests have no identity.
      ...(this.#settings.local && { ALLOW_ANONYMOUS_CALLERS: "true" }),
    };
    const writesOrders = { ...readsOrders, OUTBOX_TABLE: outbox.table.tableName };
    const createOrder = this.#addRoute(api, "CreateOrder", {
      method: HttpMethod.POST,
      path: "/orders",
      crate: "create-order",
      code: props.code,
      environment: writesOrders,
    });
    const cancelOrder = this.#addRoute(api, "CancelOrder", {
      method: HttpMethod.POST,
      path: "/orders/{id}/cancel",
      crate: "cancel-order",
      code: props.code,
      environment: writesOrders,
    });
    const getOrder = this.#addRoute(api, "GetOrder", {
      method: HttpMethod.GET,
      path: "/orders/{id}",
      crate: "get-order",
      code: props.code,
      environment: readsOrders,
    });
    for (const writer of [createOrder, cancelOrder]) {
      grantOnTable(orders, writer, "dynamodb:GetItem", "dynamodb:PutItem");
      outbox.grantAppend(writer);
      // Without this line all events are left to the stream, and the outbox needs no `lookUp`.
      outbox.grantPublishAtOnce(writer);
    }
    // Events that are published before the rule exists never reach shipping.
    for (const publisher of [
      outbox.streamMapping,
      outbox.sweepSchedule,
      createOrder,
      cancelOrder,
    ]) {
      publisher.node.addDependency(shipping.rule);
    }
    grantOnTable(orders, getOrder, "dynamodb:GetItem");
    if (alarmTopics !== undefined) {
      this.#monitor(
        { api, orders, outbox, eventBus, shipping },
        { createOrder, cancelOrder, getOrder },
        alarmTopics,
      );
    }

    outbox.addOperatorOutputs();
    new CfnOutput(this, "ApiUrl", { value: api.apiEndpoint });
    new CfnOutput(this, "OrdersTableName", { value: orders.tableName });
    new CfnOutput(this, "ShipmentsTableName", { value: shipping.table.tableName });
    new CfnOutput(this, "ShippingQueueUrl", { value: shipping.queue.queueUrl });
    new CfnOutput(this, "ShippingDeadLetterQueueUrl", { value: shipping.deadLetterQueue.queueUrl });
    new CfnOutput(this, "ShippingRuleDeadLetterQueueUrl", {
      value: shipping.ruleDeadLetterQueue.queueUrl,
    });
    new CfnOutput(this, "CreateOrderFunctionName", { value: createOrder.functionName });
    new CfnOutput(this, "CancelOrderFunctionName", { value: cancelOrder.functionName });
    new CfnOutput(this, "GetOrderFunctionName", { value: getOrder.functionName });
    new CfnOutput(this, "PublishEventsFunctionName", { value: outbox.relay.functionName });
    new CfnOutput(this, "SweepOutboxFunctionName", { value: outbox.sweeper.functionName });
    new CfnOutput(this, "StartShippingFunctionName", {
      value: shipping.startShipping.functionName,
    });
  }

  /** Makes CloudFormation reject the template in any other account, also without the CDK. */
  #pin(): void {
    const { pinnedTo } = this.#settings;
    if (pinnedTo === undefined) {
      return;
    }
    new CfnRule(this, "PinnedAccount", {
      assertions: [
        {
          assert: Fn.conditionEquals(Aws.ACCOUNT_ID, pinnedTo.account),
          assertDescription: `This stack is for the local AWS, account ${pinnedTo.account}.`,
        },
      ],
    });
  }

  #createEventBus(environmentName: EnvironmentName): OutboxEventBus {
    return new OutboxEventBus(this, "EventBus", {
      eventBusName: busName(environmentName),
      description: "Events of orders",
      ...(this.#settings.local && { removalPolicy: RemovalPolicy.DESTROY }),
      ...(this.#key && { encryptionKey: this.#key }),
    });
  }

  /** Creates the archive. Consumers replay lost events from it, since published events are deleted from the outbox. */
  #archive(eventBus: EventBus, eventBusName: string): void {
    const retention = this.#settings.eventArchiveRetention;
    if (retention === undefined) {
      return;
    }
    const archive = new Archive(this, "EventArchive", {
      description: "Events of orders as they were published",
      sourceEventBus: eventBus,
      eventPattern: { source: [EVENT_SOURCE] },
      retention,
    });
    archive.applyRemovalPolicy(this.#settings.tableRemovalPolicy);
    if (this.#key !== undefined) {
      // Not by the property kmsKey, which refers to the bus in the key's policy, while the
      // bus refers to the key: CloudFormation rejects such a circle.
      (archive.node.defaultChild as CfnArchive).kmsKeyIdentifier = this.#key.keyArn;
      this.#key.allowArchive(eventBusName);
    }
  }

  #createAlarmTopics(): AlarmTopics | undefined {
    if (!this.#settings.monitoring) {
      return undefined;
    }
    const topics = new OrdersAlarmTopics(this, "AlarmTopics", this.#key);
    new CfnOutput(this, "PageTopicArn", { value: topics.page.topicArn });
    new CfnOutput(this, "TicketTopicArn", { value: topics.ticket.topicArn });
    return topics;
  }

  #monitor(
    parts: Omit<OrdersDashboardProps, "alarms">,
    routes: Readonly<Record<string, OrdersFunction>>,
    topics: AlarmTopics,
  ): void {
    const { api, outbox, eventBus, shipping } = parts;
    const apiAlarms = new ApiAlarms(this, "ApiAlarms", { api, topics });
    const shippingAlarms = new ShippingAlarms(this, "ShippingAlarms", {
      shipping,
      eventBus,
      topics,
    });
    const throttled = {
      ...routes,
      startShipping: shipping.startShipping,
      sweeper: outbox.sweeper,
    };
    const functionAlarms = new FunctionAlarms(this, "FunctionAlarms", {
      throttled,
      logging: { ...throttled, relay: outbox.relay },
      topics,
    });
    const alarms = [outbox.alarms, shippingAlarms, apiAlarms, functionAlarms].flatMap(
      (some) => some?.all ?? [],
    );
    new OrdersDashboard(this, "Dashboard", { ...parts, alarms });
  }

  #createOutbox(
    code: BuiltFunctionCode,
    eventBus: EventBus,
    alarmTopics: AlarmTopics | undefined,
  ): TransactionalOutbox {
    return new TransactionalOutbox(this, "Outbox", {
      relayCode: code.of("publish-events"),
      sweeperCode: code.of("sweep-outbox"),
      sources: [EVENT_SOURCE],
      lookUp: "Always",
      eventBus,
      // The emulator has no bus policies.
      rejectOtherPublishers: !this.#settings.local,
      architecture: this.#settings.architecture,
      // The emulator's own mapping loses records, so devstack invokes the relay instead.
      streamMappingEnabled: !this.#settings.local,
      removalPolicy: this.#settings.tableRemovalPolicy,
      deletionProtection: this.#settings.deletionProtection,
      pointInTimeRecovery: this.#settings.pointInTimeRecovery,
      logLevel: this.#settings.logLevel,
      logRetention: this.#settings.logRetention,
      logRemovalPolicy: this.#settings.logRemovalPolicy,
      ...(this.#key && { encryptionKey: this.#key }),
      ...(alarmTopics && { alarmTopics }),
    });
  }

  #addRoute(api: HttpApi, id: string, route: RouteProps): OrdersFunction {
    const handler = new OrdersFunction(this, id, {
      description: `${route.method} ${route.path}`,
      crate: route.crate,
      code: route.code,
      // Less than the API's own limit of 30 s; a transaction takes about 20 ms. What publishes at
      // once does so for up to 2 s after its response, and ends 500 ms before the timeout.
      timeout: Duration.seconds(10),
      environment: route.environment,
      settings: this.#settings,
      ...(this.#key && { encryptionKey: this.#key }),
    });
    api.addRoutes({
      path: route.path,
      methods: [route.method],
      integration: new HttpLambdaIntegration(id, handler),
    });
    return handler;
  }
}

/** Returns the name of an environment's bus. */
function busName(environmentName: EnvironmentName): string {
  return `orders-${environmentName}`;
}
