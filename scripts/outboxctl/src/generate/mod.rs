//! `generate`: the man page and the completions of shells, made from the command line's own
//! definition, and the schemas of what commands print for programs.

mod man;

use clap::{Args, Command, ValueEnum, error::ErrorKind};
use clap_complete::Shell;

use crate::commands::OutputSchema;

/// What is printed.
#[derive(Debug, Args)]
#[command(
    override_usage = "outboxctl generate <PAGE>
       outboxctl generate schema <COMMAND>",
    after_help = "Examples:
  outboxctl generate man > ~/.local/share/man/man1/outboxctl.1
  outboxctl generate bash > ~/.local/share/bash-completion/completions/outboxctl
  outboxctl generate schema dlq-list > dlq-list.json"
)]
pub(crate) struct Generate {
    /// What to print.
    #[arg(value_enum)]
    page: Page,

    /// The command that prints JSON of this schema, or error for its failure.
    #[arg(value_enum, value_name = "COMMAND", required_if_eq("page", "schema"))]
    command: Option<OutputSchema>,
}

/// What can be generated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Page {
    /// The man page.
    Man,
    /// Completions for bash.
    Bash,
    /// Completions for zsh.
    Zsh,
    /// Completions for fish.
    Fish,
    /// Completions for PowerShell.
    #[value(name = "powershell")]
    PowerShell,
    /// Completions for Elvish.
    Elvish,
    /// The JSON Schema of what a command prints with --output json.
    Schema,
}

impl Generate {
    /// Returns the page for a command line.
    ///
    /// # Errors
    ///
    /// If a command was typed for a page that is of all commands.
    pub(crate) fn page(&self, mut command: Command) -> Result<Vec<u8>, clap::Error> {
        match (self.command, self.page) {
            (Some(schema), Page::Schema) => Ok(format!("{:#}\n", schema.schema()).into_bytes()),
            (Some(_), _) => {
                let message = "only the page 'schema' is of one command";
                Err(command.error(ErrorKind::ArgumentConflict, message))
            }
            (None, page) => Ok(page.of(command)),
        }
    }
}

impl Page {
    fn of(self, mut command: Command) -> Vec<u8> {
        let shell = match self {
            Self::Man => return man::man(&command).expect("memory can be written"),
            Self::Bash => Shell::Bash,
            Self::Zsh => Shell::Zsh,
            Self::Fish => Shell::Fish,
            Self::PowerShell => Shell::PowerShell,
            Self::Elvish => Shell::Elvish,
            // The parser requires its command.
            Self::Schema => return Vec::new(),
        };
        let name = command.get_name().to_owned();
        let mut page = Vec::new();
        clap_complete::generate(shell, &mut command, name, &mut page);
        page
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use clap::CommandFactory;
    use serde_json::Value;

    use super::*;
    use crate::{
        arguments::{self, Arguments},
        command_line::CommandLine,
    };

    fn page(page: Page) -> String {
        String::from_utf8(page.of(Arguments::command())).unwrap()
    }

    #[test]
    fn the_man_page_has_a_section_for_every_command() {
        let man = page(Page::Man);
        assert!(man.contains("\n.TH outboxctl 1 "), "{man}");
        let sections: Vec<&str> = man
            .lines()
            .filter_map(|line| line.strip_prefix(".SH "))
            .collect();
        for section in [
            "NAME",
            "SYNOPSIS",
            "DESCRIPTION",
            "OPTIONS",
            "\"OUTBOXCTL STATUS\"",
            "\"OUTBOXCTL DLQ REPLAY\"",
            "\"OUTBOXCTL GENERATE\"",
            "EXTRA",
            "VERSION",
        ] {
            let count = sections.iter().filter(|found| **found == section).count();
            assert_eq!(count, 1, "{section}: {sections:?}");
        }
        let replay = man.split(".SH \"OUTBOXCTL DLQ REPLAY\"\n").nth(1).unwrap();
        let replay = replay.split("\n.SH ").next().unwrap();
        for text in [
            ".SS SYNOPSIS\n\\fBoutboxctl dlq replay\\fR ",
            "\n.SS OPTIONS\n",
            "\\-\\-dry\\-run",
            "outboxctl \\-\\-env dev dlq replay \\-\\-dry\\-run",
        ] {
            assert!(replay.contains(text), "{text}: {replay}");
        }
        // Options of all commands are described once.
        assert_eq!(
            man.matches("The profile of your AWS configuration").count(),
            1
        );
    }

    #[test]
    fn the_schema_is_of_the_command_that_was_typed() {
        let commands = CommandLine::of_this_process(&[]);
        let generated = |line: &str| {
            let typed = line.split(' ').map(OsString::from);
            let arguments = Arguments::read(typed, &commands)?;
            let arguments::Command::Generate(generate) = arguments.command else {
                panic!("{arguments:?}");
            };
            generate.page(Arguments::command())
        };
        let schema = generated("outboxctl generate schema dlq-list").unwrap();
        let schema: Value = serde_json::from_slice(&schema).unwrap();
        assert_eq!(schema["title"], "outboxctl --output json dlq list");
        for (line, expected) in [
            (
                "outboxctl generate schema",
                ErrorKind::MissingRequiredArgument,
            ),
            ("outboxctl generate schema console", ErrorKind::InvalidValue),
            ("outboxctl generate man status", ErrorKind::ArgumentConflict),
        ] {
            assert_eq!(generated(line).unwrap_err().kind(), expected, "{line}");
        }
    }

    #[test]
    fn completions_know_commands_options_and_values() {
        for (shell, begins) in [
            (Page::Bash, "_outboxctl() {"),
            (Page::Zsh, "#compdef outboxctl"),
            (Page::Fish, "# Print an optspec"),
            (
                Page::PowerShell,
                "\nusing namespace System.Management.Automation",
            ),
            (Page::Elvish, "\nuse builtin;"),
        ] {
            let completions = page(shell);
            assert!(completions.starts_with(begins), "{shell:?}: {completions}");
            for word in ["unpark", "replay", "older-than", "powershell"] {
                let is_of_values = word == "powershell";
                // Those of the others complete no values of arguments without an option.
                if is_of_values && !matches!(shell, Page::Bash | Page::Zsh) {
                    continue;
                }
                assert!(completions.contains(word), "{shell:?}: {word}");
            }
        }
    }
}
