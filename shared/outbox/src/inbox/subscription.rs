//! What a consumer expects on its queue, and what it rejects.

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{CloudEvent, Traceparent, json_problem, serde_failure::text_of_path};

/// The most events that an aggregate is expected to have, unless a consumer says otherwise.
const LONGEST_HISTORY: u64 = 1_000_000;

/// What a consumer expects on its queue: the events of one source.
///
/// A queue receives all events that match its rule. A principal that may put events of any source
/// on the bus can forge an event of another service. With a high sequence, that event makes all
/// later events of its aggregate look late. So a consumer reads messages by [`read`](Self::read),
/// which returns only an event that
///
/// - has the same source and type as its envelope: IAM protects the envelope, for with
///   `events:source` in its policy, a service can put events of its own source only;
/// - is of the source, and put on the bus by the account, that the consumer subscribes to;
/// - is of a type that the consumer reads, with data that fits the type;
/// - is about the aggregate that its data is of;
/// - has a sequence, as all events of an outbox, and one that a real history reaches.
///
/// ```
/// use outbox::inbox::{Subscription, UnexpectedEvent};
/// use serde::Deserialize;
///
/// // The types that the consumer reads, by the attributes `type` and `data` of the event.
/// #[derive(Deserialize)]
/// #[serde(tag = "type", content = "data", rename_all_fields = "camelCase")]
/// enum OrderEvent {
///     OrderCreated { order_id: String },
///     OrderCancelled { order_id: String },
/// }
///
/// impl OrderEvent {
///     fn aggregate_id(&self) -> String {
///         let (Self::OrderCreated { order_id } | Self::OrderCancelled { order_id }) = self;
///         format!("order#{order_id}")
///     }
/// }
///
/// // An order has few events.
/// let orders = Subscription::to("orders").in_account("111122223333").longest_history(100);
/// # let mut body = r#"{"source": "orders", "detail-type": "OrderCreated", "account": "111122223333",
/// #     "detail": {"specversion": "1.0", "id": "1", "source": "orders", "type": "OrderCreated",
/// #     "subject": "order#42", "sequence": "00000000000000000001",
/// #     "time": "2026-11-24T09:00:00Z", "data": {"orderId": "42"}}}"#.to_owned();
/// let received = orders.read(&body, OrderEvent::aggregate_id)?;
/// assert!(matches!(received.data, OrderEvent::OrderCreated { order_id } if order_id == "42"));
/// assert_eq!((received.event.id.as_str(), received.sequence), ("1", 1));
///
/// # body = body.replace("order#42", "order#43");
/// // An event whose subject is `order#43`, while its data is of order 42:
/// let rejected = orders.read(&body, OrderEvent::aggregate_id).err();
/// assert_eq!(rejected.map(|rejected| rejected.reason), Some(UnexpectedEvent::Subject));
/// # Ok::<(), outbox::inbox::RejectedMessage>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    source: String,
    /// The account that events are put by; `None` for any.
    account: Option<String>,
    longest_history: u64,
}

/// An event that a consumer may handle; see [`Subscription`] for an example.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Received<Data> {
    /// The event, for the [`Inbox`](super::Inbox).
    pub event: CloudEvent,
    /// Its type and data.
    pub data: Data,
    /// Its position in the history of its aggregate, from 1.
    pub sequence: u64,
}

/// A message that a consumer must not handle; see [`Subscription`] for an example. Leave it to the
/// dead-letter queue. Its text quotes nothing of the message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
#[non_exhaustive]
pub struct RejectedMessage {
    /// Why.
    pub reason: UnexpectedEvent,
    /// The id of the event in the message, if there is one, for the log. It may be forged.
    pub event_id: Option<String>,
    /// The trace of that event, also for the log.
    pub traceparent: Option<Traceparent>,
}

impl RejectedMessage {
    fn of(event: CloudEvent, reason: UnexpectedEvent) -> Self {
        Self {
            reason,
            event_id: Some(event.id),
            traceparent: event.traceparent,
        }
    }
}

/// Why an event is not one that the consumer expects.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnexpectedEvent {
    /// The message is no EventBridge event with a `CloudEvent` in it.
    #[error("the message is no EventBridge event with a CloudEvent in it: {path}: {problem}")]
    Message {
        /// Where in the message.
        path: String,
        /// What is wrong there.
        problem: String,
    },
    /// It is of a source that the consumer doesn't subscribe to.
    #[error("the event is of another source than {expected}")]
    Source {
        /// The source that the consumer subscribes to.
        expected: String,
    },
    /// An attribute of the event differs from that of the envelope, which IAM protects.
    #[error("{attribute} of the event differs from its envelope")]
    Envelope {
        /// The attribute.
        attribute: &'static str,
    },
    /// It was put on the bus by another account.
    #[error("the event was put on the bus by another account than {expected}")]
    Account {
        /// The account that the consumer expects.
        expected: String,
    },
    /// It has no sequence, or one that is 0 or higher than an aggregate's history is long.
    #[error("the event has no sequence between 1 and {most}")]
    Sequence {
        /// The highest sequence that the consumer expects.
        most: u64,
    },
    /// The consumer doesn't read events of this type.
    #[error("the rule sends events of a type that the consumer doesn't read: {problem}")]
    Type {
        /// Which types it reads.
        problem: String,
    },
    /// Its data doesn't fit its type.
    #[error("the data of the event doesn't fit its type: {path}: {problem}")]
    Data {
        /// Where in the event: `data.items[0].price`, or `data`.
        path: String,
        /// What is wrong there.
        problem: String,
    },
    /// It is about another aggregate than its data.
    #[error("the subject of the event is another aggregate than that of its data")]
    Subject,
}

/// EventBridge's envelope, as far as it is compared.
#[derive(Deserialize)]
struct Envelope {
    source: String,
    #[serde(rename = "detail-type")]
    detail_type: String,
    account: String,
    detail: CloudEvent,
}

impl Subscription {
    /// Subscribes to the events of a source, put by any account. See [`Subscription`] for an
    /// example.
    pub fn to(source: impl Into<String>) -> Self {
        Self {
            source: source.into(),
            account: None,
            longest_history: LONGEST_HISTORY,
        }
    }

    /// Returns the subscription for events that this account puts on the bus. See
    /// [`Subscription`] for an example.
    #[must_use]
    pub fn in_account(self, account: impl Into<String>) -> Self {
        let account = Some(account.into());
        Self { account, ..self }
    }

    /// Returns the subscription with the number of events that an aggregate has at most. A higher
    /// sequence is rejected. A million by default. See [`Subscription`] for an example.
    #[must_use]
    pub fn longest_history(self, events: u64) -> Self {
        Self {
            longest_history: events,
            ..self
        }
    }

    /// Returns the event in a message that an EventBridge rule has sent, if it is an expected one.
    /// See [`Subscription`] for an example.
    ///
    /// `Data` is read from the event's attributes `type` and `data`, and nothing else: an enum of
    /// the types that the consumer reads, with `#[serde(tag = "type", content = "data")]`.
    /// `aggregate_id` returns the id of the aggregate that data is of.
    ///
    /// # Errors
    ///
    /// Why it must not be handled.
    pub fn read<Data: DeserializeOwned>(
        &self,
        message: &str,
        aggregate_id: impl FnOnce(&Data) -> String,
    ) -> Result<Received<Data>, RejectedMessage> {
        let (event, sequence) = self.checked(message)?;
        Self::received(event, sequence, aggregate_id)
    }

    /// Returns the event in a message and its sequence, if all but its data is as expected.
    pub(super) fn checked(&self, message: &str) -> Result<(CloudEvent, u64), RejectedMessage> {
        let envelope = envelope(message).map_err(|reason| RejectedMessage {
            reason,
            event_id: None,
            traceparent: None,
        })?;
        match self.check(&envelope) {
            Ok(sequence) => Ok((envelope.detail, sequence)),
            Err(reason) => Err(RejectedMessage::of(envelope.detail, reason)),
        }
    }

    /// Returns a checked event with its data, if that is as expected, too.
    pub(super) fn received<Data: DeserializeOwned>(
        event: CloudEvent,
        sequence: u64,
        aggregate_id: impl FnOnce(&Data) -> String,
    ) -> Result<Received<Data>, RejectedMessage> {
        let read = data(&event).and_then(|data| {
            check_subject(&event, &aggregate_id(&data))?;
            Ok(data)
        });
        match read {
            Ok(data) => Ok(Received {
                event,
                data,
                sequence,
            }),
            Err(reason) => Err(RejectedMessage::of(event, reason)),
        }
    }

    /// Checks what doesn't depend on the data, and returns the sequence.
    fn check(&self, envelope: &Envelope) -> Result<u64, UnexpectedEvent> {
        if let Some(expected) = &self.account
            && *expected != envelope.account
        {
            let expected = expected.clone();
            return Err(UnexpectedEvent::Account { expected });
        }
        if envelope.source != self.source {
            let expected = self.source.clone();
            return Err(UnexpectedEvent::Source { expected });
        }
        let event = &envelope.detail;
        for (attribute, of_event, of_envelope) in [
            ("source", &event.source, &envelope.source),
            ("type", &event.event_type, &envelope.detail_type),
        ] {
            if of_event != of_envelope {
                return Err(UnexpectedEvent::Envelope { attribute });
            }
        }
        let most = self.longest_history;
        let sequence = event.sequence.filter(|it| (1..=most).contains(it));
        sequence.ok_or(UnexpectedEvent::Sequence { most })
    }
}

/// Checks that an event is about the aggregate that its data is of.
fn check_subject(event: &CloudEvent, aggregate_id: &str) -> Result<(), UnexpectedEvent> {
    if event.subject.as_deref() == Some(aggregate_id) {
        Ok(())
    } else {
        Err(UnexpectedEvent::Subject)
    }
}

/// Reads the type and the data of an event.
fn data<Data: DeserializeOwned>(event: &CloudEvent) -> Result<Data, UnexpectedEvent> {
    let event_type = Value::from(event.event_type.as_str());
    // The type comes first, so that serde reads the data from its text and not from a buffer.
    let typed = format!(r#"{{"type":{event_type},"data":{}}}"#, event.data.as_json());
    let mut json = serde_json::Deserializer::from_str(&typed);
    serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = text_of_path(error.path());
        let problem = json_problem(error.inner());
        if path == "type" {
            UnexpectedEvent::Type { problem }
        } else {
            UnexpectedEvent::Data { path, problem }
        }
    })
}

fn envelope(message: &str) -> Result<Envelope, UnexpectedEvent> {
    let mut json = serde_json::Deserializer::from_str(message);
    let envelope = serde_path_to_error::deserialize(&mut json);
    let envelope: Envelope = envelope.map_err(|error| UnexpectedEvent::Message {
        path: text_of_path(error.path()),
        problem: json_problem(error.inner()),
    })?;
    json.end().map_err(|error| UnexpectedEvent::Message {
        path: ".".to_owned(),
        problem: json_problem(&error),
    })?;
    Ok(envelope)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(tag = "type", content = "data", rename_all_fields = "camelCase")]
    enum OrderEvent {
        OrderCreated { order_id: String, items: Vec<u64> },
        OrderCancelled { order_id: String },
    }

    impl OrderEvent {
        fn aggregate_id(&self) -> String {
            let (Self::OrderCreated { order_id, .. } | Self::OrderCancelled { order_id }) = self;
            format!("order#{order_id}")
        }
    }

    fn message() -> Value {
        json!({
            "version": "0",
            "id": "e",
            "source": "orders",
            "detail-type": "OrderCreated",
            "account": "111122223333",
            "detail": {
                "specversion": "1.0",
                "id": "1",
                "source": "orders",
                "type": "OrderCreated",
                "subject": "order#42",
                "time": "2026-11-24T09:00:00Z",
                "sequence": "00000000000000000001",
                "traceparent": TRACEPARENT,
                "data": {"orderId": "42", "items": [1], "more": "is ignored"},
            },
        })
    }

    const TRACEPARENT: &str = "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01";

    fn subscription() -> Subscription {
        let orders = Subscription::to("orders").in_account("111122223333");
        orders.longest_history(100)
    }

    fn read(message: &str) -> Result<Received<OrderEvent>, RejectedMessage> {
        subscription().read(message, OrderEvent::aggregate_id)
    }

    #[test]
    fn an_expected_event_is_returned() {
        let received = read(&message().to_string()).unwrap();
        let order_id = "42".to_owned();
        let items = vec![1];
        let created = OrderEvent::OrderCreated { order_id, items };
        assert_eq!((received.data, received.sequence), (created, 1));
        assert_eq!(received.event.id, "1");
        let any = Subscription::to("orders");
        let received = any.read(&message().to_string(), OrderEvent::aggregate_id);
        assert!(received.is_ok());
    }

    #[test]
    fn forged_events_are_rejected() {
        let expected = |text: &str| text.to_owned();
        let source = UnexpectedEvent::Source {
            expected: expected("orders"),
        };
        let account = UnexpectedEvent::Account {
            expected: expected("111122223333"),
        };
        let envelope = |attribute| UnexpectedEvent::Envelope { attribute };
        let sequence = UnexpectedEvent::Sequence { most: 100 };
        for (path, value, reason) in [
            ("/source", json!("attacker"), source),
            ("/detail/source", json!("attacker"), envelope("source")),
            ("/detail/type", json!("OrderCancelled"), envelope("type")),
            ("/account", json!("444455556666"), account),
            (
                "/detail/sequence",
                json!("18446744073709551615"),
                sequence.clone(),
            ),
            (
                "/detail/sequence",
                json!("00000000000000000101"),
                sequence.clone(),
            ),
            (
                "/detail/sequence",
                json!("00000000000000000000"),
                sequence.clone(),
            ),
            ("/detail/sequence", json!("first"), sequence.clone()),
            ("/detail/sequence", Value::Null, sequence),
            (
                "/detail/subject",
                json!("order#43"),
                UnexpectedEvent::Subject,
            ),
            ("/detail/subject", Value::Null, UnexpectedEvent::Subject),
            (
                "/detail/data/orderId",
                json!("43"),
                UnexpectedEvent::Subject,
            ),
        ] {
            let mut message = message();
            *message.pointer_mut(path).unwrap() = value.clone();
            let rejected = read(&message.to_string()).unwrap_err();
            assert_eq!(rejected.reason, reason, "{path}: {value}");
            assert_eq!(rejected.event_id.as_deref(), Some("1"));
            let trace = rejected.traceparent.as_ref().map(Traceparent::as_str);
            assert_eq!(trace, Some(TRACEPARENT));
        }
    }

    #[test]
    fn an_event_of_another_type_differs_from_data_that_does_not_fit() {
        let mut other = message();
        other["detail-type"] = "OrderPaid".into();
        other["detail"]["type"] = "OrderPaid".into();
        assert_eq!(
            read(&other.to_string()).unwrap_err().to_string(),
            "the rule sends events of a type that the consumer doesn't read: unknown variant, \
             expected `OrderCreated` or `OrderCancelled`"
        );
        for (pointer, value, says) in [
            (
                "/detail/data/items/0",
                json!("SECRET"),
                "data.items[0]: invalid type, expected u64",
            ),
            (
                "/detail/data",
                json!({"orderId": "SECRET"}),
                "data: missing field `items`",
            ),
        ] {
            let mut message = message();
            *message.pointer_mut(pointer).unwrap() = value;
            let said = read(&message.to_string()).unwrap_err().to_string();
            let expected = format!("the data of the event doesn't fit its type: {says}");
            assert_eq!(said, expected);
        }
    }

    #[test]
    fn a_message_that_is_no_event_is_rejected_without_its_content() {
        for (message, path, problem) in [
            ("", ".", "EOF while parsing a value at line 1 column 0"),
            ("{}", ".", "missing field `source`"),
            (
                r#"{"source": 5}"#,
                "source",
                "invalid type, expected a string",
            ),
            (
                r#"{"source": ["SECRET"]}"#,
                "source",
                "invalid type, expected a string",
            ),
        ] {
            let rejected = read(message).unwrap_err();
            assert_eq!((rejected.event_id, rejected.traceparent), (None, None));
            let UnexpectedEvent::Message {
                path: at,
                problem: why,
            } = rejected.reason
            else {
                panic!("{message}");
            };
            assert_eq!((at.as_str(), why.as_str()), (path, problem), "{message}");
        }
        let mut broken = message();
        broken["detail"]["time"] = "SECRET".into();
        let error = read(&broken.to_string()).unwrap_err();
        assert!(!error.to_string().contains("SECRET"), "{error}");
        let trailing = format!("{} SECRET", message());
        let error = read(&trailing).unwrap_err();
        assert!(!error.to_string().contains("SECRET"), "{error}");
    }
}
