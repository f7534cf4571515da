//! A {{ aggregate }}: its commands and its events. No AWS, no I/O.

use outbox::{Aggregate, DomainEvent};
use serde::{Deserialize, Serialize};

/// The current state of a {{ aggregate }}.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct {{ aggregate | capitalize }} {
    /// The id, which never changes.
    pub id: String,
    /// What it is about.
    pub title: String,
    /// Whether it is completed.
    pub is_completed: bool,
}

/// What can happen to a {{ aggregate }}. A variant's fields are the `data` of its event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub enum {{ aggregate | capitalize }}Event {
    /// It was created.
    Created {
        /// Its id.
        id: String,
        /// What it is about.
        title: String,
    },
    /// It was completed.
    Completed {
        /// Its id.
        id: String,
    },
}

/// Why a {{ aggregate }} can't be created.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Invalid{{ aggregate | capitalize }} {
    /// The id is empty or too long.
    #[error("the id of a {{ aggregate }} has 1 to 100 bytes, not {0}")]
    Id(usize),
    /// The title is empty.
    #[error("the title of a {{ aggregate }} is empty")]
    NoTitle,
}

impl Aggregate for {{ aggregate | capitalize }} {
    fn aggregate_id(&self) -> String {
        Self::aggregate_id_of(&self.id)
    }
}

impl DomainEvent for {{ aggregate | capitalize }}Event {
    /// Consumers match on these names, so they stay for ever.
    fn event_type(&self) -> &str {
        match self {
            Self::Created { .. } => "{{ created }}",
            Self::Completed { .. } => "{{ completed }}",
        }
    }
}

impl {{ aggregate | capitalize }} {
    /// Returns the id among all aggregates of the {{ aggregate }} with this id.
    pub fn aggregate_id_of(id: &str) -> String {
        format!("{{ aggregate }}#{id}")
    }

    /// Creates a {{ aggregate }}. A command returns the new state together with its event, so that
    /// callers can't save the one and forget the other.
    ///
    /// # Errors
    ///
    /// If the id or the title is not valid.
    pub fn create(id: String, title: String) -> Result<(Self, {{ aggregate | capitalize }}Event), Invalid{{ aggregate | capitalize }}> {
        if !(1..=100).contains(&id.len()) {
            return Err(Invalid{{ aggregate | capitalize }}::Id(id.len()));
        }
        if title.trim().is_empty() {
            return Err(Invalid{{ aggregate | capitalize }}::NoTitle);
        }
        let created = {{ aggregate | capitalize }}Event::Created {
            id: id.clone(),
            title: title.clone(),
        };
        let new = Self {
            id,
            title,
            is_completed: false,
        };
        Ok((new, created))
    }

    /// Completes it. Returns the unchanged {{ aggregate }} and no event if it is completed already.
    pub fn complete(self) -> (Self, Option<{{ aggregate | capitalize }}Event>) {
        if self.is_completed {
            return (self, None);
        }
        let completed = {{ aggregate | capitalize }}Event::Completed {
            id: self.id.clone(),
        };
        let changed = Self {
            is_completed: true,
            ..self
        };
        (changed, Some(completed))
    }
}
