//! Builds functions with cargo.

use std::{
    io,
    path::PathBuf,
    pin::pin,
    process::{Output, Stdio},
    time::Duration,
};

use serde_json::Value;
use tokio::{
    process::Command,
    time::{Instant, timeout},
};

use super::{call_error::CallError, function_log::unchanged, project::Project};
use crate::log::log_line;

/// How long a build may take, including the wait for other builds.
const BUILD_TIMEOUT: Duration = Duration::from_mins(15);

/// A build that takes longer than this is logged.
const ANNOUNCED_AFTER: Duration = Duration::from_secs(2);

/// Builds a function, and returns its program. The compiler's output is logged. The build
/// has the same settings as `make build-local`, so that its dependencies are reused.
pub(super) async fn build(project: &Project, name: &str) -> Result<PathBuf, CallError> {
    let not_started = |reason: String| {
        log_line(name, format_args!("ERROR could not be built: {reason}"));
        CallError::NotStarted {
            name: name.to_owned(),
            reason,
        }
    };
    let output = logged_if_slow(name, cargo_build(project, name)).await;
    let output = output.map_err(|error| not_started(format!("cargo: {error}")))?;
    let said = String::from_utf8_lossy(&output.stderr);
    for line in said.lines().filter_map(unchanged) {
        log_line(name, line);
    }
    if !output.status.success() {
        log_line(
            name,
            "ERROR does not compile; it is built again when its sources change",
        );
        return Err(CallError::DoesNotCompile {
            name: name.to_owned(),
            first_error: first_error(&said),
        });
    }
    program(&output.stdout, name).ok_or_else(|| not_started("cargo names no program".to_owned()))
}

/// Waits for a build, and logs it if it takes long, so that it doesn't seem to hang.
async fn logged_if_slow(
    name: &str,
    building: impl Future<Output = io::Result<Output>>,
) -> io::Result<Output> {
    let started = Instant::now();
    let mut building = pin!(timeout(BUILD_TIMEOUT, building));
    if let Ok(built) = timeout(ANNOUNCED_AFTER, &mut building).await {
        return built?;
    }
    log_line(name, "is being built");
    let output = building.await??;
    if output.status.success() {
        let seconds = started.elapsed().as_secs_f64();
        log_line(name, format_args!("built in {seconds:.1} s"));
    }
    Ok(output)
}

async fn cargo_build(project: &Project, name: &str) -> io::Result<Output> {
    Command::new("cargo")
        // The first error is found by how its line begins.
        .args(["build", "--quiet", "--color", "never", "--bin", name])
        // Diagnostics go to stderr, and stdout names the program.
        .args(["--message-format", "json-render-diagnostics"])
        .current_dir(&project.root)
        .env_clear()
        .envs(project.environment.iter().cloned())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
}

/// Returns the function's program from cargo's list of artifacts, one JSON object a line.
fn program(artifacts: &[u8], name: &str) -> Option<PathBuf> {
    artifacts
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<Value>(line).ok())
        .filter(|artifact| artifact["target"]["name"] == name)
        .find_map(|artifact| artifact["executable"].as_str().map(PathBuf::from))
}

/// Returns the compiler's first error and its place.
fn first_error(said: &str) -> String {
    let mut lines = said.lines().skip_while(|line| !line.starts_with("error"));
    let error = lines.next().unwrap_or_default();
    let place = lines
        .take_while(|line| !line.is_empty())
        .find_map(|line| line.trim_start().strip_prefix("--> "));
    match place {
        Some(place) => format!("{error} at {place}"),
        None => error.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_error_is_found_with_its_place() {
        let said = "\
warning: unused variable: `a`
 --> lambdas/create-order/src/main.rs:1:1
  |

error[E0425]: cannot find value `b` in this scope
  --> lambdas/create-order/src/main.rs:12:5
   |

error: aborting due to 1 previous error
";
        assert_eq!(
            first_error(said),
            "error[E0425]: cannot find value `b` in this scope at lambdas/create-order/src/main.rs:12:5"
        );
        assert_eq!(first_error("error: no such file\n"), "error: no such file");
        assert_eq!(first_error(""), "");
    }

    #[test]
    fn the_program_of_the_function_is_found() {
        let artifacts = br#"
{"reason":"compiler-artifact","target":{"name":"create-order"},"executable":null}
{"reason":"compiler-artifact","target":{"name":"other"},"executable":"/target/other"}
{"reason":"compiler-artifact","target":{"name":"create-order"},"executable":"/target/create-order"}
{"reason":"build-finished","success":true}
"#;
        let found = program(artifacts, "create-order");
        assert_eq!(found, Some(PathBuf::from("/target/create-order")));
        assert_eq!(program(artifacts, "get-order"), None);
    }
}
