//! How a failure is reported: as lines for people or JSON for programs, both on
//! standard error. Standard output has a command's result or nothing, so that no
//! program takes a failure for a result.

use clap::error::ErrorKind;
use console::style;
use serde::Serialize;

use crate::{arguments::Format, command_line::CommandLine, error::Error, notes::note};

#[derive(Debug, Serialize)]
struct Failure<'f> {
    error: Described<'f>,
}

#[derive(Debug, Serialize)]
struct Described<'f> {
    message: &'f str,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<&'f str>,
}

/// Reports why a command failed.
pub(crate) fn report(error: &Error, commands: &CommandLine, format: Format) {
    let help = error.help(commands);
    note(text(&error.to_string(), help.as_deref(), format));
}

/// Reports what is wrong with the arguments.
pub(crate) fn report_usage(error: &clap::Error, format: Format) {
    let styled = error.render();
    let text = styled.to_string();
    match format {
        Format::Table if console::colors_enabled_stderr() => {
            note(styled.ansi().to_string().trim_end());
        }
        Format::Table => note(text.trim_end()),
        Format::Json => {
            let (message, help) = usage(error.kind(), &text);
            note(json(message, help));
        }
    }
}

/// Splits clap's text into the message and the help.
fn usage(kind: ErrorKind, text: &str) -> (&str, Option<&str>) {
    if kind == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return ("no command was given", Some(text.trim()));
    }
    let (message, help) = text.split_once("\n\n").unwrap_or((text, ""));
    let help = Some(help.trim()).filter(|help| !help.is_empty());
    (message.trim_start_matches("error: ").trim(), help)
}

fn text(message: &str, help: Option<&str>, format: Format) -> String {
    match format {
        Format::Json => json(message, help),
        Format::Table => {
            let error = style("error:").for_stderr().red().bold();
            let mut text = format!("{error} {message}");
            for line in help.into_iter().flat_map(str::lines) {
                text.push_str("\n  ");
                text.push_str(line);
            }
            text
        }
    }
}

/// Returns a failure as JSON on one line, to be found among other lines of standard
/// error.
fn json(message: &str, help: Option<&str>) -> String {
    let error = Described { message, help };
    serde_json::to_string(&Failure { error }).expect("a failure consists of text")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_get_lines_and_programs_an_object() {
        let (message, help) = ("there is no row a/1", Some("look: outboxctl parked"));
        assert_eq!(
            console::strip_ansi_codes(&text(message, help, Format::Table)),
            "error: there is no row a/1\n  look: outboxctl parked"
        );
        assert_eq!(
            text(message, help, Format::Json),
            r#"{"error":{"message":"there is no row a/1","help":"look: outboxctl parked"}}"#
        );
        assert_eq!(
            text("no credentials", None, Format::Json),
            r#"{"error":{"message":"no credentials"}}"#
        );
    }
}
