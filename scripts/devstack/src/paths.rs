//! Where the files of the tools and of the service are.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use crate::error::Error;

/// The file that identifies the project's folder.
const MARK: &str = "scripts/devstack/Cargo.toml";

/// The file that identifies the folder of a service.
const SERVICE_MARK: &str = "infra/cdk.json";

/// The paths of the project, and of the service that runs on its local AWS.
#[derive(Debug, Clone)]
pub struct Paths {
    root: PathBuf,
    /// The folder of another service than the project's own.
    other_service: Option<PathBuf>,
}

impl Paths {
    /// Returns the paths of the project in this directory, with its own service: orders.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            other_service: None,
        }
    }

    /// Returns these paths with the service in another folder. The service has the project's
    /// layout: a CDK app in `infra`, which deploys one stack with the context `env=local`, and
    /// a workspace whose functions are built by cargo.
    ///
    /// # Errors
    ///
    /// If the folder has no such app.
    pub fn with_service(self, folder: &Path) -> Result<Self, Error> {
        let failed = || Error::NoService(folder.to_owned());
        let folder = folder.canonicalize().map_err(|_| failed())?;
        if !folder.join(SERVICE_MARK).is_file() {
            return Err(failed());
        }
        let is_own = self.root.canonicalize().is_ok_and(|root| root == folder);
        Ok(Self {
            other_service: (!is_own).then_some(folder),
            ..self
        })
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

    /// Returns the folder of the service.
    pub(crate) fn service(&self) -> &Path {
        self.other_service.as_ref().unwrap_or(&self.root)
    }

    /// Returns whether the service is the project's own: orders.
    pub(crate) fn is_orders_service(&self) -> bool {
        self.other_service.is_none()
    }

    /// Returns the folder of the functions' crates.
    pub(crate) fn lambdas(&self) -> PathBuf {
        self.service().join("lambdas")
    }

    /// Returns the folder of the CDK app.
    pub(crate) fn infra(&self) -> PathBuf {
        self.service().join("infra")
    }

    /// Returns the file with the calls of the service's demo.
    pub(crate) fn demo_calls(&self) -> PathBuf {
        self.service().join("scripts/demo.json")
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

    /// Returns the CDK's command, of the version pinned in the service's `infra/package.json`.
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
    fn a_service_of_another_folder_is_used_with_the_tools_of_this_project() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().canonicalize().unwrap();
        let (tools, service) = (root.join("tools"), root.join("service"));
        for folder in [&tools, &service] {
            fs::create_dir_all(folder.join("infra")).unwrap();
            fs::write(folder.join("infra/cdk.json"), "{}").unwrap();
        }

        let paths = Paths::new(&tools);
        assert!(paths.is_orders_service());
        assert_eq!(paths.infra(), tools.join("infra"));
        let paths = paths.with_service(&service).unwrap();
        assert!(!paths.is_orders_service());
        assert_eq!(paths.infra(), service.join("infra"));
        assert!(paths.running().unwrap().starts_with(&tools));

        let own = paths.with_service(&tools).unwrap();
        assert!(own.is_orders_service());
    }

    #[test]
    fn a_folder_without_a_service_is_an_error_that_says_what_is_missing() {
        let directory = tempfile::tempdir().unwrap();
        for folder in [directory.path(), &directory.path().join("none")] {
            let paths = Paths::new(directory.path()).with_service(folder);
            let error = paths.unwrap_err();
            let expected = format!("there is no service in {}", folder.display());
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn a_path_outside_of_any_project_has_no_paths() {
        let directory = tempfile::tempdir().unwrap();
        assert!(Paths::around(directory.path()).is_none());
    }
}
