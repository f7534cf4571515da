import { CfnOutput, Duration, RemovalPolicy, Stack, type StackProps } from "aws-cdk-lib";
import { HttpApi, HttpMethod } from "aws-cdk-lib/aws-apigatewayv2";
import { HttpIamAuthorizer } from "aws-cdk-lib/aws-apigatewayv2-authorizers";
import { HttpLambdaIntegration } from "aws-cdk-lib/aws-apigatewayv2-integrations";
import { AttributeType, Billing, TableV2 } from "aws-cdk-lib/aws-dynamodb";
import { EventBus } from "aws-cdk-lib/aws-events";
import { Function as LambdaFunction, LoggingFormat, Runtime } from "aws-cdk-lib/aws-lambda";
import { LogGroup } from "aws-cdk-lib/aws-logs";
import type { Construct } from "constructs";
import { type BuiltFunctionCode, TransactionalOutbox } from "transactional-outbox";
import { type Environment, type EnvironmentName, environment } from "./environments.ts";

export interface OrdersStackProps extends StackProps {
  /** Which environment this is. */
  readonly environmentName: EnvironmentName;

  /** The functions' code, built for the environment's processor. */
  readonly code: BuiltFunctionCode;
}

/** The orders service: orders in by HTTP, events out on a bus. */
export class OrdersStack extends Stack {
  constructor(scope: Construct, id: string, props: OrdersStackProps) {
    super(scope, id, props);
    const settings = environment(props.environmentName);

    const orders = this.#createOrdersTable(settings);
    const eventBus = new EventBus(this, "EventBus", {
      eventBusName: `orders-${props.environmentName}`,
      description: "What happened to orders",
    });
    // A bus that is gone accepts events all the same: it outlives the stack, so
    // that no relay ever publishes into nothing.
    eventBus.applyRemovalPolicy(settings.local ? RemovalPolicy.DESTROY : RemovalPolicy.RETAIN);

    const outbox = new TransactionalOutbox(this, "Outbox", {
      relayCode: props.code.of("publish-events"),
      sweeperCode: props.code.of("sweep-outbox"),
      eventBus,
      architecture: settings.architecture,
      // The emulator's own mapping loses records, so the local stack is driven
      // from outside.
      streamMappingEnabled: !settings.local,
      removalPolicy: settings.tableRemovalPolicy,
      deletionProtection: settings.deletionProtection,
      pointInTimeRecovery: settings.pointInTimeRecovery,
      logLevel: settings.logLevel,
      logRetention: settings.logRetention,
    });
    const createOrder = this.#createCreateOrder(settings, props.code, orders, outbox);
    const api = this.#createApi(settings, createOrder);

    new CfnOutput(this, "ApiUrl", { value: api.apiEndpoint });
    new CfnOutput(this, "OrdersTableName", { value: orders.tableName });
    new CfnOutput(this, "OutboxTableName", { value: outbox.table.tableName });
    new CfnOutput(this, "EventBusName", { value: eventBus.eventBusName });
    new CfnOutput(this, "DeadLetterQueueUrl", { value: outbox.deadLetterQueue.queueUrl });
    new CfnOutput(this, "CreateOrderFunctionName", { value: createOrder.functionName });
    new CfnOutput(this, "PublishEventsFunctionName", { value: outbox.relay.functionName });
    new CfnOutput(this, "SweepOutboxFunctionName", { value: outbox.sweeper.functionName });
    new CfnOutput(this, "StreamMappingId", {
      value: outbox.streamMapping.eventSourceMappingId,
    });
    new CfnOutput(this, "SweepScheduleName", { value: outbox.sweepSchedule.ruleName });
    new CfnOutput(this, "OperatorRoleArn", { value: outbox.operatorRole.roleArn });
  }

  #createOrdersTable(settings: Environment): TableV2 {
    return new TableV2(this, "Orders", {
      partitionKey: { name: "pk", type: AttributeType.STRING },
      billing: Billing.onDemand(),
      // Idempotency keys expire; orders do not have the attribute.
      timeToLiveAttribute: "expiresAt",
      removalPolicy: settings.tableRemovalPolicy,
      deletionProtection: settings.deletionProtection,
      pointInTimeRecoverySpecification: {
        pointInTimeRecoveryEnabled: settings.pointInTimeRecovery,
      },
    });
  }

  #createCreateOrder(
    settings: Environment,
    code: BuiltFunctionCode,
    orders: TableV2,
    outbox: TransactionalOutbox,
  ): LambdaFunction {
    const createOrder = new LambdaFunction(this, "CreateOrder", {
      description: "POST /orders",
      runtime: Runtime.PROVIDED_AL2023,
      architecture: settings.architecture,
      handler: "bootstrap",
      code: code.of("create-order"),
      memorySize: 512,
      // The API gives up after 30 s; a transaction takes some 20 ms.
      timeout: Duration.seconds(10),
      loggingFormat: LoggingFormat.JSON,
      applicationLogLevelV2: settings.logLevel,
      logGroup: new LogGroup(this, "CreateOrderLogs", {
        retention: settings.logRetention,
        removalPolicy: RemovalPolicy.DESTROY,
      }),
      environment: {
        ORDERS_TABLE: orders.tableName,
        OUTBOX_TABLE: outbox.table.tableName,
      },
    });
    orders.grant(createOrder, "dynamodb:GetItem", "dynamodb:PutItem");
    outbox.grantAppend(createOrder);
    return createOrder;
  }

  #createApi(settings: Environment, createOrder: LambdaFunction): HttpApi {
    const api = new HttpApi(this, "Api", {
      description: "Orders",
      // Callers are services that IAM knows; the emulator knows nobody.
      ...(!settings.local && { defaultAuthorizer: new HttpIamAuthorizer() }),
    });
    api.addRoutes({
      path: "/orders",
      methods: [HttpMethod.POST],
      integration: new HttpLambdaIntegration("CreateOrder", createOrder),
    });
    return api;
  }
}
