//! The shape of a message: what is left of it without the numbers and ids of its row.

/// What stands for a word that differs from row to row.
const VARIES: &str = "…";

/// Returns the message with `…` in the place of every word that contains a digit: a size, an
/// id, a path with an index. Messages that differ in nothing else have one cause.
///
/// Quoted words stay: a missing `source` and a missing `detail` are different faults.
pub(crate) fn message_shape(message: &str) -> String {
    let mut shape = String::with_capacity(message.len());
    let mut rest = message;
    while let Some(start) = rest.find(is_of_word) {
        let (before, from_word) = rest.split_at(start);
        let end = from_word.find(|character| !is_of_word(character));
        let (word, after) = from_word.split_at(end.unwrap_or(from_word.len()));
        shape.push_str(before);
        push_word(&mut shape, word);
        rest = after;
    }
    shape + rest
}

fn push_word(shape: &mut String, word: &str) {
    if !word.contains(|character: char| character.is_ascii_digit()) {
        shape.push_str(word);
        return;
    }
    // The end of a sentence isn't part of its last word.
    let known = word.trim_end_matches(['.', ':', '/', '-']);
    shape.push_str(VARIES);
    shape.push_str(&word[known.len()..]);
}

/// Returns whether the character can be part of an id or a number.
fn is_of_word(character: char) -> bool {
    character.is_alphanumeric() || "-_.:/#+%".contains(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_from_row_to_row_is_left_out() {
        for (message, shape) in [
            (
                "the event has 300000 bytes, the bus takes 100000",
                "the event has … bytes, the bus takes …",
            ),
            (
                "ValidationException: 1 error: Value at 'entries.1.member.detail' is too long",
                "ValidationException: … error: Value at '…' is too long",
            ),
            ("order#42/7 failed at line 1.", "… failed at line …."),
            ("id 019ad0c5-0a4c-7000-8000-000000000001: no", "id …: no"),
            (
                "the attribute `source` is missing",
                "the attribute `source` is missing",
            ),
            ("", ""),
            ("1", "…"),
            ("größe 4µ 東京2", "größe … …"),
        ] {
            assert_eq!(message_shape(message), shape);
            assert_eq!(message_shape(shape), shape);
        }
    }

    #[test]
    fn what_a_terminal_would_execute_is_left_to_the_output() {
        assert_eq!(message_shape("a\u{1b}[31m\nb"), "a\u{1b}[…\nb");
    }
}
