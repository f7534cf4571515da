//! Running the checks of a suite.

use std::{
    cell::Cell,
    panic::{self, AssertUnwindSafe},
    sync::Once,
};

use futures::FutureExt;

/// What a service is known to do otherwise than AWS: the name of the check that it
/// fails, and what it does instead. That it fails is checked, too.
pub type Difference = (&'static str, &'static str);

/// Makes the function that runs checks, each in a world of its own.
macro_rules! suite {
    ($world:path: $($check:ident,)+) => {
        /// Runs every check. Those that the service is known to fail must fail.
        pub async fn conforms<W: $world>(
            begin: impl AsyncFn() -> W,
            differences: &[$crate::Difference],
        ) {
            $crate::check::all_exist(differences, &[$(stringify!($check)),+]);
            $(
                let world = begin().await;
                $crate::check::run(stringify!($check), $check(&world), differences).await;
            )+
        }
    };
}
pub(crate) use suite;

/// An exception for a check that is gone would go unnoticed.
pub(crate) fn all_exist(differences: &[Difference], checks: &[&str]) {
    for (check, _) in differences {
        assert!(checks.contains(check), "there is no check {check:?}");
    }
}

/// Runs a check. What is printed is seen only if a check fails.
pub(crate) async fn run(name: &str, check: impl Future<Output = ()>, differences: &[Difference]) {
    let difference = differences.iter().find(|(check, _)| *check == name);
    let Some((_, instead)) = difference else {
        println!("{name}");
        return check.await;
    };
    println!("{name} is expected to fail: {instead}");
    say_nothing_of_expected_panics();
    IS_EXPECTED_TO_PANIC.set(true);
    let outcome = AssertUnwindSafe(check).catch_unwind().await;
    IS_EXPECTED_TO_PANIC.set(false);
    assert!(
        outcome.is_err(),
        "{name} holds by now, so it is no exception"
    );
}

thread_local! {
    /// Tests keep to their thread.
    static IS_EXPECTED_TO_PANIC: Cell<bool> = const { Cell::new(false) };
}

/// Whoever reads the log of a test that failed would take them for the reason.
fn say_nothing_of_expected_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let say = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !IS_EXPECTED_TO_PANIC.get() {
                say(panic);
            }
        }));
    });
}
