//! The commands, one file each: what they read or do, and their reports.

mod content;
pub(crate) mod difference;
pub(crate) mod discard;
pub(crate) mod dlq_list;
pub(crate) mod dlq_replay;
pub(crate) mod dlq_show;
pub(crate) mod edit;
mod edits;
pub(crate) mod find_row;
pub(crate) mod group_change;
pub(crate) mod group_preview;
pub(crate) mod group_table;
pub(crate) mod history;
pub(crate) mod letters;
mod output_schema;
pub(crate) mod parked;
pub(crate) mod parked_rows;
pub(crate) mod pause;
mod pending;
pub(crate) mod publish;
pub(crate) mod published;
mod run;
mod show;
pub(crate) mod status;
pub(crate) mod unpark;

pub(crate) use self::{output_schema::OutputSchema, run::run};
