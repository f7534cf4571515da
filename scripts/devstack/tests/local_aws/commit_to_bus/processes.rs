//! The processor time of the functions' processes.

use std::{fs, path::Path, time::Duration};

use nix::{time::clock_getcpuclockid, unistd::Pid};

/// Returns the processor time that the processes of a program have used so far.
pub(super) fn processor_time(program: &Path) -> Duration {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let processes = processes.filter(|process| {
        fs::read_link(process.path().join("exe")).is_ok_and(|running| running == program)
    });
    let times = processes.filter_map(|process| {
        let id = process.file_name().to_str()?.parse().ok()?;
        // A process that ends meanwhile has no clock.
        let clock = clock_getcpuclockid(Pid::from_raw(id)).ok()?;
        clock.now().ok().map(Duration::from)
    });
    times.sum()
}
