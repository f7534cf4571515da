//! The man page and the completions of shells, made from the command line's own definition.

use std::io::{self, Write};

use clap::{Command, ValueEnum};
use clap_complete::Shell;
use clap_mangen::Man;

/// What can be generated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Page {
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
}

impl Page {
    /// Returns the page for a command line.
    pub(crate) fn of(self, mut command: Command) -> Vec<u8> {
        let shell = match self {
            Self::Man => return man(&command).expect("memory can be written"),
            Self::Bash => Shell::Bash,
            Self::Zsh => Shell::Zsh,
            Self::Fish => Shell::Fish,
            Self::PowerShell => Shell::PowerShell,
            Self::Elvish => Shell::Elvish,
        };
        let name = command.get_name().to_owned();
        let mut page = Vec::new();
        clap_complete::generate(shell, &mut command, name, &mut page);
        page
    }
}

/// Returns the man page, with a section for each subcommand: a page for each would have to be
/// installed for each.
fn man(command: &Command) -> io::Result<Vec<u8>> {
    let name = command.get_name().to_owned();
    let man = Man::new(command.clone());
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    subcommands(&name, command, &mut page)?;
    man.render_extra_section(&mut page)?;
    man.render_version_section(&mut page)?;
    Ok(page)
}

fn subcommands(of: &str, command: &Command, page: &mut Vec<u8>) -> io::Result<()> {
    for subcommand in command.get_subcommands() {
        let name = format!("{of} {}", subcommand.get_name());
        if subcommand.has_subcommands() {
            subcommands(&name, subcommand, page)?;
        } else {
            section(&name, subcommand, page)?;
        }
    }
    Ok(())
}

/// Writes the section of a subcommand: what would be its own page.
fn section(name: &str, subcommand: &Command, page: &mut Vec<u8>) -> io::Result<()> {
    let subcommand = subcommand
        .clone()
        .bin_name(name)
        .disable_help_flag(true)
        .disable_version_flag(true);
    let has_options = subcommand.get_arguments().next().is_some();
    let has_examples = subcommand.get_after_help().is_some();
    let man = Man::new(subcommand);
    let mut own = Vec::new();
    man.render_synopsis_section(&mut own)?;
    man.render_description_section(&mut own)?;
    if has_options {
        man.render_options_section(&mut own)?;
    }
    if has_examples {
        man.render_extra_section(&mut own)?;
    }
    // Its sections become those of a section. Text that begins with a dot is escaped.
    let own = String::from_utf8_lossy(&own).replace("\n.SH ", "\n.SS ");
    writeln!(page, ".SH \"{}\"", name.to_uppercase())?;
    page.extend(own.strip_prefix(".SH ").map_or_else(
        || own.clone().into_bytes(),
        |rest| format!(".SS {rest}").into_bytes(),
    ));
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::arguments::Arguments;

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
