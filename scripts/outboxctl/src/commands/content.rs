//! The content of a row for people.

use crate::{
    json_layout::{is_json, laid_out},
    text::Text,
};

/// Returns an event with a line for each value, or as it is if it is no JSON. A sign at the
/// beginning of each line shows that it is content, whatever it says.
pub(super) fn lines(detail: &str) -> Text {
    let detail = if is_json(detail) {
        laid_out(detail)
    } else {
        detail.to_owned()
    };
    let mut text = Text::new();
    for line in detail.split('\n') {
        text.append(Text::as_it_is(format_args!("| {line}")));
    }
    text
}
