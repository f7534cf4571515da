//! Progress of long steps, on the terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::Instant;

use crate::error::Error;

/// Runs a step, and prints how long it took.
pub(crate) async fn step<T>(
    what: &'static str,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let spinner = ProgressBar::new_spinner().with_style(style("{spinner} {msg} {elapsed}"));
    spinner.set_message(what);
    spinner.enable_steady_tick(Duration::from_millis(100));
    let started = Instant::now();
    let result = work.await;
    spinner.finish_and_clear();
    if result.is_ok() {
        println!("{what}: {:.1} s", started.elapsed().as_secs_f64());
    }
    result
}

/// Returns a progress bar for so many things.
pub(crate) fn counter(what: &'static str, length: u64) -> ProgressBar {
    let bar = ProgressBar::new(length).with_style(style("{msg} {bar:30} {pos}/{len} {elapsed}"));
    bar.with_message(what)
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}
