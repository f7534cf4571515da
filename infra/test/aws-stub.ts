import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { CloudFormationClient } from "@aws-sdk/client-cloudformation";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { STSClient } from "@aws-sdk/client-sts";
import { AwsClient } from "aws4fetch";
import type { Clients } from "../deployed/orders-deployment.ts";

/** A request as the stub received it. */
export interface Received {
  readonly target: string;
  readonly authorization: string;
  readonly idempotencyKey: string | undefined;
  readonly body: string;
}

/** What the stub answers. */
export interface Answer {
  readonly status?: number;
  readonly body: string;
}

const credentials = { accessKeyId: "access-key", secretAccessKey: "secret" };
const region = "eu-central-1";

/** Answers requests to AWS, on loopback, by what is asked for. */
export class AwsStub {
  readonly received: Received[] = [];
  readonly #answers = new Map<string, Answer[]>();
  readonly #server: Server;

  private constructor() {
    this.#server = createServer(async (request, response) => {
      const received = await receive(request);
      this.received.push(received);
      const answers = this.#answers.get(received.target) ?? [];
      const answer = answers.length > 1 ? answers.shift() : answers[0];
      response.writeHead(answer?.status ?? (answer ? 200 : 501));
      response.end(answer?.body ?? `no answer to ${received.target}`);
    });
  }

  static async start(): Promise<AwsStub> {
    const stub = new AwsStub();
    await new Promise<void>((listening) => {
      stub.#server.listen(0, "127.0.0.1", listening);
    });
    return stub;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((closed) => this.#server.close(closed));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Answers an action, or a path, with these in turn and then with the last. */
  answer(target: string, ...answers: Answer[]): void {
    this.#answers.set(target, answers);
  }

  get sts(): STSClient {
    return new STSClient({ endpoint: this.url, credentials, region, maxAttempts: 1 });
  }

  get clients(): Clients {
    const settings = { endpoint: this.url, credentials, region, maxAttempts: 1 };
    return {
      cloudFormation: new CloudFormationClient(settings),
      dynamoDb: new DynamoDBClient(settings),
      api: new AwsClient({ ...credentials, region, service: "execute-api", retries: 0 }),
    };
  }
}

/** The action of an AWS protocol, or the path where there is none. */
async function receive(request: IncomingMessage): Promise<Received> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) {
    chunks.push(chunk as Buffer);
  }
  const body = Buffer.concat(chunks).toString();
  const jsonTarget = request.headers["x-amz-target"]?.toString().split(".").at(-1);
  const queryTarget = new URLSearchParams(body).get("Action") ?? undefined;
  return {
    target: jsonTarget ?? queryTarget ?? `${request.method} ${request.url}`,
    authorization: request.headers.authorization ?? "",
    idempotencyKey: request.headers["idempotency-key"]?.toString(),
    body,
  };
}
