//! The settings of the relay's functions.

use std::ffi::OsString;

use jiff::SignedDuration;

use crate::{
    aws::{DynamoDbTable, EventBridgeBus, SqsQueue},
    handlers::DEFAULT_GRACE,
    relay::{LookUp, Order, Relay},
    settings::{InvalidVariable, order::order, variable::required},
};

/// What a relay works with. The [module](crate::settings) lists the variables.
///
/// ```no_run
/// use outbox::{handlers::StreamHandler, settings::RelaySettings};
///
/// # async fn start() -> Result<(), outbox::settings::InvalidVariable> {
/// let settings = RelaySettings::from_environment()?;
/// let config = aws_config::load_from_env().await;
/// let relay = settings.relay(
///     aws_sdk_eventbridge::Client::new(&config),
///     aws_sdk_dynamodb::Client::new(&config),
///     aws_sdk_sqs::Client::new(&config),
/// );
/// let handler = StreamHandler::new(relay);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RelaySettings {
    /// The name of the outbox table.
    pub outbox_table: String,
    /// The name of the bus.
    pub event_bus: String,
    /// The URL of the dead-letter queue.
    pub dead_letter_queue: String,
    /// The sources that may be published; there is at least one.
    pub sources: Vec<String>,
    /// Whether an aggregate's events are published in sequence.
    pub order: Order,
    /// Which records are looked up before they are published.
    pub look_up: LookUp,
}

impl RelaySettings {
    /// Reads the settings from the environment. See [`RelaySettings`] for an example.
    ///
    /// # Errors
    ///
    /// If a variable is missing or invalid.
    pub fn from_environment() -> Result<Self, InvalidVariable> {
        Self::read(|name| std::env::var_os(name))
    }

    fn read(environment: impl Fn(&str) -> Option<OsString>) -> Result<Self, InvalidVariable> {
        let variable = |name| required(name, environment(name));
        Ok(Self {
            outbox_table: variable("OUTBOX_TABLE")?,
            event_bus: variable("EVENT_BUS_NAME")?,
            dead_letter_queue: variable("DEAD_LETTER_QUEUE_URL")?,
            sources: list("EVENT_SOURCES", &variable("EVENT_SOURCES")?)?,
            order: order(environment("EVENT_ORDER"))?,
            look_up: look_up("LOOK_UP", environment("LOOK_UP"))?,
        })
    }

    /// Returns the relay. See [`RelaySettings`] for an example.
    pub fn relay(
        self,
        bus: aws_sdk_eventbridge::Client,
        table: aws_sdk_dynamodb::Client,
        queue: aws_sdk_sqs::Client,
    ) -> Relay<EventBridgeBus, DynamoDbTable, SqsQueue> {
        let relay = Relay::new(
            EventBridgeBus::new(bus, self.event_bus),
            DynamoDbTable::new(table, self.outbox_table),
            SqsQueue::new(queue, self.dead_letter_queue),
        );
        relay
            .with_sources(self.sources)
            .with_order(self.order)
            .with_look_up(self.look_up)
    }
}

/// Returns the age from which the sweeper publishes a row, from the environment.
///
/// # Errors
///
/// If the variable is set and no number of seconds.
pub fn grace_from_environment() -> Result<SignedDuration, InvalidVariable> {
    const NAME: &str = "GRACE_PERIOD_SECONDS";
    grace(NAME, std::env::var_os(NAME))
}

fn grace(name: &'static str, value: Option<OsString>) -> Result<SignedDuration, InvalidVariable> {
    if value.is_none() {
        return Ok(DEFAULT_GRACE);
    }
    let value = required(name, value)?;
    match value.parse::<u32>() {
        Ok(seconds) => Ok(SignedDuration::from_secs(seconds.into())),
        Err(_) => Err(InvalidVariable::Seconds { name, value }),
    }
}

/// Returns what is looked up. Older versions of the construct don't set it.
fn look_up(name: &'static str, value: Option<OsString>) -> Result<LookUp, InvalidVariable> {
    if value.is_none() {
        return Ok(LookUp::default());
    }
    let look_up = required(name, value)?.parse();
    look_up.map_err(|source| InvalidVariable::LookUp { name, source })
}

/// Returns the texts of a list, which are separated by commas.
fn list(name: &'static str, value: &str) -> Result<Vec<String>, InvalidVariable> {
    let checked = |part: &str| {
        let is_valid = !part.is_empty() && part.trim() == part;
        let part = part.to_owned();
        if is_valid {
            Ok(part)
        } else {
            Err(InvalidVariable::Part { name, part })
        }
    };
    value.split(',').map(checked).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Returns a complete environment with another value for one variable.
    fn environment(
        name: &'static str,
        value: Option<OsString>,
    ) -> BTreeMap<&'static str, OsString> {
        let mut variables = BTreeMap::from([
            ("OUTBOX_TABLE", "outbox".into()),
            ("EVENT_BUS_NAME", "bus".into()),
            ("DEAD_LETTER_QUEUE_URL", "https://queue".into()),
            ("EVENT_SOURCES", "orders,payments".into()),
        ]);
        match value {
            Some(value) => variables.insert(name, value),
            None => variables.remove(name),
        };
        variables
    }

    fn read(name: &'static str, value: Option<OsString>) -> Result<RelaySettings, InvalidVariable> {
        let variables = environment(name, value);
        RelaySettings::read(|name| variables.get(name).cloned())
    }

    #[test]
    fn all_variables_are_read() {
        let settings = read("OUTBOX_TABLE", Some("things".into())).unwrap();
        let expected = RelaySettings {
            outbox_table: "things".to_owned(),
            event_bus: "bus".to_owned(),
            dead_letter_queue: "https://queue".to_owned(),
            sources: vec!["orders".to_owned(), "payments".to_owned()],
            order: Order::InSequence,
            look_up: LookUp::WhenOld,
        };
        assert_eq!(settings, expected);
    }

    #[test]
    fn a_variable_that_is_missing_empty_or_not_utf_8_is_named() {
        for name in environment("unknown", None).into_keys() {
            for (value, says) in [
                (None, "is not set"),
                (Some("".into()), "is empty"),
                #[cfg(unix)]
                (Some(not_utf_8()), "is not UTF-8"),
            ] {
                let error = read(name, value).unwrap_err().to_string();
                assert_eq!(error, format!("environment variable {name} {says}"));
            }
        }
    }

    #[cfg(unix)]
    fn not_utf_8() -> OsString {
        std::os::unix::ffi::OsStringExt::from_vec(vec![b'a', 0xff])
    }

    #[test]
    fn an_invalid_part_of_the_sources_is_named() {
        for (sources, part) in [
            (",", ""),
            ("orders,", ""),
            ("orders,,payments", ""),
            ("orders, payments", " payments"),
            (" ", " "),
        ] {
            let error = read("EVENT_SOURCES", Some(sources.into())).unwrap_err();
            let expected =
                format!("environment variable EVENT_SOURCES has the invalid part {part:?}");
            assert_eq!(error.to_string(), expected, "{sources:?}");
        }
    }

    #[test]
    fn the_order_is_in_sequence_unless_another_is_chosen() {
        let order = |value: &str| read("EVENT_ORDER", Some(value.into()));
        assert_eq!(order("BestEffort").unwrap().order, Order::BestEffort);
        assert_eq!(order("InSequence").unwrap().order, Order::InSequence);
        let error = order("sorted").unwrap_err().to_string();
        let expected = "environment variable EVENT_ORDER: \"sorted\" is no order: use InSequence, Strict or BestEffort";
        assert_eq!(error, expected);
    }

    #[test]
    fn old_records_are_looked_up_unless_all_are_to_be() {
        let look_up = |value: &str| read("LOOK_UP", Some(value.into()));
        assert_eq!(look_up("Always").unwrap().look_up, LookUp::Always);
        let error = look_up("all").unwrap_err().to_string();
        let expected =
            "environment variable LOOK_UP: \"all\" is not what to look up: use WhenOld or Always";
        assert_eq!(error, expected);
    }

    #[test]
    fn a_grace_period_is_a_number_of_seconds() {
        let read = |value: Option<OsString>| grace("GRACE", value);
        assert_eq!(read(None), Ok(DEFAULT_GRACE));
        let minute = SignedDuration::from_mins(1);
        assert_eq!(read(Some("60".into())), Ok(minute));
        assert_eq!(read(Some("".into())), Err(InvalidVariable::Empty("GRACE")));
        for value in ["-1", "1.5", "15m", " 60", "4294967296"] {
            let error = read(Some(value.into())).unwrap_err().to_string();
            let expected = "environment variable GRACE is not a number of seconds: ";
            assert_eq!(error, format!("{expected}{value:?}"));
        }
        #[cfg(unix)]
        assert_eq!(
            read(Some(not_utf_8())),
            Err(InvalidVariable::NotUtf8("GRACE"))
        );
    }
}
