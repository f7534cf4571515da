//! The man page, made from the command line's own definition.

use std::io::{self, Write};

use clap::Command;
use clap_mangen::Man;

/// Returns the man page, with a section for each subcommand: a page for each would have to be
/// installed for each.
pub(super) fn man(command: &Command) -> io::Result<Vec<u8>> {
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
