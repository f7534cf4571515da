import { RemovalPolicy, Validations } from "aws-cdk-lib";
import { AccessLogFormat } from "aws-cdk-lib/aws-apigateway";
import { HttpApi, HttpStage, LogGroupLogDestination } from "aws-cdk-lib/aws-apigatewayv2";
import { HttpIamAuthorizer } from "aws-cdk-lib/aws-apigatewayv2-authorizers";
import { LogGroup } from "aws-cdk-lib/aws-logs";
import type { Construct } from "constructs";
import type { Environment } from "./environments.ts";

/**
 * Requests a second, over time. EventBridge takes 400 in the smallest Regions:
 * of more, the events would only pile up in the outbox.
 */
const RATE_LIMIT = 400;

/** Requests at once: what a second of waiting makes of the rate. */
const BURST_LIMIT = 800;

/** What is known of a request; nothing of its body. */
const ACCESS_LOG_FIELDS = {
  requestTime: "$context.requestTime",
  requestId: "$context.requestId",
  caller: "$context.identity.userArn",
  sourceIp: "$context.identity.sourceIp",
  routeKey: "$context.routeKey",
  path: "$context.path",
  status: "$context.status",
  responseLatency: "$context.responseLatency",
  integrationLatency: "$context.integration.latency",
  // Why the gateway itself refused, or could not reach the function.
  error: "$context.error.message",
  integrationError: "$context.integration.error",
};

/** The HTTP API of the orders service: for callers that IAM knows, throttled, with a log of who asked what. */
export class OrdersApi extends HttpApi {
  constructor(scope: Construct, id: string, settings: Environment) {
    super(scope, id, {
      description: "Orders",
      // Callers are services that IAM knows; the emulator knows nobody.
      ...(!settings.local && { defaultAuthorizer: new HttpIamAuthorizer() }),
      createDefaultStage: false,
    });
    if (settings.local) {
      Validations.of(this).acknowledge({
        id: "AwsSolutions::AwsSolutions-APIG4",
        reason: "The stack on the emulator, which listens on this machine alone and knows no IAM.",
      });
    }
    new HttpStage(this, "DefaultStage", {
      httpApi: this,
      autoDeploy: true,
      throttle: { rateLimit: RATE_LIMIT, burstLimit: BURST_LIMIT },
      accessLogSettings: {
        destination: new LogGroupLogDestination(
          new LogGroup(this, "AccessLogs", {
            retention: settings.logRetention,
            removalPolicy: RemovalPolicy.DESTROY,
          }),
        ),
        format: AccessLogFormat.custom(JSON.stringify(ACCESS_LOG_FIELDS)),
      },
    });
  }
}
