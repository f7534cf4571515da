import type { Duration } from "aws-cdk-lib";
import { Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import type { IKey } from "aws-cdk-lib/aws-kms";
import {
  Function as LambdaFunction,
  LoggingFormat,
  Runtime,
  Tracing,
} from "aws-cdk-lib/aws-lambda";
import { LogGroup } from "aws-cdk-lib/aws-logs";
import type { Construct } from "constructs";
import { acknowledgeVariablesWithoutKey, type BuiltFunctionCode } from "transactional-outbox";
import { acknowledge, acknowledgeLogsWithoutKey, STANDARDS } from "./acknowledge.ts";
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

  /** The key for its log; CloudWatch Logs encrypts it without one, too. */
  readonly encryptionKey?: IKey;
}

/** A function of the orders service that is not part of its outbox. */
export class OrdersFunction extends LambdaFunction {
  constructor(scope: Construct, id: string, props: OrdersFunctionProps) {
    const logGroup = new LogGroup(scope, `${id}Logs`, {
      retention: props.settings.logRetention,
      removalPolicy: props.settings.logRemovalPolicy,
      ...(props.encryptionKey && { encryptionKey: props.encryptionKey }),
    });
    // Not the CDK's default role, which may write to every log group.
    const role = new Role(scope, `${id}Role`, {
      assumedBy: new ServicePrincipal("lambda.amazonaws.com"),
    });
    logGroup.grantWrite(role);
    acknowledge(
      role,
      ["AwsSolutions"],
      "IAM5[Resource::*]",
      "The two X-Ray actions of a traced function support no resource.",
    );
    acknowledge(
      role,
      STANDARDS,
      "IAMNoInlinePolicy",
      "The policy is for this role alone; a managed one could be attached to others.",
    );
    if (props.encryptionKey === undefined) {
      acknowledgeLogsWithoutKey(logGroup);
    }
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
    acknowledge(
      this,
      ["Serverless", "NIST.800.53.R5", "HIPAA.Security"],
      "LambdaDLQ",
      "Lambda never invokes it asynchronously: its caller is the API, or a queue with a dead-letter queue.",
    );
    acknowledge(
      this,
      STANDARDS,
      "LambdaInsideVPC",
      "It calls services of AWS only, authorized by IAM, and reaches nothing in a VPC.",
    );
    acknowledge(
      this,
      ["NIST.800.53.R5", "HIPAA.Security"],
      "LambdaConcurrency",
      "The stage of the API and the mapping of the queue limit it, and a reservation would take from the relay.",
    );
    acknowledgeVariablesWithoutKey(this);
  }
}
