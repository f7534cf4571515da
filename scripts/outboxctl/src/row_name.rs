//! The names of rows on the command line.

use std::{fmt, str::FromStr};

/// A row's name: `AGGREGATE/SEQUENCE`. A row with a malformed position in its key is
/// named `AGGREGATE/POSITION`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RowName {
    pub(crate) aggregate_id: String,
    pub(crate) place: Place,
}

/// The place of a row in its aggregate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    Sequence(u64),
    /// The sort key as it is in the table.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_parsed_as_it_is_shown() {
        for name in ["order#42/7", "a/b/7", "order#42/nonsense"] {
            assert_eq!(name.parse::<RowName>().unwrap().to_string(), name);
        }
    }

    #[test]
    fn an_invalid_name_is_rejected() {
        for name in ["", "order#42", "/7", "order#42/"] {
            assert!(name.parse::<RowName>().is_err(), "{name}");
        }
    }
}
