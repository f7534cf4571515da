import { PolicyStatement } from "aws-cdk-lib/aws-iam";
import { type Function as LambdaFunction, LayerVersion } from "aws-cdk-lib/aws-lambda";
import type { Construct } from "constructs";

/** Exports the spans of functions by a collector that runs beside each of them. */
export function exportSpans(
  scope: Construct,
  collectorLayerArn: string,
  functions: LambdaFunction[],
): void {
  const collector = LayerVersion.fromLayerVersionArn(scope, "Collector", collectorLayerArn);
  for (const traced of functions) {
    traced.addLayers(collector);
    // Where the layer's collector listens for OTLP by HTTP.
    traced.addEnvironment("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318");
    // It sends the spans to X-Ray. These actions take no resource.
    traced.addToRolePolicy(
      new PolicyStatement({
        actions: ["xray:PutTraceSegments", "xray:PutTelemetryRecords"],
        resources: ["*"],
      }),
    );
  }
}
