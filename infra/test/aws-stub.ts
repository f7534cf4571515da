import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { CloudFormationClient } from "@aws-sdk/client-cloudformation";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { STSClient } from "@aws-sdk/client-sts";
import { AwsClient } from "aws4fetch";
import type { Clients } from "../smoke/orders-deployment.ts";

/** A request as the stub received it. */
export interface Received {
  readonly target: string;
  readonly authorization: string;
  readonly idempotencyKey: string | undefined;
  readonly body: string;
}

/** A response of the stub. */
export interface Response {
  readonly status?: number;
  readonly body: string;
}

const credentials = { accessKeyId: "access-key", secretAccessKey: "secret" };
const region = "eu-central-1";

/** A stub of AWS on loopback. It responds by the action or the path of the request. */
export class AwsStub {
  readonly received: Received[] = [];
  readonly #responses = new Map<string, Response[]>();
  readonly #server: Server;

  private constructor() {
    this.#server = createServer(async (request, response) => {
      const received = await receive(request);
      this.received.push(received);
      const prepared = this.#responses.get(received.target) ?? [];
      const next = prepared.length > 1 ? prepared.shift() : prepared[0];
      response.writeHead(next?.status ?? (next ? 200 : 501));
      response.end(next?.body ?? `no response for ${received.target}`);
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

  /** Prepares the responses to an action or a path: in this order, the last one repeatedly. */
  respond(target: string, ...responses: Response[]): void {
    this.#responses.set(target, responses);
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

/** Reads a request. Its target is the action of the AWS protocol, or else method and path. */
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
