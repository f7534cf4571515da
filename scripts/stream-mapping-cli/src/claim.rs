//! A lock file, so that only one mapping on this machine drives a function with a
//! stream.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    hash::{DefaultHasher, Hash, Hasher},
    io::{self, Read, Seek, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
};

use uuid::Uuid;

/// A locked file that contains the mapping's UUID. The operating system releases the
/// lock when the process ends, also after a crash.
#[derive(Debug)]
pub(crate) struct Claim {
    path: PathBuf,
    _locked: File,
}

/// Why a claim failed.
#[derive(Debug)]
pub(crate) enum ClaimError {
    /// Another mapping has it, with this UUID; empty if it is not written yet.
    Held(String),
    /// The file cannot be used.
    Failed(PathBuf, io::Error),
}

impl Claim {
    /// Claims the stream at this endpoint for the function.
    pub(crate) fn make(
        endpoint: &str,
        stream_arn: &str,
        function_arn: &str,
        uuid: Uuid,
    ) -> Result<Self, ClaimError> {
        let mut hasher = DefaultHasher::new();
        (endpoint, stream_arn, function_arn).hash(&mut hasher);
        let name = format!("stream-mapping-{:016x}.lock", hasher.finish());
        let path = own_folder().join(name);
        let failed = |error| ClaimError::Failed(path.clone(), error);
        make_private(&own_folder()).map_err(failed)?;
        loop {
            let mut file = open(&path).map_err(failed)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    let mut holder = String::new();
                    file.read_to_string(&mut holder).map_err(failed)?;
                    return Err(ClaimError::Held(holder));
                }
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
            // The previous holder may have removed the file between open and lock. Then this
            // lock is on a file that no other process finds, so it is tried again.
            if is_same(&file, &path).map_err(failed)? {
                write(&mut file, uuid).map_err(failed)?;
                return Ok(Self {
                    path,
                    _locked: file,
                });
            }
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // Removed while it is locked. If that fails, the next claim locks the same file.
        fs::remove_file(&self.path).ok();
    }
}

/// The temporary folder is shared: another user could have put a link there in the place
/// of a file.
fn own_folder() -> PathBuf {
    let user = rustix::process::geteuid().as_raw();
    std::env::temp_dir().join(format!("stream-mapping-{user}"))
}

fn make_private(folder: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let found = fs::symlink_metadata(folder)?;
    if found.is_dir() && found.uid() == rustix::process::geteuid().as_raw() {
        Ok(())
    } else {
        Err(io::Error::other(format!(
            "{} is another user's",
            folder.display()
        )))
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    options.open(path)
}

fn is_same(file: &File, path: &Path) -> io::Result<bool> {
    match fs::metadata(path) {
        Ok(seen) => Ok(seen.ino() == file.metadata()?.ino()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn write(file: &mut File, uuid: Uuid) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    write!(file, "{uuid}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(endpoint: &str, function: &str, uuid: u128) -> Result<Claim, ClaimError> {
        Claim::make(endpoint, "arn:stream", function, Uuid::from_u128(uuid))
    }

    #[test]
    fn a_mapping_exists_once_until_it_ends() {
        let endpoint = Uuid::now_v7().to_string();
        let first = claim(&endpoint, "a", 1).unwrap();
        let Err(ClaimError::Held(uuid)) = claim(&endpoint, "a", 2) else {
            panic!("claimed twice")
        };
        assert_eq!(uuid, Uuid::from_u128(1).to_string());
        // Another function or another endpoint is another mapping.
        let _other = claim(&endpoint, "b", 3).unwrap();
        let _elsewhere = claim(&Uuid::now_v7().to_string(), "a", 4).unwrap();
        let path = first.path.clone();
        drop(first);
        assert!(!path.exists(), "nothing is left behind");
        claim(&endpoint, "a", 5).unwrap();
    }
}
