//! The verdicts on many histories, for people and for other programs.

mod html;
mod junit;
mod table;

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

use serde::Serialize;

pub use self::table::ReportTable;
use super::Verdict;

/// The verdicts on many histories, in the order of their files. Its `Display` is a table, followed by the whole
/// verdict on each history that is not compatible.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let replayer = temporal_sim::replay::Replayer::new();
/// let report = replayer.replay_folder("histories");
/// report.table().print();
/// report.save("target/replay.html")?;
/// report.save("target/replay.xml")?;
/// report.assert_compatible();
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// One verdict for each file.
    pub verdicts: Vec<Verdict>,
}

/// Why a report could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The file could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The file's name does not tell in which form to write.
    #[error("{}: a report is written to a `.html`, `.xml` (JUnit), `.json` or `.txt` file", path.display())]
    UnknownExtension {
        /// The file.
        path: PathBuf,
    },
}

impl Report {
    pub(super) fn new(verdicts: Vec<Verdict>) -> Self {
        Self { verdicts }
    }

    /// The verdicts on histories that are not compatible.
    pub fn failures(&self) -> impl Iterator<Item = &Verdict> {
        self.verdicts.iter().filter(|verdict| !verdict.is_compatible())
    }

    /// Whether there are histories, and all of them are compatible.
    pub fn is_compatible(&self) -> bool {
        !self.verdicts.is_empty() && self.failures().next().is_none()
    }

    /// Asserts that there are histories, and that all of them are compatible.
    ///
    /// # Panics
    /// With this report, if they are not.
    #[track_caller]
    pub fn assert_compatible(&self) {
        assert!(self.is_compatible(), "{self}");
    }

    /// The report as JSON, for other tools to read: an object with the list `verdicts`, each with the fields of a
    /// [`Verdict`] by their names. `production.verdict` and `difference` are the names of the variants of
    /// [`Production`](super::Production) and [`Difference`](super::Difference) in snake case, and whatever is not
    /// there is `null`.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("verdicts hold strings, numbers and lists of them")
    }

    /// The report as JUnit XML, which CI systems show: one test case for each history, a failure for each that
    /// is not compatible, and an error for each about which there is nothing to say.
    pub fn to_junit(&self) -> String {
        junit::xml(self)
    }

    /// The report as one page of HTML that needs nothing else and runs no script: a summary, and for each history
    /// that is not compatible what was recorded beside what the code did, the fields that differ, and advice.
    pub fn to_html(&self) -> String {
        html::page(self)
    }

    /// Writes the report to a `.html`, `.xml` (JUnit), `.json` or `.txt` file, and makes its folder.
    ///
    /// # Errors
    ///
    /// If the file has another extension or cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), ReportError> {
        let path = path.as_ref();
        let text = match path.extension().and_then(|extension| extension.to_str()) {
            Some("html") => self.to_html(),
            Some("xml") => self.to_junit(),
            Some("json") => self.to_json(),
            Some("txt") => self.to_string(),
            _ => return Err(ReportError::UnknownExtension { path: path.to_owned() }),
        };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let written = folder.map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(path, text));
        written.map_err(|source| ReportError::Io { path: path.to_owned(), source })
    }

    /// The folder that all files are in.
    fn folder(&self) -> Option<&Path> {
        let mut sources = self.verdicts.iter().filter_map(|verdict| verdict.source.as_deref());
        let first = sources.next()?.parent()?;
        let within = |folder: &&Path| {
            self.verdicts
                .iter()
                .all(|verdict| verdict.source.as_ref().is_some_and(|source| source.starts_with(folder)))
        };
        first.ancestors().find(within).filter(|folder| !folder.as_os_str().is_empty())
    }

    /// What histories are called in this report.
    fn titles(&self) -> Titles<'_> {
        Titles { folder: self.folder() }
    }
}

/// What histories are called among the others: their files, without the folder that all are in.
#[derive(Clone, Copy)]
struct Titles<'a> {
    folder: Option<&'a Path>,
}

impl Titles<'_> {
    fn of(self, verdict: &Verdict) -> String {
        let source = verdict.source.as_deref();
        let short = source.zip(self.folder).and_then(|(source, folder)| source.strip_prefix(folder).ok());
        match short {
            Some(short) if !short.as_os_str().is_empty() => short.display().to_string(),
            _ => verdict.title(),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.verdicts.is_empty() {
            return f.write_str(table::NOTHING);
        }
        write!(f, "{}", self.table())?;
        for failure in self.failures() {
            writeln!(f, "\n{failure}")?;
        }
        Ok(())
    }
}
