//! The operator's editor, and the file that is edited.

use std::{
    env,
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use crate::error::Error;

/// The variables that name the editor; the first that is set wins.
const VARIABLES: [&str; 2] = ["VISUAL", "EDITOR"];

/// The editor if no variable is set: every Unix has it.
const DEFAULT: &str = "vi";

/// An editor: a program with its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Editor {
    /// The variable and its value, for error messages.
    name: String,
    program: OsString,
    arguments: Vec<String>,
}

/// A text in a temporary file. The file stays until it is removed explicitly, so that an
/// edit is not lost if a later step fails.
#[derive(Debug)]
pub(crate) struct Draft {
    path: PathBuf,
    /// The text before it was edited.
    original: String,
}

impl Editor {
    /// Returns the editor of `$VISUAL` or `$EDITOR`, or `vi`. An empty variable counts
    /// as not set.
    ///
    /// # Errors
    ///
    /// If the variable has an unclosed quote, or names no program.
    pub(crate) fn of_environment() -> Result<Self, Error> {
        let named = VARIABLES
            .iter()
            .filter_map(|variable| Some((*variable, env::var_os(variable)?)))
            .find(|(_, value)| !value.to_string_lossy().trim().is_empty());
        match named {
            Some((variable, value)) => Self::named(variable, value),
            None => Self::named("the default editor", DEFAULT.into()),
        }
    }

    /// Parses the value of a variable. Arguments may follow the program, as in
    /// `code --wait`. A path with spaces is quoted, or is the whole value.
    fn named(variable: &str, value: OsString) -> Result<Self, Error> {
        let name = format!("{variable}={}", value.to_string_lossy());
        if Path::new(&value).is_file() {
            return Ok(Self {
                name,
                program: value,
                arguments: Vec::new(),
            });
        }
        let words = shell_words::split(&value.to_string_lossy());
        let mut words = words
            .map_err(|error| Error::Editor(format!("{name}: {error}")))?
            .into_iter();
        let program = words
            .next()
            .filter(|program| !program.is_empty())
            .ok_or_else(|| Error::Editor(format!("{name} names no program")))?;
        Ok(Self {
            name,
            program: program.into(),
            arguments: words.collect(),
        })
    }

    /// Opens a draft in the editor, waits for it to close, and returns the text.
    ///
    /// # Errors
    ///
    /// If the editor can't be run, or ends with a failure status.
    pub(crate) fn edit(&self, draft: &Draft) -> Result<String, Error> {
        let failed = |why: String| Error::Editor(format!("{} {why}", self.name));
        let status = Command::new(&self.program)
            .args(&self.arguments)
            .arg(&draft.path)
            .status()
            .map_err(|error| failed(format!("cannot be run: {error}")))?;
        if !status.success() {
            return Err(failed(format!("ended with {status}")));
        }
        draft.read()
    }
}

impl Draft {
    /// Writes a text to a file that only this user can read.
    pub(crate) fn new(text: &str) -> Result<Self, Error> {
        let failed = |error| Error::io("creating a file for the editor")(error);
        let mut file = tempfile::Builder::new()
            .prefix("outboxctl-")
            .suffix(".json")
            .tempfile()
            .map_err(failed)?;
        io::Write::write_all(&mut file, text.as_bytes()).map_err(failed)?;
        let (_, path) = file.keep().map_err(|error| failed(error.error))?;
        Ok(Self {
            path,
            original: text.to_owned(),
        })
    }

    fn read(&self) -> Result<String, Error> {
        let what = format!("reading {}", self.path.display());
        fs::read_to_string(&self.path).map_err(Error::io(what))
    }

    /// Returns whether removing the file would lose an edit. A file that exists and
    /// can't be read counts as edited.
    fn is_edited(&self) -> bool {
        fs::read(&self.path).is_ok_and(|text| text != self.original.as_bytes())
            || self.path.exists() && self.read().is_err()
    }

    /// Removes the file.
    pub(crate) fn remove(self) {
        // If this fails, only the operator's own file is left in the temporary directory.
        let _ = fs::remove_file(&self.path);
    }

    /// Keeps the file if it was edited, and returns the error with its path. Otherwise
    /// removes it and returns the error as it is.
    pub(crate) fn keep(self, row: &str, source: Error) -> Error {
        if !self.is_edited() {
            self.remove();
            return source;
        }
        Error::DraftKept {
            row: row.to_owned(),
            draft: self.path,
            source: Box::new(source),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use tempfile::TempDir;

    use super::*;

    /// Writes an editor script that replaces the draft with the number of its arguments
    /// and the first of them.
    fn script(directory: &TempDir, name: &str, ends_with: u8) -> PathBuf {
        let path = directory.path().join(name);
        let text = format!(
            "#!/bin/sh\nfor last; do :; done\nprintf '%s' \"$#:$1\" > \"$last\"\nexit {ends_with}\n"
        );
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        path
    }

    fn edited(value: impl Into<OsString>) -> Result<String, Error> {
        let draft = Draft::new("{}").unwrap();
        let edited = Editor::named("EDITOR", value.into())?.edit(&draft);
        draft.remove();
        edited
    }

    #[test]
    fn arguments_follow_the_program_and_paths_may_have_spaces() {
        let directory = tempfile::tempdir().unwrap();
        let plain = script(&directory, "code", 0).display().to_string();
        let spaced = script(&directory, "my editor", 0).display().to_string();
        for (value, expected) in [
            (format!("{plain} --wait"), "2:--wait"),
            (format!("  {plain}  '-c' 'set nowrap'"), "3:-c"),
            (format!("'{spaced}' --wait"), "2:--wait"),
        ] {
            assert_eq!(edited(&value).unwrap(), expected, "{value}");
        }
        for value in [plain, spaced] {
            assert!(edited(&value).unwrap().starts_with("1:/"), "{value}");
        }
    }

    #[test]
    fn an_editor_that_fails_is_named_with_the_reason() {
        let directory = tempfile::tempdir().unwrap();
        let failing = script(&directory, "failing", 3).display().to_string();
        for (value, expected) in [
            (
                failing.clone(),
                format!("EDITOR={failing} ended with exit status: 3"),
            ),
            (
                "/no/such editor".to_owned(),
                "EDITOR=/no/such editor cannot be run: ".to_owned(),
            ),
            ("vi 'half".to_owned(), "EDITOR=vi 'half: ".to_owned()),
            ("''".to_owned(), "EDITOR='' names no program".to_owned()),
        ] {
            let error = edited(&value).unwrap_err().to_string();
            assert!(error.contains(&expected), "{error}");
        }
    }

    #[test]
    fn only_an_edited_draft_is_kept() {
        let failed = || Error::Aws("no answer".to_owned());
        let draft = Draft::new("{}").unwrap();
        let path = draft.path.clone();
        assert!(matches!(draft.keep("a/1", failed()), Error::Aws(_)));
        assert!(!path.exists());

        let draft = Draft::new("{}").unwrap();
        let path = draft.path.clone();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        fs::write(&path, "{\"a\":1}").unwrap();
        let Error::DraftKept { draft, .. } = draft.keep("a/1", failed()) else {
            panic!("the edit is lost");
        };
        assert_eq!(fs::read_to_string(&draft).unwrap(), "{\"a\":1}");
        fs::remove_file(draft).unwrap();
    }
}
