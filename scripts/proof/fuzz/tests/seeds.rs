//! Every target takes its seeds, and a few thousand damaged ones, the same each
//! time.

use std::{cell::Cell, fs, panic, path::Path};

use fastrand::Rng;

/// How many damaged inputs a target is given.
const DAMAGED: usize = 3_000;

thread_local! {
    /// Panics of this thread, those included that somebody has caught.
    static PANICS: Cell<usize> = const { Cell::new(0) };
}

fn count_panics() {
    let show = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        PANICS.set(PANICS.get() + 1);
        show(panic);
    }));
}

fn holds(name: &str, target: fn(&[u8])) {
    count_panics();
    let target = |input: &[u8]| {
        target(input);
        assert_eq!(PANICS.get(), 0, "a panic was caught");
    };
    let seeds = seeds(name);
    // What is printed is shown if a test fails.
    for seed in &seeds {
        println!("{}", String::from_utf8_lossy(seed));
        target(seed);
    }
    let mut random = Rng::with_seed(7);
    for _ in 0..DAMAGED {
        let seed = random.choice(&seeds).expect("seeds");
        let damaged = fuzz::mutate(seed, &mut random);
        println!("{}", String::from_utf8_lossy(&damaged));
        target(&damaged);
    }
}

fn seeds(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    let files = fs::read_dir(folder.join(name)).expect("a folder of seeds");
    let paths = files.map(|file| file.expect("a seed").path());
    let mut paths: Vec<_> = paths.collect();
    paths.sort();
    let read = |path| fs::read(path).expect("a seed");
    paths.into_iter().map(read).collect()
}

#[test]
fn dead_letters_are_settled_or_stay() {
    holds("dead-letter", fuzz::dead_letter);
}

#[test]
fn batches_are_always_answered() {
    holds("stream-record", fuzz::stream_record);
}

#[test]
fn rows_are_read_as_they_were_written() {
    holds("outbox-row", fuzz::outbox_row);
}

#[test]
fn events_are_read_as_they_are_written_again() {
    holds("cloud-event", fuzz::cloud_event);
}

#[test]
fn requests_are_always_answered() {
    holds("http-body", fuzz::http_body);
}

#[test]
fn filters_are_refused_or_always_say_the_same() {
    holds("filter-pattern", fuzz::filter_pattern);
}
