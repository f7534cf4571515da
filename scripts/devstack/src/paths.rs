//! Where the files of the project are.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use crate::error::Error;

/// The file that identifies the project's folder.
const MARK: &str = "scripts/devstack/Cargo.toml";

/// The paths of one project folder.
#[derive(Debug, Clone)]
pub struct Paths {
    root: PathBuf,
}

impl Paths {
    /// Returns the paths of the project in this directory.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Returns the paths of the project that contains this program, or else the current
    /// directory.
    ///
    /// The folder is searched at run time, not compiled in: a project that was copied or
    /// moved after its build must not use the folder that it was built in.
    ///
    /// # Errors
    ///
    /// If neither is in a project.
    pub fn of_this_project() -> Result<Self, Error> {
        // The program is outside of the project if `target` is a symbolic link.
        let program = std::env::current_exe();
        let directory = std::env::current_dir();
        [&program, &directory]
            .into_iter()
            .flatten()
            .find_map(|place| Self::around(place))
            .ok_or(Error::NoProject)
    }

    /// Returns the paths of the innermost project around this path.
    fn around(place: &Path) -> Option<Self> {
        let root = place.ancestors().find(|root| root.join(MARK).is_file())?;
        Some(Self::new(root))
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the folder of the functions' crates.
    pub(crate) fn lambdas(&self) -> PathBuf {
        self.root.join("lambdas")
    }

    pub(crate) fn infra(&self) -> PathBuf {
        self.root.join("infra")
    }

    /// Returns the emulator's program and arguments, of the version pinned in
    /// `scripts/requirements.txt`.
    ///
    /// The script's first line names the Python of the folder it was installed in, which is
    /// wrong in a copied project. So it is passed to the Python beside it. With `-I`, no
    /// variable of the user makes that Python import other packages.
    pub(crate) fn ministack(&self) -> Result<(PathBuf, [OsString; 2]), Error> {
        let bin = self.root.join(".venv/bin");
        let script = self.root.join("scripts/devstack/emulator.py");
        installed(bin.join("ministack"))?;
        let python = installed(bin.join("python"))?;
        Ok((python, ["-I".into(), script.into()]))
    }

    /// Returns the CDK's command, of the version pinned in `infra/package.json`.
    pub(crate) fn cdk(&self) -> Result<PathBuf, Error> {
        installed(self.infra().join("node_modules/.bin/cdk"))
    }

    /// Returns `outboxctl`, built together with this program.
    pub(crate) fn outboxctl(&self) -> Result<PathBuf, Error> {
        installed(self.root.join("target/lambda/local/outboxctl/bootstrap"))
    }

    /// Creates a directory for the files of one run, deleted at its end.
    pub(crate) fn run_directory(&self) -> Result<TempDir, Error> {
        let parent = self.runs()?;
        let what = format!("creating a directory in {}", parent.display());
        TempDir::new_in(parent).map_err(Error::io(what))
    }

    /// Returns the file in which other commands find the running stack.
    pub(crate) fn running(&self) -> Result<PathBuf, Error> {
        Ok(self.runs()?.join("running.json"))
    }

    /// Returns the log of the last emulator on this port.
    pub(crate) fn emulator_log(&self, port: u16) -> Result<PathBuf, Error> {
        Ok(self.runs()?.join(format!("{port}.log")))
    }

    fn runs(&self) -> Result<PathBuf, Error> {
        let runs = self.root.join("target/devstack");
        let what = format!("creating {}", runs.display());
        std::fs::create_dir_all(&runs).map_err(Error::io(what))?;
        Ok(runs)
    }
}

fn installed(path: PathBuf) -> Result<PathBuf, Error> {
    if path.exists() {
        Ok(path)
    } else {
        Err(Error::NotInstalled(path))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn project(root: &Path) {
        fs::create_dir_all(root.join("scripts/devstack")).unwrap();
        fs::write(root.join(MARK), "").unwrap();
    }

    #[test]
    fn a_program_uses_the_innermost_project_around_it() {
        let directory = tempfile::tempdir().unwrap();
        let outer = directory.path();
        let inner = outer.join("a copy");
        project(outer);
        project(&inner);
        let program = inner.join("target/lambda/local/devstack/bootstrap");
        assert_eq!(Paths::around(&program).unwrap().root, inner);
        assert_eq!(Paths::around(&outer.join("target")).unwrap().root, outer);
    }

    #[test]
    fn the_emulator_runs_with_the_python_of_this_project() {
        let directory = tempfile::tempdir().unwrap();
        let bin = directory.path().join(".venv/bin");
        fs::create_dir_all(&bin).unwrap();
        fs::write(bin.join("ministack"), "#!/elsewhere/.venv/bin/python\n").unwrap();
        let paths = Paths::new(directory.path());
        assert!(matches!(paths.ministack(), Err(Error::NotInstalled(_))));

        fs::write(bin.join("python"), "").unwrap();
        let (program, arguments) = paths.ministack().unwrap();
        assert_eq!(program, bin.join("python"));
        let script = directory.path().join("scripts/devstack/emulator.py");
        assert_eq!(arguments, [OsString::from("-I"), script.into_os_string()]);
    }

    #[test]
    fn a_path_outside_of_any_project_has_no_paths() {
        let directory = tempfile::tempdir().unwrap();
        assert!(Paths::around(directory.path()).is_none());
    }
}
