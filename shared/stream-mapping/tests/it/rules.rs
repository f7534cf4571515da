//! One row per rule: what a function does, which batches it receives, and what is given
//! up. There are five records and two retries.

use stream_mapping::{Filter, Outcome, Settings};

use super::drive::{Drive, answer, failure_from, records, settings, success};

type Function = fn(usize, &[u64]) -> Outcome;

struct Rule {
    rule: &'static str,
    settings: Settings,
    /// The function, by the number of earlier calls and the batch.
    function: Function,
    batches: &'static [&'static [u64]],
    given_up: &'static [(u64, u64)],
}

fn with(change: impl FnOnce(&mut Settings)) -> Settings {
    let mut settings = settings();
    change(&mut settings);
    settings
}

fn bisect_and_report(bisect: bool, report: bool) -> Settings {
    with(|settings| {
        settings.bisect_batch_on_function_error = bisect;
        settings.report_batch_item_failures = report;
    })
}

/// Fails if record 3 is in the batch.
fn fails_on_three(_: usize, batch: &[u64]) -> Outcome {
    if batch.contains(&3) {
        Outcome::FunctionError
    } else {
        success()
    }
}

/// Reports record 3.
fn reports_three(_: usize, batch: &[u64]) -> Outcome {
    if batch.contains(&3) {
        failure_from(3)
    } else {
        success()
    }
}

const ALL: &[u64] = &[1, 2, 3, 4, 5];

#[expect(clippy::too_many_lines, reason = "a table")]
fn rules() -> Vec<Rule> {
    let answers: [(&'static str, Function); 7] = [
        ("an empty answer is a success", |_, _| answer("")),
        ("a null answer is a success", |_, _| answer("null")),
        ("a bare empty list is a success", |_, _| answer("[]")),
        ("an empty text is a success", |_, _| answer("\"\"")),
        (
            "a response without batchItemFailures is a success",
            |_, _| answer("{}"),
        ),
        ("null batchItemFailures are a success", |_, _| {
            answer(r#"{"batchItemFailures": null}"#)
        }),
        ("empty batchItemFailures are a success", |_, _| {
            answer(r#"{"batchItemFailures": []}"#)
        }),
    ];
    let failures: [(&'static str, Function); 6] = [
        ("an empty itemIdentifier fails the whole batch", |_, _| {
            answer(r#"{"batchItemFailures": [{"itemIdentifier": ""}]}"#)
        }),
        ("a null itemIdentifier fails the whole batch", |_, _| {
            answer(r#"{"batchItemFailures": [{"itemIdentifier": null}]}"#)
        }),
        (
            "another name than itemIdentifier fails the whole batch",
            |_, _| answer(r#"{"batchItemFailures": [{"itemidentifier": "3"}]}"#),
        ),
        (
            "an itemIdentifier of no record fails the whole batch",
            |_, _| answer(r#"{"batchItemFailures": [{"itemIdentifier": "9"}]}"#),
        ),
        (
            "a response that is not JSON fails the whole batch",
            |_, _| answer("oops"),
        ),
        ("an error of the function fails the whole batch", |_, _| {
            Outcome::FunctionError
        }),
    ];
    let succeeding = answers.map(|(rule, function)| Rule {
        rule,
        settings: settings(),
        function,
        batches: &[ALL],
        given_up: &[],
    });
    let failing = failures.map(|(rule, function)| Rule {
        rule,
        settings: bisect_and_report(false, true),
        function,
        batches: &[ALL, ALL, ALL],
        given_up: &[(1, 5)],
    });
    let others = [
        Rule {
            rule: "a batch holds at most BatchSize records",
            settings: with(|settings| settings.batch_size = 2),
            function: |_, _| success(),
            batches: &[&[1, 2], &[3, 4], &[5]],
            given_up: &[],
        },
        Rule {
            rule: "what no filter lets pass never reaches the function",
            settings: with(|settings| {
                let pattern = r#"{"dynamodb": {"SequenceNumber": ["2", {"prefix": "4"}]}}"#;
                settings.filter = Filter::from_patterns([pattern]).unwrap();
            }),
            function: |_, _| success(),
            batches: &[&[2, 4]],
            given_up: &[],
        },
        Rule {
            rule: "without ReportBatchItemFailures every answer is a success",
            settings: bisect_and_report(true, false),
            function: reports_three,
            batches: &[ALL],
            given_up: &[],
        },
        Rule {
            rule: "the lowest reported record is the checkpoint",
            settings: settings(),
            function: |call, _| match call {
                0 => answer(
                    r#"{"batchItemFailures": [{"itemIdentifier": "5"}, {"itemIdentifier": "3"}]}"#,
                ),
                _ => success(),
            },
            batches: &[ALL, &[3, 4, 5]],
            given_up: &[],
        },
        Rule {
            rule: "neither bisect nor report: the whole batch is retried and given up",
            settings: bisect_and_report(false, false),
            function: fails_on_three,
            batches: &[ALL, ALL, ALL],
            given_up: &[(1, 5)],
        },
        Rule {
            rule: "bisect: a failed batch is halved until the culprit stands alone",
            settings: bisect_and_report(true, false),
            function: fails_on_three,
            batches: &[ALL, &[1, 2, 3], &[1, 2], &[3], &[3], &[3], &[4, 5]],
            given_up: &[(3, 3)],
        },
        Rule {
            rule: "report: what is reported is retried with all behind it, and given up with it",
            settings: bisect_and_report(false, true),
            function: reports_three,
            batches: &[ALL, &[3, 4, 5], &[3, 4, 5], &[3, 4, 5]],
            given_up: &[(3, 5)],
        },
        Rule {
            rule: "report: each time the checkpoint moves, the retries start afresh",
            settings: bisect_and_report(false, true),
            function: |call, batch| match call {
                0 | 1 => failure_from(1),
                2 | 3 => failure_from(2),
                4 | 5 => failure_from(3),
                _ if batch.contains(&5) => failure_from(5),
                _ => success(),
            },
            batches: &[
                ALL,
                ALL,
                ALL,
                &[2, 3, 4, 5],
                &[2, 3, 4, 5],
                &[3, 4, 5],
                &[3, 4, 5],
                &[5],
                &[5],
                &[5],
            ],
            given_up: &[(5, 5)],
        },
        Rule {
            rule: "report: retries used before the checkpoint moved do not count behind it",
            settings: bisect_and_report(false, true),
            function: |call, _| match call {
                1 => failure_from(3),
                _ => Outcome::FunctionError,
            },
            batches: &[ALL, ALL, &[3, 4, 5], &[3, 4, 5], &[3, 4, 5]],
            given_up: &[(3, 5)],
        },
        Rule {
            rule: "report, MaximumRetryAttempts 0: what a partial failure leaves is tried once",
            settings: with(|settings| {
                settings.maximum_retry_attempts = Some(0);
                settings.bisect_batch_on_function_error = false;
            }),
            function: reports_three,
            batches: &[ALL, &[3, 4, 5]],
            given_up: &[(3, 5)],
        },
        Rule {
            rule: "bisect and report: retries start afresh in a half, too, and in no other",
            settings: bisect_and_report(true, true),
            function: |_, batch| match batch {
                [1, 2, 3, 4, 5] => Outcome::FunctionError,
                [1, 2, 3] | [3] => failure_from(3),
                _ => success(),
            },
            batches: &[ALL, &[1, 2, 3], &[3], &[3], &[3], &[4, 5]],
            given_up: &[(3, 3)],
        },
        Rule {
            rule: "bisect and report: the batch is cut at the record, which ends alone",
            settings: bisect_and_report(true, true),
            function: reports_three,
            batches: &[ALL, &[3, 4, 5], &[3, 4], &[3], &[3], &[3], &[4], &[5]],
            given_up: &[(3, 3)],
        },
        Rule {
            rule: "bisect and report: an error halves the batch all the same",
            settings: bisect_and_report(true, true),
            function: fails_on_three,
            batches: &[ALL, &[1, 2, 3], &[1, 2], &[3], &[3], &[3], &[4, 5]],
            given_up: &[(3, 3)],
        },
        Rule {
            rule: "MaximumRetryAttempts 0: what fails is given up at once",
            settings: with(|settings| {
                settings.maximum_retry_attempts = Some(0);
                settings.bisect_batch_on_function_error = false;
            }),
            function: |_, _| Outcome::FunctionError,
            batches: &[ALL],
            given_up: &[(1, 5)],
        },
        Rule {
            rule: "an invocation that does not reach the function uses up no retry",
            settings: with(|settings| settings.maximum_retry_attempts = Some(0)),
            function: |call, _| match call {
                0..5 => Outcome::NotReached,
                _ => success(),
            },
            batches: &[ALL, ALL, ALL, ALL, ALL, ALL],
            given_up: &[],
        },
        Rule {
            rule: "nothing behind a failing batch is tried before it",
            settings: with(|settings| settings.batch_size = 1),
            function: |_, batch| match batch {
                [2] => Outcome::FunctionError,
                _ => success(),
            },
            batches: &[&[1], &[2], &[2], &[2], &[3], &[4], &[5]],
            given_up: &[(2, 2)],
        },
    ];
    succeeding
        .into_iter()
        .chain(failing)
        .chain(others)
        .collect()
}

#[test]
fn a_function_receives_the_batches_of_each_rule() {
    for rule in rules() {
        let mut drive = Drive::new(rule.settings, records(1..=5));
        drive.run(rule.function);
        assert_eq!(drive.batches, rule.batches, "{}", rule.rule);
        assert_eq!(drive.given_up(), rule.given_up, "{}", rule.rule);
        assert_eq!(drive.checkpoint(), 5, "{}", rule.rule);
        assert_eq!(drive.shard.backlog(), 0, "{}", rule.rule);
    }
}
