//! The one running `make dev` of a project.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Seek, SeekFrom, Write},
};

use serde::{Deserialize, Serialize};

use crate::{endpoint::LocalEndpoint, error::Error, paths::Paths};

/// The claim to be the only running `make dev`. It is a lock on a file, which the operating
/// system releases however the process ends.
#[derive(Debug)]
pub(crate) struct Running {
    file: File,
}

/// The addresses of the running stack, for other commands.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Addresses {
    /// Where faults are managed.
    faults: std::net::SocketAddr,
    /// The local AWS, without faults.
    aws: std::net::SocketAddr,
}

impl Running {
    /// Claims it.
    ///
    /// # Errors
    ///
    /// If another `make dev` is running.
    pub(crate) fn claim(paths: &Paths) -> Result<Self, Error> {
        let file = open(paths)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file }),
            Err(TryLockError::WouldBlock) => Err(Error::AlreadyRunning),
            Err(TryLockError::Error(error)) => Err(failed(paths)(error)),
        }
    }

    /// Writes the addresses for other commands.
    pub(crate) fn announce(
        &mut self,
        paths: &Paths,
        faults: LocalEndpoint,
        aws: LocalEndpoint,
    ) -> Result<(), Error> {
        let addresses = serde_json::to_vec(&Addresses {
            faults: faults.address(),
            aws: aws.address(),
        });
        addresses
            .map_err(std::io::Error::from)
            .and_then(|addresses| {
                self.file.set_len(0)?;
                self.file.seek(SeekFrom::Start(0))?;
                self.file.write_all(&addresses)
            })
            .map_err(failed(paths))
    }

    /// Returns where the faults of the running stack are managed.
    pub(crate) fn faults(paths: &Paths) -> Result<LocalEndpoint, Error> {
        Ok(LocalEndpoint::new(addresses(paths)?.faults)?)
    }

    /// Returns the address of the running stack's AWS.
    pub(crate) fn aws(paths: &Paths) -> Result<LocalEndpoint, Error> {
        Ok(LocalEndpoint::new(addresses(paths)?.aws)?)
    }
}

fn addresses(paths: &Paths) -> Result<Addresses, Error> {
    let mut file = open(paths)?;
    // A free lock means that no stack is running.
    if file.try_lock_shared().is_ok() {
        return Err(Error::NotRunning);
    }
    let mut addresses = String::new();
    file.read_to_string(&mut addresses).map_err(failed(paths))?;
    // The file is empty while the stack starts.
    serde_json::from_str(&addresses).map_err(|_| Error::NotRunning)
}

fn open(paths: &Paths) -> Result<File, Error> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(paths.running()?)
        .map_err(failed(paths))
}

fn failed(paths: &Paths) -> impl FnOnce(std::io::Error) -> Error + use<> {
    let path = paths.running().unwrap_or_default();
    Error::io(format!(
        "the state of the running stack, {}",
        path.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_stack_runs_and_other_commands_find_it() {
        let project = tempfile::tempdir().unwrap();
        let paths = Paths::new(project.path());
        assert!(matches!(Running::faults(&paths), Err(Error::NotRunning)));

        let mut running = Running::claim(&paths).unwrap();
        assert!(matches!(Running::claim(&paths), Err(Error::AlreadyRunning)));
        assert!(matches!(Running::faults(&paths), Err(Error::NotRunning)));
        let faults = LocalEndpoint::new(([127, 0, 0, 1], 4567).into()).unwrap();
        let aws = LocalEndpoint::new(([127, 0, 0, 1], 4566).into()).unwrap();
        running.announce(&paths, faults, aws).unwrap();
        assert_eq!(Running::faults(&paths).unwrap(), faults);
        assert_eq!(Running::aws(&paths).unwrap(), aws);

        drop(running);
        assert!(matches!(Running::faults(&paths), Err(Error::NotRunning)));
        assert!(Running::claim(&paths).is_ok());
    }
}
