import { type CloudFormationClient, DescribeStacksCommand } from "@aws-sdk/client-cloudformation";
import { type DynamoDBClient, GetItemCommand, QueryCommand } from "@aws-sdk/client-dynamodb";
import type { AwsClient } from "aws4fetch";
import type { EnvironmentName } from "../orders/environments.ts";
import { CommandError, reasonOf } from "./command.ts";

/** The clients that reach a deployed orders service. */
export interface Clients {
  readonly cloudFormation: CloudFormationClient;
  readonly dynamoDb: DynamoDBClient;
  /** Signs requests to the HTTP API, which requires IAM authorization. */
  readonly api: AwsClient;
}

/** An event that is still in the outbox. */
export interface PendingEvent {
  /** Why it is parked, if it is. */
  readonly parkedBecause: string | undefined;
}

/** The status of an order's shipment. */
export type ShipmentStatus = "started" | "stopped";

/** The stack outputs of a deployed orders service. */
interface Outputs {
  readonly apiUrl: string;
  readonly outboxTable: string;
  readonly shipmentsTable: string;
}

/** A request to the HTTP API. */
interface ApiRequest {
  readonly path: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  /** The status of a successful response. */
  readonly expectedStatus: number;
}

/** A deployed orders service. */
export class OrdersDeployment {
  readonly #clients: Clients;
  readonly #outputs: Outputs;

  private constructor(clients: Clients, outputs: Outputs) {
    this.#clients = clients;
    this.#outputs = outputs;
  }

  /**
   * Finds the stack of an environment.
   *
   * @throws CommandError if it is not deployed, or is not an orders stack
   */
  static async find(clients: Clients, environment: EnvironmentName): Promise<OrdersDeployment> {
    const stackName = `orders-${environment}`;
    const { Stacks } = await clients.cloudFormation
      .send(new DescribeStacksCommand({ StackName: stackName }))
      .catch((cause: unknown) => {
        throw new CommandError(
          `${reasonOf(cause)}. Deploy it with 'make deploy ENV=${environment}', or sign in to its account`,
          { cause },
        );
      });
    const found = new Map(
      Stacks?.[0]?.Outputs?.map(({ OutputKey, OutputValue }) => [OutputKey, OutputValue]),
    );
    const output = (name: string): string => {
      const value = found.get(name);
      if (value === undefined) {
        throw new CommandError(
          `stack ${stackName} has no output ${name}: is it an orders stack? If it was deployed before this version, redeploy it`,
        );
      }
      return value;
    };
    return new OrdersDeployment(clients, {
      apiUrl: output("ApiUrl"),
      outboxTable: output("OutboxTableName"),
      shipmentsTable: output("ShipmentsTableName"),
    });
  }

  /**
   * Places a small order. The key makes a retry safe.
   *
   * @returns the order's id
   * @throws CommandError if the service does not accept it
   */
  async placeOrder(idempotencyKey: string): Promise<string> {
    const order = await this.#post({
      path: "/orders",
      headers: { "Content-Type": "application/json", "Idempotency-Key": idempotencyKey },
      body: JSON.stringify({
        customerId: "smoke-test",
        currency: "EUR",
        items: [{ productId: "smoke-test", quantity: 1, unitPrice: 100 }],
      }),
      expectedStatus: 201,
    });
    const { id } = JSON.parse(order) as { id: string };
    return id;
  }

  /**
   * Cancels an order. A cancelled order stays cancelled.
   *
   * @throws CommandError if the service does not cancel it
   */
  async cancelOrder(orderId: string): Promise<void> {
    await this.#post({ path: `/orders/${orderId}/cancel`, expectedStatus: 200 });
  }

  /**
   * Returns the events of an order that are still in the outbox.
   *
   * @throws CommandError if the outbox cannot be read
   */
  async pendingEvents(orderId: string): Promise<PendingEvent[]> {
    const query = new QueryCommand({
      TableName: this.#outputs.outboxTable,
      KeyConditionExpression: "aggregateId = :order",
      ExpressionAttributeValues: { ":order": { S: `order#${orderId}` } },
      ProjectionExpression: "parked",
      ConsistentRead: true,
    });
    const { Items = [] } = await this.#clients.dynamoDb.send(query).catch((cause: unknown) => {
      throw new CommandError(`the outbox cannot be read: ${reasonOf(cause)}`, { cause });
    });
    return Items.map((row) => ({ parkedBecause: row.parked?.M?.reason?.S }));
  }

  /**
   * Returns the status of an order's shipment, if there is one.
   *
   * @throws CommandError if the shipments cannot be read
   */
  async shipmentStatus(orderId: string): Promise<ShipmentStatus | undefined> {
    const get = new GetItemCommand({
      TableName: this.#outputs.shipmentsTable,
      Key: { pk: { S: `shipment#${orderId}` } },
      // `status` is a reserved word of DynamoDB.
      ProjectionExpression: "#status",
      ExpressionAttributeNames: { "#status": "status" },
      ConsistentRead: true,
    });
    const { Item } = await this.#clients.dynamoDb.send(get).catch((cause: unknown) => {
      throw new CommandError(`the shipments cannot be read: ${reasonOf(cause)}`, { cause });
    });
    return Item?.status?.S as ShipmentStatus | undefined;
  }

  /** Sends a request and returns the body of the response. */
  async #post({ path, expectedStatus, ...request }: ApiRequest): Promise<string> {
    const url = `${this.#outputs.apiUrl}${path}`;
    const { status, body } = await this.#fetch(url, {
      ...request,
      method: "POST",
      signal: AbortSignal.timeout(30_000),
    }).catch((cause: unknown) => {
      throw new CommandError(`POST ${url} got no response: ${reasonOf(cause)}`, { cause });
    });
    if (status !== expectedStatus) {
      throw new CommandError(`POST ${url} returned ${status}: ${body}`);
    }
    return body;
  }

  async #fetch(url: string, request: RequestInit): Promise<{ status: number; body: string }> {
    const response = await this.#clients.api.fetch(url, request);
    return { status: response.status, body: await response.text() };
  }
}
