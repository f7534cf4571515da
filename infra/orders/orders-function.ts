import { type Duration, Validations } from "aws-cdk-lib";
import { Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import {
  Function as LambdaFunction,
  LoggingFormat,
  Runtime,
  Tracing,
} from "aws-cdk-lib/aws-lambda";
import { LogGroup } from "aws-cdk-lib/aws-logs";
import type { Construct } from "constructs";
import type { BuiltFunctionCode } from "transactional-outbox";
import type { Environment } from "./environments.ts";

export interface OrdersFunctionProps {
  /** What the function does. */
  readonly description: string;

  /** The name of its crate. */
  readonly crate: string;

  /** The functions' code, built for the environment's processor. */
  readonly code: BuiltFunctionCode;

  /** Its timeout. */
  readonly timeout: Duration;

  /** The environment variables that it reads. */
  readonly environment: Record<string, string>;

  /** The settings of the environment. */
  readonly settings: Environment;
}

/** A function of the orders service that is not part of its outbox. */
export class OrdersFunction extends LambdaFunction {
  constructor(scope: Construct, id: string, props: OrdersFunctionProps) {
    const logGroup = new LogGroup(scope, `${id}Logs`, {
      retention: props.settings.logRetention,
      removalPolicy: props.settings.logRemovalPolicy,
    });
    // Not the CDK's default role, which may write to every log group.
    const role = new Role(scope, `${id}Role`, {
      assumedBy: new ServicePrincipal("lambda.amazonaws.com"),
    });
    logGroup.grantWrite(role);
    Validations.of(role).acknowledge({
      id: "AwsSolutions::AwsSolutions-IAM5[Resource::*]",
      reason: "The two X-Ray actions of a traced function support no resource.",
    });
    super(scope, id, {
      role,
      description: props.description,
      runtime: Runtime.PROVIDED_AL2023,
      architecture: props.settings.architecture,
      handler: "bootstrap",
      code: props.code.of(props.crate),
      memorySize: 512,
      timeout: props.timeout,
      // The relay and the sweeper are not traced: a batch holds events of many traces,
      // and each event carries its own trace header to the bus.
      tracing: Tracing.ACTIVE,
      loggingFormat: LoggingFormat.JSON,
      applicationLogLevelV2: props.settings.logLevel,
      logGroup,
      // The AWS SDK sends it with every call, so CloudTrail shows which function made the call.
      environment: { ...props.environment, AWS_SDK_UA_APP_ID: props.crate },
    });
  }
}
