import { AccessLogFormat } from "aws-cdk-lib/aws-apigateway";
import { HttpApi, HttpStage, LogGroupLogDestination } from "aws-cdk-lib/aws-apigatewayv2";
import { HttpIamAuthorizer } from "aws-cdk-lib/aws-apigatewayv2-authorizers";
import type { IKey } from "aws-cdk-lib/aws-kms";
import { LogGroup } from "aws-cdk-lib/aws-logs";
import type { Construct } from "constructs";
import { acknowledge, acknowledgeLogsWithoutKey } from "./acknowledge.ts";
import type { Environment } from "./environments.ts";

/**
 * Requests per second, on average. EventBridge accepts 400 PutEvents requests per second
 * in the smallest Regions; with more requests, events would pile up in the outbox.
 */
export const RATE_LIMIT = 400;

/** Requests at once: two seconds' worth of the rate. */
const BURST_LIMIT = 800;

/** The fields of an access log line; nothing of the request's body. */
const ACCESS_LOG_FIELDS = {
  requestTime: "$context.requestTime",
  requestId: "$context.requestId",
  // Lambda's id of the invocation, which each line in the function's log has.
  functionRequestId: "$context.integration.requestId",
  caller: "$context.identity.userArn",
  sourceIp: "$context.identity.sourceIp",
  routeKey: "$context.routeKey",
  path: "$context.path",
  status: "$context.status",
  responseLatency: "$context.responseLatency",
  integrationLatency: "$context.integration.latency",
  // Why the gateway itself rejected the request or could not reach the function.
  error: "$context.error.message",
  integrationError: "$context.integration.error",
};

/** The HTTP API of the orders service: IAM authorization, throttling and access logs. */
export class OrdersApi extends HttpApi {
  constructor(scope: Construct, id: string, settings: Environment, encryptionKey?: IKey) {
    super(scope, id, {
      description: "Orders",
      // Callers are services with IAM credentials; the emulator has no IAM.
      ...(!settings.local && { defaultAuthorizer: new HttpIamAuthorizer() }),
      createDefaultStage: false,
    });
    if (settings.local) {
      acknowledge(
        this,
        ["AwsSolutions"],
        "APIG4",
        "This is the stack on the emulator, which listens on this machine only and has no IAM.",
      );
    }
    const accessLogs = new LogGroup(this, "AccessLogs", {
      retention: settings.logRetention,
      removalPolicy: settings.logRemovalPolicy,
      ...(encryptionKey && { encryptionKey }),
    });
    if (encryptionKey === undefined) {
      acknowledgeLogsWithoutKey(accessLogs);
    }
    new HttpStage(this, "DefaultStage", {
      httpApi: this,
      autoDeploy: true,
      throttle: { rateLimit: RATE_LIMIT, burstLimit: BURST_LIMIT },
      accessLogSettings: {
        destination: new LogGroupLogDestination(accessLogs),
        format: AccessLogFormat.custom(JSON.stringify(ACCESS_LOG_FIELDS)),
      },
    });
  }
}
