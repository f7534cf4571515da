//! How this program was started, so that the commands it suggests can be pasted.

use std::{ffi::OsString, path::Path};

use crate::{
    shell::{joined, quoted},
    typed::{ACCOUNT, OUTBOX, options},
};

/// The variable that is `make` if a target of the Makefile started this program.
const STARTED_BY: &str = "OUTBOXCTL_STARTED_BY";

/// The start of a command line for this program and the same outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CommandLine {
    /// `make outboxctl ENV=prod ARGS=...`
    Make {
        /// `ENV=prod`, `STACK=help-desk-dev` or both, quoted.
        outbox: String,
        /// `--profile` and `--region` with their values, if they were given: the first in `ARGS`.
        account: Vec<String>,
    },
    /// `outboxctl --stack orders-dev ...`
    Program {
        program: String,
        /// `--env` or `--stack` with its value, or both; empty if neither was given.
        outbox: Vec<String>,
        /// `--profile` and `--region` with their values, if they were given.
        account: Vec<String>,
    },
}

impl CommandLine {
    /// Returns how this process was started. It is known even if the arguments are
    /// invalid, so that error messages can use it.
    pub(crate) fn of_this_process(typed: &[OsString]) -> Self {
        let is_by_make = std::env::var_os(STARTED_BY).is_some_and(|by| by == "make");
        Self::of(typed, is_by_make)
    }

    fn of(typed: &[OsString], is_by_make: bool) -> Self {
        let mut outbox = options(typed, &OUTBOX);
        if outbox.get(1).is_some_and(|env| env != "local") {
            // With both options the command line is rejected; its help is for the first.
            outbox.truncate(2);
        }
        let account = options(typed, &ACCOUNT);
        if is_by_make && !outbox.is_empty() {
            Self::Make {
                outbox: variables_of_make(&outbox),
                account,
            }
        } else {
            Self::Program {
                program: name_to_paste(typed.first()),
                outbox,
                account,
            }
        }
    }

    /// Returns a command for the same outbox, quoted for a shell.
    pub(crate) fn with(&self, arguments: &[&str]) -> String {
        match self {
            Self::Make { outbox, account } => {
                let account = account.iter().map(String::as_str);
                let arguments = for_the_recipe(account.chain(arguments.iter().copied()));
                format!("make outboxctl {outbox} ARGS={arguments}")
            }
            Self::Program {
                program,
                outbox,
                account,
            } => {
                let start = std::iter::once(program).chain(outbox).chain(account);
                let start = start.map(String::as_str);
                joined(start.chain(arguments.iter().copied()))
            }
        }
    }

    /// Returns a command of make for the same outbox, however this program was started.
    pub(crate) fn by_make(&self, arguments: &[&str]) -> String {
        match self {
            Self::Make { .. } => self.with(arguments),
            Self::Program {
                outbox, account, ..
            } => {
                let make = Self::Make {
                    outbox: variables_of_make(outbox),
                    account: account.clone(),
                };
                make.with(arguments)
            }
        }
    }

    /// Returns a command for the same outbox that names a row or a dead letter. An id that
    /// begins with `-` would be parsed as an option, so it comes last, after `--`.
    pub(crate) fn with_id(&self, command: &[&str], id: &str, options: &[&str]) -> String {
        let arguments = if id.starts_with('-') {
            [command, options, &["--", id]].concat()
        } else {
            [command, &[id], options].concat()
        };
        self.with(&arguments)
    }

    /// Returns a command for the same outbox that acts on the group with this code. A code that
    /// begins with `-` would be parsed as an option, so it is part of its own one.
    pub(crate) fn with_group(&self, command: &[&str], code: &str, options: &[&str]) -> String {
        let joined = format!("--group={code}");
        let group: &[&str] = if code.starts_with('-') {
            &[&joined]
        } else {
            &["--group", code]
        };
        self.with(&[command, group, options].concat())
    }

    /// Returns a help text with its examples as commands for the same outbox.
    /// They are the lines that begin with `  outboxctl --env` or `--stack`.
    pub(crate) fn in_help(&self, text: &str) -> String {
        let line = |line: &str| {
            let example = line.strip_prefix("  outboxctl --");
            let words = example.and_then(|example| shell_words::split(example).ok());
            // The first option and its value are replaced.
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

/// Returns the variables that make the Makefile pass these options.
fn variables_of_make(options: &[String]) -> String {
    let (options, _) = options.as_chunks();
    let variables = options
        .iter()
        .map(|[option, name]| variable_of_make(option, name));
    variables.collect::<Vec<_>>().join(" ")
}

fn variable_of_make(option: &str, name: &str) -> String {
    if option == "--env" {
        format!("ENV={}", for_the_recipe([name]))
    } else {
        // The recipe has it in its environment, so its shell doesn't expand it.
        format!("STACK={}", quoted_for_people(&escaped_for_make(name)))
    }
}

/// Returns words as the value of a variable that a recipe of make contains: make expands it first,
/// and then the shell of the recipe.
fn for_the_recipe<'w>(words: impl IntoIterator<Item = &'w str>) -> String {
    quoted_for_people(&escaped_for_make(&joined(words)))
}

fn escaped_for_make(text: &str) -> String {
    text.replace('$', "$$")
}

/// Returns the program as it was typed, or `outboxctl` if its file has another name:
/// cargo-lambda names every program `bootstrap`.
fn name_to_paste(program: Option<&OsString>) -> String {
    let is_ours =
        |program: &&OsString| Path::new(program).file_name() == Some("outboxctl".as_ref());
    let typed = program.filter(is_ours);
    typed.map_or_else(|| "outboxctl".to_owned(), |it| it.to_string_lossy().into())
}

/// Quotes for a shell, in double quotes where single quotes would be hard to read.
fn quoted_for_people(text: &str) -> String {
    if text.contains('\'') && !text.contains(['"', '$', '`', '\\', '!']) {
        format!("\"{text}\"")
    } else {
        quoted(text)
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::visible::is_hidden;

    /// Ids with characters that a shell or make treats specially.
    const DELICATE: [&str; 17] = [
        "order#42/7",
        "it's/1",
        "a\"b/1",
        "a$b/1",
        "$(echo no)`echo no`/1",
        "a b;c&d|e>f*?[g]~/1",
        "a\\b\\'c!/1",
        "ü%d=,:/1",
        "-x/7",
        "--all/1",
        "a{b,c}/1",
        "!!^a/1",
        "$(shell touch pwned)/1",
        "'; touch pwned; '/1",
        "\u{1b}[201~\ntouch pwned\n/1",
        "\u{1b}]52;c;cHduZWQ=\u{7}'$\"`%s\\/1",
        "\u{202e}\u{9b}31m/1",
    ];

    fn started(arguments: &[&str], is_by_make: bool) -> CommandLine {
        let typed: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        CommandLine::of(&typed, is_by_make)
    }

    #[test]
    fn a_suggested_command_is_for_the_same_outbox() {
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
                &["outboxctl", "--stack", "help-desk-dev"],
                true,
                "make outboxctl STACK=help-desk-dev ARGS='dlq list'",
            ),
            (
                &["outboxctl", "--stack", "mine", "--env", "dev"],
                false,
                "outboxctl --env dev dlq list",
            ),
            (
                &["outboxctl", "--stack", "mine", "--env", "local"],
                false,
                "outboxctl --env local --stack mine dlq list",
            ),
            (
                &["outboxctl", "--env", "local", "--stack", "help-desk-local"],
                true,
                "make outboxctl ENV=local STACK=help-desk-local ARGS='dlq list'",
            ),
            (
                &[
                    "outboxctl",
                    "--region=us-east-1",
                    "--stack",
                    "mine",
                    "status",
                    "--profile",
                    "on call",
                ],
                false,
                "outboxctl --stack mine --profile 'on call' --region us-east-1 dlq list",
            ),
            (
                &["outboxctl", "--env", "dev", "--profile", "operator"],
                true,
                "make outboxctl ENV=dev ARGS='--profile operator dlq list'",
            ),
            (
                &[
                    "outboxctl",
                    "--stack",
                    "mine",
                    "status",
                    "--region=us-east-1",
                    "--profile",
                    "on call",
                ],
                true,
                "make outboxctl STACK=mine ARGS=\"--profile 'on call' --region us-east-1 dlq list\"",
            ),
            (&["outboxctl"], true, "outboxctl dlq list"),
            (&["outboxctl", "--env"], true, "outboxctl dlq list"),
        ] {
            let suggested = started(arguments, is_by_make).with(&["dlq", "list"]);
            assert_eq!(suggested, expected, "{arguments:?}");
        }
    }

    #[test]
    fn quotes_are_easy_to_read() {
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

    /// Runs a pasted command, with a script in place of `outboxctl` that prints the
    /// arguments it receives.
    fn pasted(command: &str) -> String {
        let directory = tempfile::tempdir().unwrap();
        let show = "#!/bin/sh\nfor argument; do printf '<%s>' \"$argument\"; done\n";
        let program = directory.path().join("outboxctl");
        std::fs::write(&program, show).unwrap();
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&program, executable).unwrap();
        // As in the project's own.
        let outbox = r#"$(if $(STACK),$(if $(filter local,$(ENV)),--env local )--stack "$$STACK",--env $(ENV))"#;
        let makefile = format!(".PHONY: outboxctl\noutboxctl:\n\t@./outboxctl {outbox} $(ARGS)\n");
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
        let pwned = directory.path().join("pwned");
        assert!(!pwned.exists(), "{command} executed a name");
        String::from_utf8(output.stdout).unwrap()
    }

    #[test]
    fn a_pasted_command_keeps_its_arguments() {
        for id in DELICATE {
            for is_by_make in [false, true] {
                let line = started(&["outboxctl", "--env", "dev"], is_by_make);
                let command = line.with_id(&["discard"], id, &["--reason", ""]);
                let expected = if id.starts_with('-') {
                    format!("<--env><dev><discard><--reason><><--><{id}>")
                } else {
                    format!("<--env><dev><discard><{id}><--reason><>")
                };
                assert!(!command.contains(is_hidden), "{command:?}");
                assert_eq!(pasted(&command), expected, "{command}");
            }
        }
    }

    #[test]
    fn a_pasted_command_keeps_the_code_of_a_group() {
        for code in DELICATE {
            let line = started(&["outboxctl", "--env", "dev"], false);
            let command = line.with_group(&["unpark"], code, &["--until", "now"]);
            assert!(!command.contains(is_hidden), "{command:?}");
            let group = if code.starts_with('-') { "=" } else { "><" };
            let expected = format!("<--env><dev><unpark><--group{group}{code}><--until><now>");
            assert_eq!(pasted(&command), expected, "{command}");
        }
    }

    #[test]
    fn a_pasted_command_keeps_the_name_of_the_outbox() {
        for name in DELICATE {
            for is_by_make in [false, true] {
                let line = started(&["outboxctl", "--stack", name], is_by_make);
                let command = line.with(&["status"]);
                assert!(!command.contains(is_hidden), "{command:?}");
                let expected = format!("<--stack><{name}><status>");
                assert_eq!(pasted(&command), expected, "{command}");

                let line = started(
                    &["outboxctl", "--env", "local", "--stack", name],
                    is_by_make,
                );
                let command = line.with(&["status"]);
                assert!(!command.contains(is_hidden), "{command:?}");
                let expected = format!("<--env><local><--stack><{name}><status>");
                assert_eq!(pasted(&command), expected, "{command}");
            }

            let line = started(&["outboxctl", "--env", name], true);
            let command = line.with(&["status"]);
            assert!(!command.contains(is_hidden), "{command:?}");
            let expected = format!("<--env><{name}><status>");
            assert_eq!(pasted(&command), expected, "{command}");
        }
    }

    #[test]
    fn a_pasted_command_keeps_the_account() {
        for profile in DELICATE {
            let typed = ["outboxctl", "--env", "dev", "--profile", profile];
            let line = started(&typed, true);
            let command = line.with(&["status"]);
            assert!(!command.contains(is_hidden), "{command:?}");
            let expected = format!("<--env><dev><--profile><{profile}><status>");
            assert_eq!(pasted(&command), expected, "{command}");
        }
    }

    #[test]
    fn examples_in_the_help_are_for_the_same_outbox() {
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
            (
                started(&["outboxctl", "--env=dev", "--profile=x", "--help"], true),
                "Examples:\n  make outboxctl ENV=dev ARGS=\"--profile x unpark 'order#42/7'\"\n\nExit status: 0",
            ),
            (started(&["outboxctl", "--help"], false), help),
        ] {
            assert_eq!(line.in_help(help), expected);
        }
    }
}
