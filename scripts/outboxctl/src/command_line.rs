//! How this program was started, so that what it suggests can be pasted.

use std::{borrow::Cow, ffi::OsString, path::Path};

/// Tells that a target of the Makefile has started this program.
const STARTED_BY: &str = "OUTBOXCTL_STARTED_BY";

/// How to start this program again, for the same outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CommandLine {
    /// `make outboxctl ENV=prod ARGS=...`
    Make { environment: String },
    /// `outboxctl --stack orders-dev ...`
    Program {
        program: String,
        /// `--env` or `--stack` with its value; nothing if neither was given.
        outbox: Vec<String>,
    },
}

impl CommandLine {
    /// Reads how this process was started. It has to be known even if the
    /// arguments make no sense.
    pub(crate) fn of_this_process() -> Self {
        let is_by_make = std::env::var_os(STARTED_BY).is_some_and(|by| by == "make");
        Self::of(std::env::args_os(), is_by_make)
    }

    fn of(arguments: impl IntoIterator<Item = OsString>, is_by_make: bool) -> Self {
        let mut arguments = arguments
            .into_iter()
            .map(|argument| argument.to_string_lossy().into_owned());
        let program = arguments.next().unwrap_or_default();
        let outbox = outbox(arguments);
        match outbox.as_slice() {
            [option, environment] if is_by_make && option == "--env" => Self::Make {
                environment: environment.clone(),
            },
            _ => Self::Program {
                program: name_to_paste(&program),
                outbox,
            },
        }
    }

    /// Returns a command for the same outbox, quoted for a shell.
    pub(crate) fn with(&self, arguments: &[&str]) -> String {
        match self {
            Self::Make { environment } => {
                let environment = shell_words::quote(environment);
                // Make reads it first, and the shell of the recipe what is left.
                let for_the_recipe = shell_words::join(arguments).replace('$', "$$");
                let quoted = quoted_for_people(&for_the_recipe);
                format!("make outboxctl ENV={environment} ARGS={quoted}")
            }
            Self::Program { program, outbox } => {
                let start = std::iter::once(program).chain(outbox).map(String::as_str);
                shell_words::join(start.chain(arguments.iter().copied()))
            }
        }
    }

    /// Returns a help text with its examples as commands for the same outbox.
    /// They are the lines that begin with `  outboxctl --env` or `--stack`.
    pub(crate) fn in_help(&self, text: &str) -> String {
        let line = |line: &str| {
            let example = line.strip_prefix("  outboxctl --");
            let words = example.and_then(|example| shell_words::split(example).ok());
            // Its option, and the value of that, are replaced.
            match words {
                Some(words) if words.len() > 2 => {
                    let arguments: Vec<&str> = words[2..].iter().map(String::as_str).collect();
                    format!("  {}", self.with(&arguments))
                }
                _ => line.to_owned(),
            }
        };
        if matches!(self, Self::Program { outbox, .. } if outbox.is_empty()) {
            return text.to_owned();
        }
        text.lines().map(line).collect::<Vec<_>>().join("\n")
    }
}

/// `--env` or `--stack` with its value, in whichever way it was written.
fn outbox(arguments: impl Iterator<Item = String>) -> Vec<String> {
    let mut arguments = arguments.take_while(|argument| argument != "--");
    while let Some(argument) = arguments.next() {
        for option in ["--env", "--stack"] {
            if argument == option {
                return arguments
                    .next()
                    .map_or_else(Vec::new, |value| vec![argument, value]);
            }
            let value = argument.strip_prefix(option);
            if let Some(value) = value.and_then(|value| value.strip_prefix('=')) {
                return vec![option.to_owned(), value.to_owned()];
            }
        }
    }
    Vec::new()
}

/// As it was typed, if it was: a build by cargo-lambda is called `bootstrap`.
fn name_to_paste(program: &str) -> String {
    let name = Path::new(program).file_name();
    if name.is_some_and(|name| name == "outboxctl") {
        program.to_owned()
    } else {
        "outboxctl".to_owned()
    }
}

/// In double quotes, where single ones would be hard to read.
fn quoted_for_people(text: &str) -> Cow<'_, str> {
    if text.contains('\'') && !text.contains(['"', '$', '`', '\\', '!']) {
        Cow::Owned(format!("\"{text}\""))
    } else {
        shell_words::quote(text)
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// Ids that a shell or make would read otherwise.
    const DELICATE: [&str; 8] = [
        "order#42/7",
        "it's/1",
        "a\"b/1",
        "a$b/1",
        "$(echo no)`echo no`/1",
        "a b;c&d|e>f*?[g]~/1",
        "a\\b\\'c!/1",
        "ü%d=,:/1",
    ];

    fn started(arguments: &[&str], is_by_make: bool) -> CommandLine {
        CommandLine::of(arguments.iter().map(OsString::from), is_by_make)
    }

    #[test]
    fn a_command_is_for_the_outbox_that_was_asked_for() {
        for (arguments, is_by_make, expected) in [
            (
                &["outboxctl", "--stack", "my-stack", "status"][..],
                false,
                "outboxctl --stack my-stack dlq list",
            ),
            (
                &["outboxctl", "status", "--stack=my stack"],
                false,
                "outboxctl --stack 'my stack' dlq list",
            ),
            (
                &["/opt/bin/outboxctl", "--output", "json", "--env=prod"],
                false,
                "/opt/bin/outboxctl --env prod dlq list",
            ),
            (
                &["target/lambda/local/outboxctl/bootstrap", "--env", "dev"],
                false,
                "outboxctl --env dev dlq list",
            ),
            (
                &["outboxctl", "--env", "local"],
                true,
                "make outboxctl ENV=local ARGS='dlq list'",
            ),
            (
                &["outboxctl", "--stack", "my-stack"],
                true,
                "outboxctl --stack my-stack dlq list",
            ),
            (&["outboxctl"], true, "outboxctl dlq list"),
            (&["outboxctl", "--env"], true, "outboxctl dlq list"),
        ] {
            let suggested = started(arguments, is_by_make).with(&["dlq", "list"]);
            assert_eq!(suggested, expected, "{arguments:?}");
        }
    }

    #[test]
    fn quotes_are_easy_to_read_where_they_can_be() {
        let make = started(&["outboxctl", "--env", "local"], true);
        for (arguments, expected) in [
            (&["parked"][..], "make outboxctl ENV=local ARGS=parked"),
            (
                &["edit", "order#42/7"],
                "make outboxctl ENV=local ARGS=\"edit 'order#42/7'\"",
            ),
        ] {
            assert_eq!(make.with(arguments), expected);
        }
    }

    /// Runs what a person pastes. A program of the name `outboxctl` shows the
    /// arguments that reach it.
    fn pasted(command: &str) -> String {
        let directory = tempfile::tempdir().unwrap();
        let show = "#!/bin/sh\nfor argument; do printf '<%s>' \"$argument\"; done\n";
        let program = directory.path().join("outboxctl");
        std::fs::write(&program, show).unwrap();
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&program, executable).unwrap();
        let makefile = ".PHONY: outboxctl\noutboxctl:\n\t@./outboxctl --env $(ENV) $(ARGS)\n";
        std::fs::write(directory.path().join("Makefile"), makefile).unwrap();
        let path = std::env::var("PATH").unwrap();
        let output = Command::new("sh")
            .args(["-c", command])
            .current_dir(directory.path())
            .env("PATH", format!("{}:{path}", directory.path().display()))
            // Under make, the inner make would say which folder it enters.
            .env_remove("MAKEFLAGS")
            .env_remove("MAKELEVEL")
            .output()
            .unwrap();
        assert!(output.status.success(), "{command}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    #[test]
    fn what_is_pasted_arrives_as_it_was_meant() {
        for id in DELICATE {
            for is_by_make in [false, true] {
                let line = started(&["outboxctl", "--env", "dev"], is_by_make);
                let command = line.with(&["discard", id, "--reason", ""]);
                let expected = format!("<--env><dev><discard><{id}><--reason><>");
                assert_eq!(pasted(&command), expected, "{command}");
            }
        }
    }

    #[test]
    fn examples_of_the_help_are_for_the_same_outbox() {
        let help = "Examples:\n  outboxctl --env dev unpark 'order#42/7'\n\nExit status: 0";
        for (line, expected) in [
            (
                started(&["outboxctl", "--stack", "mine", "--help"], false),
                "Examples:\n  outboxctl --stack mine unpark 'order#42/7'\n\nExit status: 0",
            ),
            (
                started(&["outboxctl", "--env", "local", "--help"], true),
                "Examples:\n  make outboxctl ENV=local ARGS=\"unpark 'order#42/7'\"\n\nExit status: 0",
            ),
            (started(&["outboxctl", "--help"], false), help),
        ] {
            assert_eq!(line.in_help(help), expected);
        }
    }
}
