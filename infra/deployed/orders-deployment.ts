import { type CloudFormationClient, DescribeStacksCommand } from "@aws-sdk/client-cloudformation";
import { type DynamoDBClient, GetItemCommand, QueryCommand } from "@aws-sdk/client-dynamodb";
import type { AwsClient } from "aws4fetch";
import type { EnvironmentName } from "../orders/environments.ts";
import { CommandError, reasonOf } from "./command.ts";

/** The means to reach a deployed orders service. */
export interface Clients {
  readonly cloudFormation: CloudFormationClient;
  readonly dynamoDb: DynamoDBClient;
  /** Signs requests to the HTTP API, which lets nobody in whom IAM does not know. */
  readonly api: AwsClient;
}

/** An event that has not left the outbox. */
export interface PendingEvent {
  /** Why it is set aside, if it is. */
  readonly parkedBecause: string | undefined;
}

/** What shipping is doing about an order. */
export type ShipmentStatus = "started" | "stopped";

/** Where the parts of a deployed orders service are. */
interface Places {
  readonly apiUrl: string;
  readonly outboxTable: string;
  readonly shipmentsTable: string;
}

/** A request to the HTTP API, and the status that means it was done. */
interface ApiRequest {
  readonly path: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  readonly done: number;
}

/** An orders service that is deployed somewhere. */
export class OrdersDeployment {
  readonly #clients: Clients;
  readonly #places: Places;

  private constructor(clients: Clients, places: Places) {
    this.#clients = clients;
    this.#places = places;
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
    const outputs = new Map(
      Stacks?.[0]?.Outputs?.map(({ OutputKey, OutputValue }) => [OutputKey, OutputValue]),
    );
    const output = (name: string): string => {
      const value = outputs.get(name);
      if (value === undefined) {
        throw new CommandError(`stack ${stackName} has no output ${name}: deploy it again`);
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
   * Places a small order. The key makes a repetition safe.
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
      done: 201,
    });
    const { id } = JSON.parse(order) as { id: string };
    return id;
  }

  /**
   * Cancels an order. One that is cancelled already stays so.
   *
   * @throws CommandError if the service does not cancel it
   */
  async cancelOrder(orderId: string): Promise<void> {
    await this.#post({ path: `/orders/${orderId}/cancel`, done: 200 });
  }

  /**
   * The events about an order that wait in the outbox.
   *
   * @throws CommandError if the outbox cannot be read
   */
  async pendingEvents(orderId: string): Promise<PendingEvent[]> {
    const query = new QueryCommand({
      TableName: this.#places.outboxTable,
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
   * What shipping is doing about an order, if it has heard of it.
   *
   * @throws CommandError if the shipments cannot be read
   */
  async shipmentStatus(orderId: string): Promise<ShipmentStatus | undefined> {
    const get = new GetItemCommand({
      TableName: this.#places.shipmentsTable,
      Key: { pk: { S: `shipment#${orderId}` } },
      // DynamoDB reserves the word.
      ProjectionExpression: "#status",
      ExpressionAttributeNames: { "#status": "status" },
      ConsistentRead: true,
    });
    const { Item } = await this.#clients.dynamoDb.send(get).catch((cause: unknown) => {
      throw new CommandError(`the shipments cannot be read: ${reasonOf(cause)}`, { cause });
    });
    return Item?.status?.S as ShipmentStatus | undefined;
  }

  /** The body of the answer. */
  async #post({ path, done, ...request }: ApiRequest): Promise<string> {
    const url = `${this.#places.apiUrl}${path}`;
    const { status, body } = await this.#fetch(url, {
      ...request,
      method: "POST",
      signal: AbortSignal.timeout(30_000),
    }).catch((cause: unknown) => {
      throw new CommandError(`POST ${url} got no answer: ${reasonOf(cause)}`, { cause });
    });
    if (status !== done) {
      throw new CommandError(`POST ${url} answers ${status}: ${body}`);
    }
    return body;
  }

  async #fetch(url: string, request: RequestInit): Promise<{ status: number; body: string }> {
    const response = await this.#clients.api.fetch(url, request);
    return { status: response.status, body: await response.text() };
  }
}
