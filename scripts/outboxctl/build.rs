//! Tells the program its version and the commit that it is built from. The crate stream-mapping-cli has
//! this file, too, by a link that is a file in its package.

use std::{env, path::Path, process::Command};

fn main() {
    let version = env::var("CARGO_PKG_VERSION").unwrap_or_default();
    let version = match commit() {
        Some(commit) => format!("{version} ({commit})"),
        None => version,
    };
    println!("cargo::rustc-env=VERSION_AND_COMMIT={version}");
    println!("cargo::rerun-if-changed=build.rs");
    for file in changed_with_the_commit() {
        println!("cargo::rerun-if-changed={file}");
    }
}

/// Returns the commit; `None` outside of git, or if the repository around this file, such as one
/// that it was unpacked in, doesn't have it.
fn commit() -> Option<String> {
    git(&["ls-files", "--error-unmatch", "build.rs"])?;
    git(&["rev-parse", "--short=9", "HEAD"])
}

/// Returns the files of git that change when another commit is checked out or made. In a worktree
/// they are not below its `.git`.
fn changed_with_the_commit() -> Vec<String> {
    let branch = git(&["symbolic-ref", "--quiet", "HEAD"]);
    // A branch without a file of its own is among the packed ones. The log of HEAD shows when it
    // gets one.
    let names = ["HEAD", "logs/HEAD", "packed-refs"].into_iter();
    let files = names
        .chain(branch.as_deref())
        .filter_map(|name| git(&["rev-parse", "--git-path", name]));
    // A file that doesn't exist would count as changed in each build.
    files.filter(|file| Path::new(file).exists()).collect()
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
