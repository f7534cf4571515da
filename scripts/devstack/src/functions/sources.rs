//! Detects changes of the functions' sources.

use std::{
    collections::hash_map::DefaultHasher,
    fs,
    hash::{Hash, Hasher},
    io,
    path::{Path, PathBuf},
};

/// The files and folders that functions are built from.
const SOURCES: [&str; 6] = [
    ".cargo",
    "Cargo.lock",
    "Cargo.toml",
    "lambdas",
    "rust-toolchain.toml",
    "shared",
];

/// The sources of the functions.
#[derive(Debug, Clone)]
pub(super) struct Sources {
    root: PathBuf,
}

/// A hash of the sources: it differs after each change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SourcesState(u64);

impl Sources {
    pub(super) fn new(root: &Path) -> Self {
        Self { root: root.into() }
    }

    /// Returns the current state, from the files' names, sizes and modification times.
    pub(super) fn state(&self) -> SourcesState {
        let mut hasher = DefaultHasher::new();
        for source in SOURCES {
            // An unreadable file counts as absent: the build reports it.
            let _ = hash(&self.root.join(source), &mut hasher);
        }
        SourcesState(hasher.finish())
    }
}

fn hash(path: &Path, hasher: &mut DefaultHasher) -> io::Result<()> {
    let metadata = fs::metadata(path)?;
    path.hash(hasher);
    if !metadata.is_dir() {
        metadata.len().hash(hasher);
        metadata.modified()?.hash(hasher);
        return Ok(());
    }
    let mut entries = fs::read_dir(path)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()?;
    // Directories list their entries in no fixed order.
    entries.sort();
    for entry in entries {
        // An entry deleted in the meantime is missing in the next state, too.
        let _ = hash(&entry, hasher);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_of_a_source_changes_the_state() {
        let project = tempfile::tempdir().unwrap();
        let function = project.path().join("lambdas/create-order/src");
        fs::create_dir_all(&function).unwrap();
        let main = function.join("main.rs");
        fs::write(&main, "fn main() {}").unwrap();
        fs::create_dir(project.path().join("docs")).unwrap();
        let sources = Sources::new(project.path());

        let mut states = vec![sources.state()];
        assert_eq!(sources.state(), states[0]);
        fs::write(project.path().join("docs/guide.md"), "no source").unwrap();
        assert_eq!(sources.state(), states[0]);

        fs::write(&main, "fn main() { }").unwrap();
        states.push(sources.state());
        fs::rename(&main, function.join("other.rs")).unwrap();
        states.push(sources.state());
        fs::write(project.path().join("Cargo.toml"), "").unwrap();
        states.push(sources.state());
        fs::remove_file(function.join("other.rs")).unwrap();
        states.push(sources.state());
        for (index, state) in states.iter().enumerate() {
            assert!(!states[..index].contains(state), "{index}: {states:?}");
        }
    }
}
