//! Makes visible what a terminal would hide or execute.

use std::{borrow::Cow, ops::RangeInclusive};

/// The format characters of Unicode (general category Cf) and its line and paragraph
/// separators. Most take no room on the screen, and some change the order in which the
/// characters around them are shown, so a text could read differently from what it is.
const FORMAT_CHARACTERS: [RangeInclusive<char>; 22] = [
    '\u{ad}'..='\u{ad}',
    '\u{600}'..='\u{605}',
    '\u{61c}'..='\u{61c}',
    '\u{6dd}'..='\u{6dd}',
    '\u{70f}'..='\u{70f}',
    '\u{890}'..='\u{891}',
    '\u{8e2}'..='\u{8e2}',
    '\u{180e}'..='\u{180e}',
    '\u{200b}'..='\u{200f}',
    '\u{2028}'..='\u{202e}',
    '\u{2060}'..='\u{2064}',
    '\u{2066}'..='\u{206f}',
    '\u{feff}'..='\u{feff}',
    '\u{fff9}'..='\u{fffb}',
    '\u{110bd}'..='\u{110bd}',
    '\u{110cd}'..='\u{110cd}',
    '\u{13430}'..='\u{1343f}',
    '\u{1bca0}'..='\u{1bca3}',
    '\u{1d173}'..='\u{1d17a}',
    '\u{e0001}'..='\u{e0001}',
    '\u{e0020}'..='\u{e007e}',
    '\u{e007f}'..='\u{e007f}',
];

/// Returns whether a terminal hides or executes the character: a control character, a
/// format character, or a separator of lines.
pub(crate) fn is_hidden(character: char) -> bool {
    // Nearly all characters are ASCII, and need no look at the list.
    character.is_control()
        || !character.is_ascii()
            && FORMAT_CHARACTERS
                .iter()
                .any(|range| range.contains(&character))
}

/// Returns the text on one line, with an escape in place of each hidden character: `\n`,
/// `\u{1b}`. What is visible stays as it is, so that a second call changes nothing.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '\n' | '\r' | '\t' => escaped.extend(character.escape_default()),
            hidden if is_hidden(hidden) => escaped.extend(hidden.escape_unicode()),
            shown => escaped.push(shown),
        }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_and_format_characters_are_escaped() {
        for (text, expected) in [
            ("\u{1b}]0;title\u{7}", r"\u{1b}]0;title\u{7}"),
            ("a\r\nall is well\t", r"a\r\nall is well\t"),
            ("\u{7f}\u{9b}31m", r"\u{7f}\u{9b}31m"),
            ("\u{202e}\u{2066}\u{2069}", r"\u{202e}\u{2066}\u{2069}"),
            ("\u{200e}\u{200f}\u{61c}", r"\u{200e}\u{200f}\u{61c}"),
            ("\u{2028}\u{2029}\u{feff}", r"\u{2028}\u{2029}\u{feff}"),
        ] {
            assert_eq!(visible(text), expected);
            assert_eq!(visible(expected), expected);
        }
    }

    #[test]
    fn everything_else_stays() {
        for text in ["", "order#42/7", r"a\nb\u{1b}", "Zoë, 東京, שלום, 🙂"] {
            assert_eq!(visible(text), text);
        }
    }

    #[test]
    fn every_character_of_the_trojan_source_set_is_hidden() {
        let bidirectional = ('\u{202a}'..='\u{202e}').chain('\u{2066}'..='\u{2069}');
        let marks = ['\u{200e}', '\u{200f}', '\u{61c}'];
        let controls = ('\u{0}'..='\u{1f}').chain('\u{7f}'..='\u{9f}');
        for character in bidirectional.chain(marks).chain(controls) {
            assert!(is_hidden(character), "{character:?}");
        }
    }
}
