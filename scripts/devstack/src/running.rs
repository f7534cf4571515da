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
    /// Where the local AWS answers, past all faults.
    aws: std::net::SocketAddr,
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

    /// Tells other commands where faults are administered, and where the local
    /// AWS answers.
    pub(crate) fn tell(
        &mut self,
        paths: &Paths,
        faults: LocalEndpoint,
        aws: LocalEndpoint,
    ) -> Result<(), Error> {
        let told = serde_json::to_vec(&Told {
            faults: faults.address(),
            aws: aws.address(),
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
        Ok(LocalEndpoint::new(told(paths)?.faults)?)
    }

    /// Where the running stack's AWS answers.
    pub(crate) fn aws(paths: &Paths) -> Result<LocalEndpoint, Error> {
        Ok(LocalEndpoint::new(told(paths)?.aws)?)
    }
}

fn told(paths: &Paths) -> Result<Told, Error> {
    let mut file = open(paths)?;
    if file.try_lock_shared().is_ok() {
        return Err(Error::NotRunning);
    }
    let mut told = String::new();
    file.read_to_string(&mut told).map_err(failed(paths))?;
    // Empty as long as it starts.
    serde_json::from_str(&told).map_err(|_| Error::NotRunning)
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
        let aws = LocalEndpoint::new(([127, 0, 0, 1], 4566).into()).unwrap();
        running.tell(&paths, faults, aws).unwrap();
        assert_eq!(Running::faults(&paths).unwrap(), faults);
        assert_eq!(Running::aws(&paths).unwrap(), aws);

        drop(running);
        assert!(matches!(Running::faults(&paths), Err(Error::NotRunning)));
        assert!(Running::claim(&paths).is_ok());
    }
}
