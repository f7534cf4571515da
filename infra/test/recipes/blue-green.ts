import { Duration } from "aws-cdk-lib";
import { Alarm, TreatMissingData } from "aws-cdk-lib/aws-cloudwatch";
import { LambdaDeploymentConfig, LambdaDeploymentGroup } from "aws-cdk-lib/aws-codedeploy";
import type { Construct } from "constructs";
import type { TransactionalOutbox } from "transactional-outbox";

/** Gives a new version of the relay a tenth of the batches, and all of them if it works. */
export function shiftRelayTraffic(scope: Construct, outbox: TransactionalOutbox): void {
  const errors = new Alarm(scope, "NewRelayFails", {
    metric: outbox.relayAlias.metricErrors({ period: Duration.minutes(1) }),
    threshold: 1,
    evaluationPeriods: 1,
    treatMissingData: TreatMissingData.NOT_BREACHING,
  });
  new LambdaDeploymentGroup(scope, "RelayDeployment", {
    alias: outbox.relayAlias,
    deploymentConfig: LambdaDeploymentConfig.CANARY_10PERCENT_10MINUTES,
    alarms: [errors],
  });
}
