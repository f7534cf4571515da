//! Runs the checks of a suite.

use std::{
    cell::Cell,
    panic::{self, AssertUnwindSafe},
    sync::Once,
};

use futures::FutureExt;

/// A known difference from AWS: the name of the check that the service fails, and what it
/// does instead. The check must fail.
pub type Difference = (&'static str, &'static str);

/// Generates the function that runs the checks, each with a fixture of its own.
macro_rules! suite {
    ($fixture:path: $($check:ident,)+) => {
        /// Runs every check. Those that the service is known to fail must fail.
        pub async fn conforms<F: $fixture>(
            begin: impl AsyncFn() -> F,
            differences: &[$crate::Difference],
        ) {
            $crate::check::all_exist(differences, &[$(stringify!($check)),+]);
            $(
                let fixture = begin().await;
                $crate::check::run(stringify!($check), $check(&fixture), differences).await;
            )+
        }
    };
}
pub(crate) use suite;

/// Checks that every difference names a check: an exception for a check that is gone would go
/// unnoticed.
pub(crate) fn all_exist(differences: &[Difference], checks: &[&str]) {
    for (check, _) in differences {
        assert!(checks.contains(check), "there is no check {check:?}");
    }
}

/// Runs a check. Its output is shown only if a check fails.
pub(crate) async fn run(name: &str, check: impl Future<Output = ()>, differences: &[Difference]) {
    let difference = differences.iter().find(|(check, _)| *check == name);
    let Some((_, instead)) = difference else {
        println!("{name}");
        return check.await;
    };
    println!("{name} is expected to fail: {instead}");
    hide_expected_panics();
    IS_EXPECTED_TO_PANIC.set(true);
    let outcome = AssertUnwindSafe(check).catch_unwind().await;
    IS_EXPECTED_TO_PANIC.set(false);
    assert!(
        outcome.is_err(),
        "{name} passes, so it is no longer a difference"
    );
}

thread_local! {
    /// Whether the running check must panic. A check stays on its thread.
    static IS_EXPECTED_TO_PANIC: Cell<bool> = const { Cell::new(false) };
}

/// Suppresses the messages of expected panics. In the log of a failed test they would look
/// like the reason of the failure.
fn hide_expected_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !IS_EXPECTED_TO_PANIC.get() {
                print(panic);
            }
        }));
    });
}
