//! A function that fails on one record of a hundred, with each combination of bisect and
//! partial batch responses.

use stream_mapping::StreamArn;

use super::{
    function::{FailsBy, Function},
    lambda::{Dialect, Lambda},
    process::{StreamMapping, settled, stream_mapping},
    queue::Queue,
    table::Table,
};

struct Case {
    bisect: bool,
    report: bool,
    dialect: Dialect,
    /// First and last item of each batch that the function receives.
    batches: &'static [(u32, u32)],
    /// First and last item of the message in the queue.
    given_up: (u32, u32),
}

impl Case {
    async fn run(self) {
        let table = Table::start().await;
        table.put(1..=100).await;
        let lambda = Lambda::start(self.dialect, 0).await;
        let queue = Queue::start().await;
        let fails_by = if self.report {
            FailsBy::Report
        } else {
            FailsBy::Error
        };
        let _function = Function::start(lambda.address, fails_by);

        let mut command = stream_mapping(table.address, &lambda, &queue);
        command
            .args(["--event-source-arn", &table.stream_arn])
            .args(["--starting-position", "TRIM_HORIZON"])
            .args(["--maximum-retry-attempts", "1"]);
        if self.bisect {
            command.arg("--bisect-batch-on-function-error");
        }
        if self.report {
            command.args(["--function-response-types", "ReportBatchItemFailures"]);
        }
        let mapping = StreamMapping::start(command);
        mapping.until(|log| settled(log) == 100).await;
        mapping
            .until(|log| log.iter().any(|entry| entry["event"] == "sentOnFailure"))
            .await;
        let (status, counts) = mapping.stop().await;

        let ends = |batch: &Vec<String>| {
            let number = |name: Option<&String>| name.unwrap().parse::<u32>().unwrap();
            (number(batch.first()), number(batch.last()))
        };
        let batches: Vec<_> = lambda.batches().iter().map(ends).collect();
        assert_eq!(batches, self.batches);
        let messages = queue.messages();
        assert_eq!(messages.len(), 1, "{messages:#?}");
        let info = &messages[0]["DDBStreamBatchInfo"];
        let (first, last) = self.given_up;
        assert_eq!(info["batchSize"], last - first + 1);
        assert_eq!(
            messages[0]["requestContext"]["condition"],
            "RetryAttemptsExhausted"
        );
        let arn = messages[0]["requestContext"]["functionArn"]
            .as_str()
            .unwrap();
        let stream: StreamArn = table.stream_arn.parse().unwrap();
        let (region, account) = (stream.region(), stream.account());
        let expected = format!("arn:aws:lambda:{region}:{account}:function:function");
        assert_eq!(arn, expected, "the command has only its name");
        let error = &messages[0]["responseContext"]["functionError"];
        assert_eq!(error.is_null(), self.report, "{error}");
        assert_eq!(status.code(), Some(130));
        assert_eq!(counts["PolledEventCount"], 100);
        assert_eq!(
            counts["OnFailureDestinationDeliveredEventCount"],
            last - first + 1
        );
    }
}

#[tokio::test]
async fn with_neither_the_whole_batch_is_given_up() {
    let case = Case {
        bisect: false,
        report: false,
        dialect: Dialect::Aws,
        batches: &[(1, 100), (1, 100)],
        given_up: (1, 100),
    };
    case.run().await;
}

#[tokio::test]
async fn bisect_splits_until_the_poison_is_alone() {
    let case = Case {
        bisect: true,
        report: false,
        dialect: Dialect::CargoLambdaWatch,
        batches: &[
            (1, 100),
            (1, 50),
            (1, 25),
            (26, 50),
            (26, 38),
            (39, 50),
            (39, 44),
            (39, 41),
            (42, 44),
            (42, 43),
            (42, 42),
            (42, 42),
            (43, 43),
            (44, 44),
            (45, 50),
            (51, 100),
        ],
        given_up: (42, 42),
    };
    case.run().await;
}

#[tokio::test]
async fn partial_batches_give_up_the_poison_and_all_after_it() {
    let case = Case {
        bisect: false,
        report: true,
        dialect: Dialect::Aws,
        batches: &[(1, 100), (42, 100), (42, 100)],
        given_up: (42, 100),
    };
    case.run().await;
}

#[tokio::test]
async fn with_both_only_the_poison_is_given_up() {
    let case = Case {
        bisect: true,
        report: true,
        dialect: Dialect::Aws,
        batches: &[
            (1, 100),
            (42, 100),
            (42, 71),
            (42, 56),
            (42, 49),
            (42, 45),
            (42, 43),
            (42, 42),
            (42, 42),
            (43, 43),
            (44, 45),
            (46, 49),
            (50, 56),
            (57, 71),
            (72, 100),
        ],
        given_up: (42, 42),
    };
    case.run().await;
}
