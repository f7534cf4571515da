//! Whether output is coloured.

use std::{
    env,
    ffi::{OsStr, OsString},
};

use console::Term;

/// Decides it for standard output and standard error of this process.
pub(crate) fn choose() {
    let is_wanted = |term: Term| are_wanted(term.features().is_attended(), env::var_os);
    console::set_colors_enabled(is_wanted(Term::stdout()));
    console::set_colors_enabled_stderr(is_wanted(Term::stderr()));
}

/// Returns whether standard output is a terminal that can be cleared.
pub(crate) fn can_be_cleared() -> bool {
    Term::stdout().features().is_attended() && !is_dumb(env::var_os("TERM").as_deref())
}

/// Returns whether output is coloured: on a terminal, unless the environment says otherwise.
/// `CLICOLOR_FORCE` stands for a terminal, for pagers that show colours.
fn are_wanted(is_terminal: bool, variable: impl Fn(&'static str) -> Option<OsString>) -> bool {
    let is_set = |name| variable(name).is_some_and(|value| !value.is_empty());
    let is_zero = |name| variable(name).is_some_and(|value| value == "0");
    if is_set("NO_COLOR") {
        return false;
    }
    if is_set("CLICOLOR_FORCE") && !is_zero("CLICOLOR_FORCE") {
        return true;
    }
    is_terminal && !is_zero("CLICOLOR") && !is_dumb(variable("TERM").as_deref())
}

/// Returns whether a terminal knows no escape sequences.
fn is_dumb(term: Option<&OsStr>) -> bool {
    term.is_none_or(|term| term.is_empty() || term == "dumb")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_coloured_on_a_terminal_unless_the_environment_says_otherwise() {
        const XTERM: (&str, &str) = ("TERM", "xterm-256color");
        for (is_terminal, variables, expected) in [
            (true, &[XTERM][..], true),
            (false, &[XTERM], false),
            (true, &[XTERM, ("NO_COLOR", "1")], false),
            (true, &[XTERM, ("NO_COLOR", "")], true),
            (true, &[("TERM", "dumb")], false),
            (true, &[("TERM", "")], false),
            (true, &[], false),
            (true, &[XTERM, ("CLICOLOR", "0")], false),
            (false, &[("CLICOLOR_FORCE", "1")], true),
            (false, &[("CLICOLOR_FORCE", "0")], false),
            (false, &[("CLICOLOR_FORCE", "")], false),
            (
                true,
                &[XTERM, ("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")],
                false,
            ),
        ] {
            let variable = |name| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| OsString::from(value))
            };
            assert_eq!(are_wanted(is_terminal, variable), expected, "{variables:?}");
        }
    }
}
