use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Seek, SeekFrom, Write},
};

use serde::{Deserialize, Serialize};

use crate::{endpoint::LocalEndpoint, error::Error, paths::Paths};

/// The claim to be the one stack that is developed with. It is a lock on a file
/// and ends with the process, whatever becomes of that.
#[derive(Debug)]
pub(crate) struct Running {
    file: File,
}

/// What other commands must know of the running stack.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    /// Where faults are administered.
    faults: std::net::SocketAddr,
}

impl Running {
    /// Claims it.
    pub(crate) fn claim(paths: &Paths) -> Result<Self, Error> {
        let file = open(paths)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file }),
            Err(TryLockError::WouldBlock) => Err(Error::AlreadyRunning),
            Err(TryLockError::Error(error)) => Err(failed(paths)(error)),
        }
    }

    /// Tells other commands where faults are administered.
    pub(crate) fn tell(&mut self, paths: &Paths, faults: LocalEndpoint) -> Result<(), Error> {
        let told = serde_json::to_vec(&Told {
            faults: faults.address(),
        });
        told.map_err(std::io::Error::from)
            .and_then(|told| {
                self.file.set_len(0)?;
                self.file.seek(SeekFrom::Start(0))?;
                self.file.write_all(&told)
            })
            .map_err(failed(paths))
    }

    /// Where the faults of the running stack are administered.
    pub(crate) fn faults(paths: &Paths) -> Result<LocalEndpoint, Error> {
        let mut file = open(paths)?;
        if file.try_lock_shared().is_ok() {
            return Err(Error::NotRunning);
        }
        let mut told = String::new();
        file.read_to_string(&mut told).map_err(failed(paths))?;
        // Empty as long as it starts.
        let told: Told = serde_json::from_str(&told).map_err(|_| Error::NotRunning)?;
        Ok(LocalEndpoint::new(told.faults)?)
    }
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
    fn one_stack_runs_at_a_time_and_others_find_its_faults() {
        let project = tempfile::tempdir().unwrap();
        let paths = Paths::new(project.path());
        assert!(matches!(Running::faults(&paths), Err(Error::NotRunning)));

        let mut running = Running::claim(&paths).unwrap();
        assert!(matches!(Running::claim(&paths), Err(Error::AlreadyRunning)));
        assert!(matches!(Running::faults(&paths), Err(Error::NotRunning)));
        let faults = LocalEndpoint::new(([127, 0, 0, 1], 4567).into()).unwrap();
        running.tell(&paths, faults).unwrap();
        assert_eq!(Running::faults(&paths).unwrap(), faults);

        drop(running);
        assert!(matches!(Running::faults(&paths), Err(Error::NotRunning)));
        assert!(Running::claim(&paths).is_ok());
    }
}
