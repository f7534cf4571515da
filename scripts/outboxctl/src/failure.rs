//! How a failure is reported: as lines for people or JSON for programs, both on
//! standard error. Standard output has a command's result or nothing, so that no
//! program takes a failure for a result.

use clap::error::ErrorKind;
use console::Style;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    arguments::Format,
    command_line::CommandLine,
    error::Error,
    json_output,
    notes::{note, note_json},
    text::Text,
};

/// Why a command failed.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Failure<'f> {
    /// The failure.
    error: Described<'f>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Described<'f> {
    /// What happened.
    message: &'f str,
    /// What to do, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<&'f str>,
}

/// Reports why a command failed.
pub(crate) fn report(error: &Error, commands: &CommandLine, format: Format) {
    let (message, help) = (error.to_string(), error.help(commands));
    match format {
        Format::Table => note(text(&message, &help)),
        Format::Json => {
            let help = Some(help.join("\n")).filter(|help| !help.is_empty());
            note_json(&json(&message, help.as_deref()));
        }
    }
}

/// Reports what is wrong with the arguments.
pub(crate) fn report_usage(error: &clap::Error, format: Format) {
    match format {
        Format::Table => {
            let is_coloured = console::colors_enabled_stderr();
            note(Text::of_parser(error, is_coloured));
        }
        Format::Json => {
            let text = error.render().to_string();
            let (message, help) = usage(error.kind(), &text);
            note_json(&json(message, help));
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

fn text(message: &str, help: &[String]) -> Text {
    let red = Style::new().for_stderr().red().bold();
    let mut text = Text::new();
    text.add_beginning_with(&red, "error:", format_args!(" {message}"));
    for line in help {
        // A command ends it.
        text.append_indented(Text::as_it_is(line));
    }
    text
}

/// Returns a failure as JSON on one line, to be found among other lines of standard
/// error.
fn json(message: &str, help: Option<&str>) -> String {
    let error = Described { message, help };
    json_output::on_one_line(&Failure { error })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_get_lines_and_programs_an_object() {
        let (message, help) = ("there is no row a/1", "look: outboxctl parked");
        let for_people = text(message, &[help.to_owned()]).to_string();
        assert_eq!(
            console::strip_ansi_codes(&for_people),
            "error: there is no row a/1\n  look: outboxctl parked"
        );
        assert_eq!(
            json(message, Some(help)),
            r#"{"error":{"message":"there is no row a/1","help":"look: outboxctl parked"}}"#
        );
        assert_eq!(
            json("no credentials", None),
            r#"{"error":{"message":"no credentials"}}"#
        );
    }

    #[test]
    fn nothing_in_a_failure_can_forge_a_line() {
        let message = "there is no row a\nerror: none\u{1b}[2J/1";
        let for_people = text(message, &["look:\u{7}\nat".to_owned()]).to_string();
        assert_eq!(
            console::strip_ansi_codes(&for_people),
            "error: there is no row a\\nerror: none\\u{1b}[2J/1\n  look:\\u{7}\\nat"
        );
    }
}
