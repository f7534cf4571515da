use bytes::Bytes;
use devstack_api::{Fault, Kind, ReadResult};
use serde_json::{Value, json};

use super::*;

/// A recorder of a stack in which one order is placed.
struct Stack(Recorder);

impl Stack {
    fn call(&self, caller: &str, action: &str, request: &Value, answer: Option<(u16, Value)>) {
        let request = Bytes::from(request.to_string());
        let recording = Recording::begin(&self.0, Some(caller), action, &request, false);
        if let Some((status, body)) = answer {
            recording.answered(status, body.to_string().as_bytes());
        }
    }

    fn row() -> Value {
        json!({
            "aggregateId": {"S": "order#42"}, "position": {"S": "00000000000000000001#e1"},
            "sequence": {"N": "1"}, "eventId": {"S": "e1"}, "detailType": {"S": "OrderCreated"},
            "detail": {"S": r#"{"id": "e1", "data": {"orderId": "42"}}"#},
        })
    }

    fn commit(&self) {
        let request = json!({"TransactItems": [{"Put": {"Item": Self::row()}}]});
        let done = Some((200, json!({})));
        self.call("create-order", "TransactWriteItems", &request, done);
    }

    fn put(&self, answer: Option<(u16, Value)>) {
        self.put_by("publish-events", answer);
    }

    fn put_by(&self, function: &str, answer: Option<(u16, Value)>) {
        let request = json!({"Entries": [{"Detail": r#"{"id": "e1"}"#}]});
        self.call(function, "PutEvents", &request, answer);
    }

    fn invoke(&self, outcome: InvocationOutcome) {
        let record = json!({"dynamodb": {"SequenceNumber": "7", "NewImage": Self::row()}});
        let shard = || "shard".to_owned();
        let now = Timestamp::now();
        let records = Arc::from([record]);
        self.0.mapping(
            &Event::Invoking {
                shard: shard(),
                records,
            },
            now,
        );
        let is_done = outcome == InvocationOutcome::Success;
        let invoked = Event::Invoked {
            shard: shard(),
            records: 1,
            first: "7".to_owned(),
            last: "7".to_owned(),
            outcome,
            took: std::time::Duration::ZERO,
            done: usize::from(is_done),
            again: if is_done { vec![] } else { vec![1] },
            not_before: None,
            given_up: 0,
        };
        self.0.mapping(&invoked, now);
    }

    fn pipeline(&self) -> Pipeline {
        self.0.activity(&[]).pipeline
    }
}

fn accepted() -> (u16, Value) {
    (200, json!({"Entries": [{"EventId": "1"}]}))
}

#[test]
fn an_event_is_counted_and_followed_from_its_commit_to_its_shipment() {
    let stack = Stack(Recorder::default());
    stack.commit();
    stack.put(Some(accepted()));
    let key =
        json!({"aggregateId": {"S": "order#42"}, "position": {"S": "00000000000000000001#e1"}});
    let delete = json!({"RequestItems": {"outbox": [{"DeleteRequest": {"Key": key}}]}});
    for _ in 0..2 {
        let done = Some((200, json!({})));
        stack.call("publish-events", "BatchWriteItem", &delete, done);
    }
    stack.invoke(InvocationOutcome::Success);
    stack.0.delivered("e1");
    let handled = json!({"TransactItems": [
        {"Put": {"Item": {"pk": {"S": "shipment#42"}, "status": {"S": "started"}}}},
        {"Put": {"Item": {"consumer": {"S": "shipping"}, "eventId": {"S": "e1"},
            "eventTime": {"N": "1"}}}},
    ]});
    let done = Some((200, json!({})));
    stack.call("start-shipping", "TransactWriteItems", &handled, done);

    let pipeline = stack.pipeline();
    assert_eq!(pipeline.commands.placed, 1);
    assert_eq!((pipeline.outbox.committed, pipeline.outbox.deleted), (1, 1));
    assert_eq!(
        (pipeline.mapping.records, pipeline.mapping.invocations),
        (1, 1)
    );
    assert_eq!((pipeline.relay.requests, pipeline.relay.accepted), (1, 1));
    assert_eq!((pipeline.bus.delivered, pipeline.bus.duplicates), (1, 0));
    assert_eq!(pipeline.shipping.started, 1);

    let journey = stack.0.journey("e1").unwrap();
    assert_eq!(journey.row.as_deref(), Some("order#42/1"));
    assert_eq!(journey.order_id.as_deref(), Some("42"));
    let steps = serde_json::to_value(&journey.steps).unwrap();
    let steps: Vec<&str> = steps
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["what"].as_str().unwrap())
        .collect();
    assert_eq!(
        steps,
        [
            "committed",
            "put",
            "deleted",
            "deleted",
            "read",
            "delivered",
            "handled"
        ]
    );
    assert!(stack.0.journey("e2").is_none());
}

#[test]
fn an_event_published_at_once_is_not_published_by_its_batch() {
    let stack = Stack(Recorder::default());
    let published_by = || {
        let batches = stack.0.batches(1);
        batches[0].whole.records[0].published_at_once_by.clone()
    };
    stack.commit();
    let throttled = (400, json!({"__type": "ThrottlingException"}));
    stack.put_by("create-order", Some(throttled));
    stack.invoke(InvocationOutcome::Success);
    assert_eq!(stack.pipeline().relay.past_hour.at_once, None);
    assert_eq!(published_by(), None, "it was left to the stream");

    stack.put_by("create-order", Some(accepted()));
    assert_eq!(published_by().as_deref(), Some("create-order"));
    // The relay may publish it a second time. It came by the function.
    stack.put(Some(accepted()));
    assert_eq!(published_by().as_deref(), Some("create-order"));

    let relay = stack.pipeline().relay;
    assert_eq!((relay.accepted, relay.accepted_at_once), (2, 1));
    let ways = [relay.past_hour.at_once.unwrap(), relay.past_hour.relay];
    for way in ways {
        assert_eq!(way.events, 1);
        assert!(way.commit_to_publish.is_some(), "its commit is known");
    }
    let steps = stack.0.journey("e1").unwrap().steps;
    let by: Vec<Publisher> = steps
        .into_iter()
        .filter_map(|step| match step.what {
            What::Put {
                by,
                result: PutResult::Accepted,
                ..
            } => Some(by),
            _ => None,
        })
        .collect();
    let function = Publisher::Function("create-order".to_owned());
    assert_eq!(by, [function, Publisher::Relay]);
}

#[test]
fn a_call_whose_connection_ends_has_no_answer() {
    let stack = Stack(Recorder::default());
    stack.put(None);
    stack.put(Some(accepted()));
    stack.0.delivered("e1");
    stack.0.delivered("e1");
    let pipeline = stack.pipeline();
    assert_eq!((pipeline.relay.unanswered, pipeline.relay.accepted), (1, 1));
    assert_eq!((pipeline.bus.delivered, pipeline.bus.duplicates), (1, 1));
}

#[test]
fn a_part_is_in_trouble_while_it_fails() {
    let stack = Stack(Recorder::default());
    let revision = || stack.0.activity(&[]).revision;
    let before = revision();
    let broken = "publish-events does not compile: error: no\n at main.rs";
    stack.0.function_failed("publish-events", broken.to_owned());
    assert!(revision() > before);
    assert_eq!(
        stack.pipeline().relay.trouble.as_deref(),
        Some("publish-events does not compile: error: no at main.rs")
    );
    stack.0.function_answered("publish-events");
    let error = "panicked".to_owned();
    stack.invoke(InvocationOutcome::FunctionError { error });
    let pipeline = stack.pipeline();
    assert_eq!(
        pipeline.relay.trouble.as_deref(),
        Some("its last invocation failed: panicked")
    );
    assert_eq!(pipeline.mapping.batches_to_retry, 1);
    let journey = stack.0.journey("e1").unwrap();
    let retried = ReadResult::Retried(devstack_api::Outcome::FunctionError);
    assert!(matches!(
        journey.steps[0].what,
        What::Read { batch: 1, time: 1, result: Some(result) } if result == retried
    ));
    stack.invoke(InvocationOutcome::Success);
    assert_eq!(stack.pipeline().relay.trouble, None);
    assert_eq!(stack.pipeline().mapping.records, 1, "each is counted once");

    let fault = |id, action: &str, kind| InjectedFault {
        id,
        fault: Fault {
            action: action.to_owned(),
            kind,
            probability: 1.0,
            count: None,
        },
        hits: 0,
    };
    let faults = [
        fault(1, "PutEvents", Kind::Throttle),
        fault(2, "PutEvents", Kind::Deny),
        fault(3, "TransactWriteItems", Kind::Poison),
    ];
    let pipeline = stack.0.activity(&faults).pipeline;
    assert_eq!(
        pipeline.bus.trouble.as_deref(),
        Some("an injected fault: PutEvents is throttled, and there is another fault")
    );
    assert_eq!(
        pipeline.commands.trouble.as_deref(),
        Some("an injected fault: TransactWriteItems commits a poison event")
    );
    assert_eq!(pipeline.shipping.trouble, None);
    assert_eq!(pipeline.outbox.trouble, None);
}

#[test]
fn the_mapping_is_reading_retrying_or_stopped() {
    let stack = Stack(Recorder::default());
    let state = || stack.pipeline().mapping.state;
    assert_eq!(state(), MappingState::Stopped);
    let created = Event::Created {
        uuid: uuid::Uuid::nil(),
        stream: String::new(),
        function: String::new(),
        endpoint: String::new(),
    };
    stack.0.mapping(&created, Timestamp::now());
    assert_eq!(state(), MappingState::Reading);
    let error = String::new();
    stack.invoke(InvocationOutcome::NotReached { error });
    assert_eq!(state(), MappingState::Retrying);
    stack.0.mapping_stopped();
    assert_eq!(state(), MappingState::Stopped);
}
