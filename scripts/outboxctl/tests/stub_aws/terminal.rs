//! A terminal for a command's standard output.

use std::{
    fs::File,
    io::Read,
    os::fd::OwnedFd,
    process::{Command, Stdio},
};

use rustix::{
    io::Errno,
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Winsize, tcsetwinsize},
};

/// Runs a command whose standard output is a terminal of this width, and returns what it shows.
pub(crate) fn shown(mut command: Command, width: u16) -> String {
    let (operator, terminal) = open(width);
    command.stdout(terminal).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    // It has the terminal, which ends with its last copy.
    drop(command);
    let mut shown = Vec::new();
    if let Err(error) = File::from(operator).read_to_end(&mut shown) {
        // How Linux says that the terminal is closed on the other side.
        let closed = Some(Errno::IO.raw_os_error());
        assert_eq!(error.raw_os_error(), closed, "{error}");
    }
    child.wait().unwrap();
    String::from_utf8(shown).unwrap().replace("\r\n", "\n")
}

/// Returns the operator's end of a terminal, and that of the program.
fn open(width: u16) -> (OwnedFd, File) {
    let operator = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&operator).unwrap();
    unlockpt(&operator).unwrap();
    let name = ptsname(&operator, Vec::new()).unwrap();
    let terminal = File::options()
        .read(true)
        .write(true)
        .open(name.to_str().unwrap())
        .unwrap();
    let size = Winsize {
        ws_row: 24,
        ws_col: width,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(&terminal, size).unwrap();
    (operator, terminal)
}
