//! Parts that pages share.

mod address;
mod chart;
mod layout;
mod parts;

pub(super) use self::{
    address::{event_address, group_address, letters_address},
    chart::Chart,
    layout::{Layout, Tally},
    parts::{Ago, CommandView, Notice, RowLink, State},
};
