//! `generate`: the man page and the completions of shells, made from the command line's own
//! definition.

use std::io;

use clap::{Parser, ValueEnum};
use clap_complete::Shell;
use clap_mangen::Man;

/// Print the man page, or the completions of a shell.
#[derive(Parser)]
#[command(name = "generate", disable_version_flag = true)]
pub(crate) struct Generate {
    /// What to print.
    #[arg(value_enum)]
    page: Page,
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
}

impl Generate {
    /// Returns the page for a command line.
    pub(crate) fn page(&self, mut command: clap::Command) -> io::Result<Vec<u8>> {
        let mut page = Vec::new();
        let shell = match self.page {
            Page::Man => {
                Man::new(command).render(&mut page)?;
                return Ok(page);
            }
            Page::Bash => Shell::Bash,
            Page::Zsh => Shell::Zsh,
            Page::Fish => Shell::Fish,
            Page::PowerShell => Shell::PowerShell,
            Page::Elvish => Shell::Elvish,
        };
        clap_complete::generate(shell, &mut command, "stream-mapping", &mut page);
        Ok(page)
    }
}
