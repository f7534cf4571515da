use std::{fmt, str::FromStr};

use outbox::{
    RowKey,
    ports::{OutboxTable, Page},
};

use crate::{error::Error, outbox_parts::OperatorRelay};

/// What people call a row: `AGGREGATE/SEQUENCE`. A row whose key is none that
/// the outbox writes is called by it, `AGGREGATE/POSITION`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RowName {
    aggregate_id: String,
    place: Place,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Sequence(u64),
    Position(String),
}

impl FromStr for RowName {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let parts = name.rsplit_once('/');
        let (aggregate_id, place) = parts
            .filter(|(aggregate_id, place)| !aggregate_id.is_empty() && !place.is_empty())
            .ok_or("write a row as AGGREGATE/SEQUENCE, as in order#42/7")?;
        let place = match place.parse() {
            Ok(sequence) => Place::Sequence(sequence),
            Err(_) => Place::Position(place.to_owned()),
        };
        Ok(Self {
            aggregate_id: aggregate_id.to_owned(),
            place,
        })
    }
}

impl fmt::Display for RowName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Sequence(sequence) => write!(f, "{}/{sequence}", self.aggregate_id),
            Place::Position(position) => write!(f, "{}/{position}", self.aggregate_id),
        }
    }
}

impl RowName {
    /// The key of the row with this name.
    pub(crate) async fn find(&self, relay: &OperatorRelay) -> Result<RowKey, Error> {
        let key = |position: String| RowKey {
            aggregate_id: self.aggregate_id.clone(),
            position,
        };
        let sequence = match &self.place {
            Place::Sequence(sequence) => sequence,
            Place::Position(position) => return Ok(key(position.clone())),
        };
        // Positions begin with the sequence, and '#' and the event's id follow.
        let before = key(format!("{sequence:020}#"));
        let behind = key(format!("{sequence:020}#~"));
        let table = relay.table();
        let query = || table.query(&self.aggregate_id, Some(&before), Some(&behind));
        let Page { rows, .. } = relay.patiently(query).await.map_err(Error::aws)?;
        let first = rows.into_iter().map(|row| row.arrival.key).next();
        first.ok_or_else(|| Error::NoSuchRow(self.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_is_shown() {
        for name in ["order#42/7", "a/b/7", "order#42/nonsense"] {
            assert_eq!(name.parse::<RowName>().unwrap().to_string(), name);
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for name in ["", "order#42", "/7", "order#42/"] {
            assert!(name.parse::<RowName>().is_err(), "{name}");
        }
    }
}
