//! The command line as it was typed, with what the environment says instead.

use std::ffi::{OsStr, OsString};

/// The variable that names a stack if neither `--env` nor `--stack` does.
const STACK: &str = "OUTBOXCTL_STACK";

/// The options that name an outbox.
pub(crate) const OUTBOX: [&str; 2] = ["--env", "--stack"];

/// The options that choose the account and the Region.
pub(crate) const ACCOUNT: [&str; 2] = ["--profile", "--region"];

/// Returns the arguments of this process, the program first. If they don't name an outbox, the
/// stack of the environment is added, as if it had been typed: suggested commands name it then.
pub(crate) fn typed() -> Vec<OsString> {
    with_stack(std::env::args_os().collect(), std::env::var_os(STACK))
}

fn with_stack(mut arguments: Vec<OsString>, stack: Option<OsString>) -> Vec<OsString> {
    let names_outbox = !options(&arguments, &OUTBOX).is_empty();
    if let Some(stack) = stack.filter(|stack| !stack.is_empty() && !names_outbox)
        && !arguments.is_empty()
    {
        arguments.splice(1..1, [OsString::from("--stack"), stack]);
    }
    arguments
}

/// Returns these options with their values, one after the other, in the order of their names. Each
/// may be typed with a space or with `=`. If one was typed twice, the last counts, as it does for the
/// command.
pub(crate) fn options(arguments: &[OsString], names: &[&str]) -> Vec<String> {
    let options = names.iter().filter_map(|name| {
        let value = value(arguments, name)?;
        Some([(*name).to_owned(), value.to_string_lossy().into_owned()])
    });
    options.flatten().collect()
}

fn value(arguments: &[OsString], name: &str) -> Option<OsString> {
    let mut arguments = arguments.iter().skip(1).take_while(|typed| *typed != "--");
    let mut last = None;
    while let Some(typed) = arguments.next() {
        if typed == name {
            last = arguments.next().cloned();
            continue;
        }
        let value = typed.to_str().and_then(|typed| typed.strip_prefix(name));
        if let Some(value) = value.and_then(|value| value.strip_prefix('=')) {
            last = Some(OsStr::new(value).to_owned());
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(arguments: &[&str]) -> Vec<OsString> {
        arguments.iter().map(OsString::from).collect()
    }

    #[test]
    fn options_are_found_wherever_they_are_typed() {
        for (arguments, expected) in [
            (
                &["outboxctl", "--stack", "a", "status"][..],
                &["--stack", "a"][..],
            ),
            (&["outboxctl", "status", "--env=prod"], &["--env", "prod"]),
            (&["outboxctl", "--stack=a=b"], &["--stack", "a=b"]),
            (&["outboxctl", "status"], &[]),
            (&["outboxctl", "--env"], &[]),
            (&["outboxctl", "--stacks=a"], &[]),
            (&["outboxctl", "discard", "--", "--stack", "a"], &[]),
            (&["--stack", "a"], &[]),
            (
                &["outboxctl", "--stack", "a", "status", "--stack=b"],
                &["--stack", "b"],
            ),
        ] {
            assert_eq!(
                options(&typed(arguments), &OUTBOX),
                expected,
                "{arguments:?}"
            );
        }
    }

    #[test]
    fn the_stack_of_the_environment_counts_if_no_outbox_is_typed() {
        let mine = || Some("mine".into());
        for (arguments, stack, expected) in [
            (
                &["outboxctl", "status"][..],
                mine(),
                &["outboxctl", "--stack", "mine", "status"][..],
            ),
            (&["outboxctl"], mine(), &["outboxctl", "--stack", "mine"]),
            (
                &["outboxctl", "--env", "dev", "status"],
                mine(),
                &["outboxctl", "--env", "dev", "status"],
            ),
            (
                &["outboxctl", "status", "--stack=a"],
                mine(),
                &["outboxctl", "status", "--stack=a"],
            ),
            (
                &["outboxctl", "status"],
                Some("".into()),
                &["outboxctl", "status"],
            ),
            (&["outboxctl", "status"], None, &["outboxctl", "status"]),
            (&[], mine(), &[]),
        ] {
            let with_stack = with_stack(typed(arguments), stack);
            assert_eq!(with_stack, typed(expected), "{arguments:?}");
        }
    }
}
