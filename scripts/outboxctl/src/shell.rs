//! Quotes arguments for a shell, so that what is pasted is what was meant.

use std::{borrow::Cow, fmt::Write};

use crate::visible::{is_hidden, visible};

/// Returns an argument, quoted if a POSIX shell would change it. The result has no hidden
/// characters, so that a terminal neither executes nor reorders it, and neither does the
/// shell's own editor when it is pasted.
pub(crate) fn quoted(argument: &str) -> String {
    if !argument.is_empty() && argument.chars().all(is_plain) {
        argument.to_owned()
    } else if argument.contains(is_hidden) && can_be_printed(argument) {
        printed(argument)
    } else {
        // What can't be pasted is still shown. Its escapes, in single quotes, name nothing else.
        let argument = visible(argument);
        match shell_words::quote(&argument) {
            // It leaves some characters to the shell, such as `{`, `!` and `^`.
            Cow::Borrowed(unquoted) => format!("'{unquoted}'"),
            Cow::Owned(quoted) => quoted,
        }
    }
}

/// Returns arguments as a command line.
pub(crate) fn joined<'a>(arguments: impl IntoIterator<Item = &'a str>) -> String {
    let arguments = arguments.into_iter().map(quoted);
    arguments.collect::<Vec<_>>().join(" ")
}

/// Returns whether no shell treats the character specially, wherever it is.
fn is_plain(character: char) -> bool {
    character.is_ascii_alphanumeric() || "-_./:@+,".contains(character)
}

/// Returns whether a command substitution can have this result: it loses line breaks at the
/// end, and no argument has a NUL.
fn can_be_printed(argument: &str) -> bool {
    !argument.ends_with('\n') && !argument.contains('\0')
}

/// Returns a command substitution that prints the argument. `$'...'` would be shorter, but
/// is not understood by every `sh`.
fn printed(argument: &str) -> String {
    let mut format = String::new();
    for byte in argument.bytes() {
        match byte {
            // `-` would begin an option of printf.
            b'-' if format.is_empty() => format.push_str("\\055"),
            b' ' | b'#' => format.push(byte.into()),
            byte if byte.is_ascii() && is_plain(byte.into()) => format.push(byte.into()),
            byte => {
                let _ = write!(format, "\\{byte:03o}");
            }
        }
    }
    format!("\"$(printf '{format}')\"")
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// Returns the only argument that a shell makes of a word.
    fn pasted(word: &str) -> String {
        let script = format!("printf '<%s>' {word}");
        let directory = tempfile::tempdir().unwrap();
        let output = Command::new("sh")
            .args(["-c", &script])
            .current_dir(directory.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{word}: {output:?}");
        assert!(output.stderr.is_empty(), "{word}: {output:?}");
        let left = std::fs::read_dir(directory.path()).unwrap().count();
        assert_eq!(left, 0, "{word} was executed");
        String::from_utf8(output.stdout).unwrap()
    }

    #[test]
    fn a_pasted_argument_is_the_argument() {
        for argument in [
            "",
            "order#42/7",
            "$(touch pwned)`touch pwned`;touch pwned|touch pwned&&touch pwned",
            "'; touch pwned; '",
            "\"; touch pwned; \"",
            "a{b,c}/1",
            "!!/1",
            "^a^b",
            "~/1",
            "=ls/1",
            "*",
            "a\\b",
            "\\$(touch pwned)\u{1b}",
            "\u{1b}[201~\ntouch pwned\n/7",
            "\r\ntouch pwned\r/7",
            "'\u{7}$(touch pwned)`touch pwned`\"!%s%n\\/1",
            "-n\u{1b}/1",
            "\u{202e}7/24#redro",
            "\u{9b}31mé東/1",
            "\u{2028}touch pwned",
        ] {
            let word = quoted(argument);
            assert!(!word.contains(is_hidden), "{word:?}");
            assert_eq!(pasted(&word), format!("<{argument}>"), "{word}");
        }
    }

    #[test]
    fn an_argument_that_cannot_be_pasted_names_nothing_else() {
        let word = quoted("a/x\n$(touch pwned)\n");
        assert_eq!(word, r"'a/x\n$(touch pwned)\n'");
        assert_eq!(pasted(&word), r"<a/x\n$(touch pwned)\n>");
        assert_eq!(quoted("a\0/1"), r"'a\u{0}/1'");
    }

    #[test]
    fn plain_arguments_are_not_quoted() {
        assert_eq!(
            joined(["outboxctl", "--stack", "orders-dev", "edit", "order#42/7"]),
            "outboxctl --stack orders-dev edit 'order#42/7'"
        );
    }
}
