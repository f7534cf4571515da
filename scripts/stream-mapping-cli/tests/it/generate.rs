//! The man page, the completions and the version, which need neither options nor AWS.

use std::process::{Command, Output};

fn stream_mapping(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stream-mapping"));
    command.env_clear().args(arguments).output().unwrap()
}

/// Returns what a command prints that succeeds.
fn printed(arguments: &[&str]) -> String {
    let output = stream_mapping(arguments);
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_man_page_has_every_option() {
    let man = printed(&["generate", "man"]);
    assert!(man.contains("\n.TH stream-mapping 1 "), "{man}");
    for text in [
        "\\-\\-bisect\\-batch\\-on\\-function\\-error",
        "TRIM_HORIZON",
        "  130  the command was stopped",
    ] {
        assert!(man.contains(text), "{text}: {man}");
    }
    // It would refer to a page that isn't installed.
    assert!(!man.contains(".SH SUBCOMMANDS"), "{man}");
}

#[test]
fn every_shell_has_completions_of_the_options() {
    for (shell, begins) in [
        ("bash", "_stream__mapping() {"),
        ("zsh", "#compdef stream-mapping"),
        ("fish", ""),
        (
            "powershell",
            "\nusing namespace System.Management.Automation",
        ),
        ("elvish", "\nuse builtin;"),
    ] {
        let completions = printed(&["generate", shell]);
        assert!(completions.starts_with(begins), "{shell}: {completions}");
        assert!(
            completions.contains("bisect-batch-on-function-error"),
            "{shell}"
        );
    }
}

#[test]
fn what_cannot_be_generated_is_rejected() {
    for (arguments, expected) in [
        (
            &["generate", "tcsh"][..],
            "[possible values: man, bash, zsh,",
        ),
        (&["generate"], "<PAGE>"),
        (&["--batch-size", "1", "generate", "man"], "generate"),
    ] {
        let output = stream_mapping(arguments);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn options_are_required_without_generate() {
    let output = stream_mapping(&["--batch-size", "1"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("--event-source-arn <ARN>"), "{error}");
}

#[test]
fn the_version_has_the_commit_if_it_is_known() {
    let version = printed(&["--version"]);
    let version = version.strip_prefix("stream-mapping ").unwrap().trim_end();
    let Some((number, commit)) = version.split_once(' ') else {
        assert_eq!(version, env!("CARGO_PKG_VERSION"));
        return;
    };
    assert_eq!(number, env!("CARGO_PKG_VERSION"));
    let commit = commit.strip_prefix('(').unwrap().strip_suffix(')').unwrap();
    assert!(commit.len() >= 9, "{version}");
    assert!(
        commit.chars().all(|digit| digit.is_ascii_hexdigit()),
        "{version}"
    );
}
