//! The API behaves as its `OpenAPI` document says, whatever requests schemathesis makes of it.

use std::{path::Path, process::Stdio, time::Duration};

use devstack::{Paths, Stack};
use tokio::{process::Command, time::timeout};

use crate::scripts;

/// The timeout of all requests, which take about a minute.
const PATIENCE: Duration = Duration::from_mins(5);

/// Returns schemathesis, as `make test-end-to-end` installs it, on the API of a stack.
///
/// Like ministack, it is passed to the Python beside it.
fn schemathesis(stack: &Stack, directory: &Path) -> Command {
    let project = scripts().parent().unwrap();
    let tests = scripts().join("devstack/tests/local_aws");
    let bin = project.join(".venv/bin");
    let url = stack.deployment.output("ApiUrl").unwrap();
    let host = url.trim_start_matches("http://");
    let mut command = Command::new(bin.join("python"));
    command
        // -B: Python leaves no compiled hooks beside their source.
        .args(["-I", "-B"])
        .arg(bin.join("schemathesis"))
        .arg("--config-file")
        .arg(tests.join("schemathesis.toml"))
        .arg("run")
        .arg(project.join("shared/orders-service/openapi.json"))
        .args(["--url", &stack.emulator.endpoint().to_string()])
        .args(["--header", &format!("Host: {host}")])
        .env("SCHEMATHESIS_HOOKS", tests.join("schemathesis_hooks.py"))
        // Whatever it writes.
        .current_dir(directory)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the functions and the local AWS: make test-end-to-end"]
async fn the_api_behaves_as_its_document_says() {
    let address = ([127, 0, 0, 1], 0).into();
    let stack = Stack::start(&Paths::of_this_project().unwrap(), address)
        .await
        .unwrap();
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut command = schemathesis(&stack, directory.path());
    let output = timeout(PATIENCE, command.output()).await;
    let output = output.expect("schemathesis takes too long").unwrap();
    let said = crate::text(&output);
    assert!(output.status.success(), "{said}");
    stack.stop().await.unwrap();
}
