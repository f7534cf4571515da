import { type CloudFormationClient, DescribeStacksCommand } from "@aws-sdk/client-cloudformation";
import { type DynamoDBClient, QueryCommand } from "@aws-sdk/client-dynamodb";
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

/** An orders service that is deployed somewhere. */
export class OrdersDeployment {
  readonly #clients: Clients;
  readonly #apiUrl: string;
  readonly #outboxTable: string;

  private constructor(clients: Clients, apiUrl: string, outboxTable: string) {
    this.#clients = clients;
    this.#apiUrl = apiUrl;
    this.#outboxTable = outboxTable;
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
    return new OrdersDeployment(clients, output("ApiUrl"), output("OutboxTableName"));
  }

  /**
   * Places a small order. The key makes a repetition safe.
   *
   * @returns the order's id
   * @throws CommandError if the service does not accept it
   */
  async placeOrder(idempotencyKey: string): Promise<string> {
    const url = `${this.#apiUrl}/orders`;
    const response = await this.#clients.api
      .fetch(url, {
        method: "POST",
        headers: { "Content-Type": "application/json", "Idempotency-Key": idempotencyKey },
        body: JSON.stringify({
          customerId: "smoke-test",
          currency: "EUR",
          items: [{ productId: "smoke-test", quantity: 1, unitPrice: 100 }],
        }),
        signal: AbortSignal.timeout(30_000),
      })
      .catch((cause: unknown) => {
        throw new CommandError(`POST ${url} got no answer: ${reasonOf(cause)}`, { cause });
      });
    const body = await response.text();
    if (response.status !== 201) {
      throw new CommandError(`POST ${url} answers ${response.status}: ${body}`);
    }
    const { id } = JSON.parse(body) as { id: string };
    return id;
  }

  /** The events about an order that wait in the outbox. */
  async pendingEvents(orderId: string): Promise<PendingEvent[]> {
    const { Items = [] } = await this.#clients.dynamoDb.send(
      new QueryCommand({
        TableName: this.#outboxTable,
        KeyConditionExpression: "aggregateId = :order",
        ExpressionAttributeValues: { ":order": { S: `order#${orderId}` } },
        ProjectionExpression: "parked",
        ConsistentRead: true,
      }),
    );
    return Items.map((row) => ({ parkedBecause: row.parked?.M?.reason?.S }));
  }
}
