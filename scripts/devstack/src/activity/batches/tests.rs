use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::json;
use stream_mapping::{
    Action, Invocation, Outcome as End, Record, Settings, Shard, StartingPosition,
};
use uuid::Uuid;

use super::*;

const SHARD: &str = "shardId-1";

/// A function of the numbers in a batch.
type Function = fn(&[u64]) -> End;

fn record(number: u64) -> Value {
    json!({
        "eventName": "INSERT",
        "dynamodb": {
            "SequenceNumber": number.to_string(),
            "ApproximateCreationDateTime": Timestamp::now().as_second(),
            "Keys": {"position": {"S": number.to_string()}},
            "NewImage": {
                "aggregateId": {"S": "order#42"}, "position": {"S": format!("{number}#e{number}")},
                "sequence": {"N": number.to_string()}, "eventId": {"S": format!("e{number}")},
            },
        },
    })
}

fn settings() -> Settings {
    Settings {
        batch_size: 4,
        maximum_retry_attempts: Some(2),
        bisect_batch_on_function_error: true,
        report_batch_item_failures: true,
        has_on_failure_destination: true,
        ..Settings::new(StartingPosition::TrimHorizon)
    }
}

/// A shard whose actions and their results are added to the batches, as a mapping does.
struct Driven {
    shard: Shard,
    now: Timestamp,
    batches: Batches,
    consequences: Vec<Consequence>,
}

impl Driven {
    fn new(settings: Settings, records: std::ops::RangeInclusive<u64>) -> Self {
        let arn = "arn:aws:dynamodb:eu-central-1:000000000000:table/outbox/stream/1";
        let mut shard = Shard::new(SHARD, arn, "publish-events", settings).unwrap();
        let now = Timestamp::now();
        let records = records.map(|number| Record::from_json(record(number)).unwrap());
        shard.push(records.collect(), now);
        Self {
            shard,
            now,
            batches: Batches::default(),
            consequences: Vec::new(),
        }
    }

    fn add(&mut self, event: &Event) {
        let consequence = self.batches.add(event, self.now);
        self.consequences.extend(consequence);
    }

    /// Runs until nothing is left to do.
    fn run(&mut self, function: Function) {
        while self.step(function) {}
    }

    /// Executes the next action. Returns whether there was one.
    fn step(&mut self, function: Function) -> bool {
        match self.shard.next(self.now) {
            Action::Idle => return false,
            Action::WaitUntil(time) => self.now = time,
            Action::SendOnFailure(lane, on_failure) => {
                let message = on_failure.message().clone();
                self.shard.on_failure_sent(lane);
                let shard = SHARD.to_owned();
                self.add(&Event::SentOnFailure { shard, message });
            }
            Action::Invoke(lane, records) => {
                let json: Arc<[Value]> = records.iter().map(|it| it.json().clone()).collect();
                let numbers = json.iter().map(|it| sequence_number(it).parse().unwrap());
                let numbers: Vec<u64> = numbers.collect();
                let shard = SHARD.to_owned();
                self.add(&Event::Invoking {
                    shard: shard.clone(),
                    records: json,
                });
                let end = function(&numbers);
                let now = self.now;
                let after = self
                    .shard
                    .completed(lane, &end, &Invocation::default(), now);
                let is_done = after.again.is_empty() && after.given_up == 0;
                let error = || "panicked".to_owned();
                let outcome = match end {
                    End::Answered { .. } if is_done => InvocationOutcome::Success,
                    End::Answered { payload } => {
                        InvocationOutcome::FailuresReported { response: payload }
                    }
                    End::FunctionError => InvocationOutcome::FunctionError { error: error() },
                    End::NotReached => InvocationOutcome::NotReached { error: error() },
                };
                self.add(&Event::Invoked {
                    shard,
                    records: numbers.len(),
                    first: numbers.first().unwrap().to_string(),
                    last: numbers.last().unwrap().to_string(),
                    outcome,
                    took: Duration::from_millis(7),
                    done: after.done,
                    again: after.again,
                    not_before: after.not_before,
                    given_up: after.given_up,
                });
            }
        }
        true
    }

    fn batch(&self) -> Batch {
        self.batches.list(1).remove(0)
    }

    /// Returns the results of an event, in order.
    fn results(&self, id: &str) -> Vec<ReadResult> {
        let ended = self.consequences.iter().filter_map(|it| match it {
            Consequence::Ended { results } => Some(results),
            _ => None,
        });
        let results = ended.flatten().filter(|(of, _)| of == id);
        results.map(|(_, result)| *result).collect()
    }
}

fn succeed() -> End {
    let payload = r#"{"batchItemFailures": []}"#.to_owned();
    End::Answered { payload }
}

/// Record 3 makes the function panic.
fn three_is_poison(numbers: &[u64]) -> End {
    if numbers.contains(&3) {
        End::FunctionError
    } else {
        succeed()
    }
}

/// Reports record 3.
fn three_is_reported(numbers: &[u64]) -> End {
    if numbers.contains(&3) {
        let payload = json!({"batchItemFailures": [{"itemIdentifier": "3"}]});
        let payload = payload.to_string();
        return End::Answered { payload };
    }
    succeed()
}

/// Returns a tree as text: origin, rows, outcomes, what was given up, and the children.
fn text(part: &Part) -> String {
    let numbers: Vec<&str> = part
        .records
        .iter()
        .map(|it| it.sequence_number.as_str())
        .collect();
    let outcomes: Vec<String> = part
        .attempts
        .iter()
        .map(|attempt| format!("{:?}", attempt.outcome.unwrap()))
        .collect();
    let mut text = vec![format!(
        "{:?} {}: {}",
        part.origin,
        numbers.join(" "),
        outcomes.join(" ")
    )];
    let given_up = part.given_up.iter();
    text.extend(given_up.map(|it| format!(", given up: {}", it.condition)));
    if !part.children.is_empty() {
        let children: Vec<String> = part.children.iter().map(self::text).collect();
        text.push(format!(" [{}]", children.join("; ")));
    }
    text.concat()
}

#[test]
fn a_batch_with_a_poison_record_is_bisected_until_that_is_given_up() {
    let mut driven = Driven::new(settings(), 1..=4);
    driven.run(three_is_poison);
    let batch = driven.batch();
    assert_eq!(
        text(&batch.whole),
        "Batch 1 2 3 4: FunctionError [\
         FirstHalf 1 2: Success; \
         SecondHalf 3 4: FunctionError [\
         FirstHalf 3: FunctionError FunctionError FunctionError, given up: RetryAttemptsExhausted; \
         SecondHalf 4: Success]]"
    );
    assert_eq!(batch.state, PartState::GivenUp);
    assert_eq!((batch.number, batch.shard.as_str()), (1, SHARD));
    let half = &batch.whole.children[0];
    assert_eq!(half.state, PartState::Done);
    assert!(half.pause_milliseconds > Some(0), "{half:?}");
    assert_eq!(half.records[0].row.as_deref(), Some("order#42/1"));
    let poison = &batch.whole.children[1].children[0];
    assert_eq!(poison.state, PartState::GivenUp);
    assert_eq!(poison.attempts[0].pause_milliseconds, None);
    assert!(poison.attempts[2].pause_milliseconds > poison.attempts[1].pause_milliseconds);
    assert_eq!(poison.attempts[2].milliseconds, Some(7));
    assert_eq!(poison.attempts[2].text, "panicked");
    let message = &poison.given_up[0].message;
    assert_eq!(message["DDBStreamBatchInfo"]["startSequenceNumber"], "3");

    let failed = Outcome::FunctionError;
    assert_eq!(
        driven.results("e1"),
        [ReadResult::Retried(failed), ReadResult::Done]
    );
    let poison = driven.results("e3");
    assert_eq!(poison.len(), 5);
    assert_eq!(poison.last(), Some(&ReadResult::GivenUp(failed)));
    let given_up = driven
        .consequences
        .iter()
        .any(|it| matches!(it, Consequence::GivenUp { batch: 1, events, .. } if *events == ["e3"]));
    assert!(given_up, "{:?}", driven.consequences);
}

#[test]
fn after_a_partial_failure_the_rest_is_retried() {
    let mut driven = Driven::new(settings(), 1..=4);
    for _ in 0..4 {
        driven.step(three_is_reported);
    }
    let whole = driven.batch().whole;
    let attempt = &whole.attempts[0];
    assert_eq!(attempt.outcome, Some(Outcome::PartialFailure));
    assert_eq!((attempt.done, attempt.first_failed), (2, Some(2)));
    assert!(attempt.text.contains("itemIdentifier"), "{attempt:?}");
    let rest = &whole.children[0];
    assert_eq!((rest.origin, rest.records.len()), (Origin::Rest, 2));
    driven.run(|_| succeed());
    assert_eq!(driven.batch().state, PartState::Done);
    let done = [ReadResult::Done];
    assert_eq!(driven.results("e2"), done);
    assert_eq!(driven.results("e4").last(), Some(&ReadResult::Done));
}

#[test]
fn an_attempt_that_does_not_reach_the_function_is_repeated_after_a_pause() {
    let mut driven = Driven::new(settings(), 1..=2);
    assert!(driven.step(|_| End::NotReached));
    let waiting = driven.batch();
    assert_eq!(waiting.state, PartState::ToRetry);
    assert!(waiting.whole.retry_at > Some(driven.now));
    assert_eq!(driven.batches.to_retry(), 1);
    driven.run(|_| succeed());
    let batch = driven.batch();
    assert_eq!(text(&batch.whole), "Batch 1 2: NotReached Success");
    let attempts = &batch.whole.attempts;
    assert_eq!((attempts[0].number, attempts[1].number), (1, 2));
    assert!(attempts[1].pause_milliseconds > Some(0), "{attempts:?}");
    assert_eq!((batch.state, batch.whole.retry_at), (PartState::Done, None));
    assert_eq!(
        (driven.batches.to_retry(), driven.batches.in_flight()),
        (0, 0)
    );
}

#[test]
fn records_that_are_too_old_are_given_up_at_the_front() {
    let settings = Settings {
        maximum_record_age: Some(SignedDuration::from_secs(60)),
        maximum_retry_attempts: None,
        ..settings()
    };
    let mut driven = Driven::new(settings, 1..=1);
    driven.step(|_| End::FunctionError);
    driven.now += SignedDuration::from_secs(120);
    driven.run(|_| succeed());
    let batch = driven.batch();
    assert_eq!(
        text(&batch.whole),
        "Batch 1: FunctionError, given up: RecordAgeExceeded"
    );
    assert_eq!(batch.state, PartState::GivenUp);
    assert_eq!(driven.batches.to_retry(), 0);
}

#[test]
fn a_mapping_that_starts_again_leaves_its_batches_stopped() {
    let mut driven = Driven::new(settings(), 1..=2);
    driven.step(|_| End::FunctionError);
    driven.add(&Event::Created {
        uuid: Uuid::nil(),
        stream: String::new(),
        function: String::new(),
        endpoint: String::new(),
    });
    assert_eq!(driven.batch().state, PartState::Stopped);
    // The same records are a new batch then.
    driven.run(|_| succeed());
    assert_eq!(driven.batches.list(10).len(), 3);
    assert_eq!(driven.batches.to_retry(), 0);
}

#[test]
fn batches_and_attempts_are_bounded_and_those_not_done_are_kept_longest() {
    let mut batches = Batches::default();
    let now = Timestamp::now();
    let end = |batches: &mut Batches, number: u64, outcome, again: Vec<usize>| {
        let shard = SHARD.to_owned();
        let records = Arc::from([record(number)]);
        batches.add(&Event::Invoking { shard, records }, now);
        let event = Event::Invoked {
            shard: SHARD.to_owned(),
            records: 1,
            first: number.to_string(),
            last: number.to_string(),
            outcome,
            took: Duration::ZERO,
            done: usize::from(again.is_empty()),
            again,
            not_before: None,
            given_up: 0,
        };
        batches.add(&event, now);
    };
    for _ in 0..100 {
        let error = String::new();
        let outcome = InvocationOutcome::NotReached { error };
        end(&mut batches, 1, outcome, vec![1]);
    }
    for number in 2..=1_000 {
        end(&mut batches, number, InvocationOutcome::Success, vec![]);
    }
    let kept = batches.list(usize::MAX);
    assert_eq!(kept.len(), MOST_BATCHES);
    assert_eq!(batches.records, MOST_BATCHES);
    assert_eq!((kept[0].number, kept[MOST_BATCHES - 1].number), (1_000, 1));
    let blocked = &kept[MOST_BATCHES - 1].whole;
    assert_eq!((blocked.attempts.len(), blocked.omitted_attempts), (50, 50));
    assert_eq!(blocked.attempts.last().unwrap().number, 100);
    assert_eq!(blocked.attempts[FIRST_ATTEMPTS].number, 61);
}
