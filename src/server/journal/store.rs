//! The file of a journal.
//!
//! What comes in is written in batches, which are small: whoever waits for an answer waits for its batch. When there are enough
//! of them they are put together and compressed: clients say the same again and again.

use std::path::{Path, PathBuf};

use prost::Message as _;
use redb::{Database, ReadableDatabase as _, ReadableTable as _, TableDefinition};

use super::{Entry, segment};
use crate::rng::Seed;

/// What came in lately, in batches as they were written: each is a sequence of length-delimited entries.
const INPUTS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("inputs");
/// What came in before that, many batches in one piece, compressed.
const SEGMENTS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("segments");
/// What the inputs mean something to.
const ABOUT: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("about");

const VERSION: &str = "version";
const SEED: &str = "seed";
const SETTINGS: &str = "settings";

/// So many bytes of batches make a segment.
const SEGMENT: usize = 1024 * 1024;
/// What of the file is kept in memory, in bytes. It is written once, and read once.
const CACHE: usize = 4 * 1024 * 1024;

/// A journal that is open for writing.
pub(in crate::server) struct Journal {
    database: Database,
    path: PathBuf,
    /// The number of the next batch.
    next: u64,
    /// The batches that are in no segment yet, one behind the other.
    loose: Vec<u8>,
}

/// Why a file cannot be used as the journal of a server.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// It cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: Box<redb::Error>,
    },
    /// It was written by another version, whose cluster may have done something else with the same inputs.
    #[error(
        "{path} was written by temporal-sim {version}, and this is {}: give the server another file, or start it with that \
         version",
        env!("CARGO_PKG_VERSION")
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// The version that has written it.
        version: String,
    },
    /// It was written with other limits, with which the cluster may have done something else with the same inputs.
    #[error(
        "{path} was written with other limits: start the server with the limits of before, or give it another file"
    )]
    Settings {
        /// The file.
        path: PathBuf,
    },
    /// What is in it makes no sense.
    #[error("{path}: input {input}: {reason}: the file is damaged")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Which of the inputs, counted from 1.
        input: u64,
        /// What is wrong with it.
        reason: String,
    },
}

impl Journal {
    /// Opens a journal, or begins one with this seed. Answers with the seed that it was begun with. `settings` is whatever else
    /// decides what comes of the inputs.
    pub(in crate::server) fn open(
        path: &Path,
        seed: Seed,
        settings: &str,
    ) -> Result<(Self, Seed), JournalError> {
        let failed = |source| JournalError::File { path: path.to_owned(), source: Box::new(source) };
        let database = Database::builder().set_cache_size(CACHE).create(path);
        let database = database.map_err(|error| failed(error.into()))?;
        let about = about(&database, seed, settings).map_err(failed)?;
        if about.version != env!("CARGO_PKG_VERSION") {
            return Err(JournalError::Version { path: path.to_owned(), version: about.version });
        }
        if about.settings != settings {
            return Err(JournalError::Settings { path: path.to_owned() });
        }
        let loose = loose(&database).map_err(failed)?;
        Ok((Self { database, path: path.to_owned(), next: about.next, loose }, about.seed))
    }

    /// Hands every input to `apply`, oldest first.
    pub(in crate::server) fn replay(
        &self,
        mut apply: impl FnMut(Entry) -> Result<(), String>,
    ) -> Result<(), JournalError> {
        let failed = |source| JournalError::File { path: self.path.clone(), source: Box::new(source) };
        let mut input = 0;
        let mut apply_all = |mut bytes: &[u8]| {
            while !bytes.is_empty() {
                input += 1;
                let damaged = |reason| JournalError::Damaged { path: self.path.clone(), input, reason };
                let entry =
                    Entry::decode_length_delimited(&mut bytes).map_err(|error| damaged(error.to_string()))?;
                apply(entry).map_err(damaged)?;
            }
            Ok(())
        };
        let transaction = self.database.begin_read().map_err(|error| failed(error.into()))?;
        let segments = transaction.open_table(SEGMENTS).map_err(|error| failed(error.into()))?;
        for segment in segments.iter().map_err(|error| failed(error.into()))? {
            let (_, segment) = segment.map_err(|error| failed(error.into()))?;
            let bytes = segment::unpack(segment.value()).map_err(|error| failed(redb::Error::Io(error)))?;
            apply_all(&bytes)?;
        }
        apply_all(&self.loose)
    }

    /// Writes inputs. When this returns, they are on the disk.
    pub(super) fn append(&mut self, entries: &[Entry]) -> Result<(), JournalError> {
        let from = self.loose.len();
        for entry in entries {
            entry.encode_length_delimited(&mut self.loose).expect("a vector grows as far as it has to");
        }
        self.write(self.loose.get(from..).unwrap_or_default()).map_err(|source| self.failed(source))?;
        self.next += 1;
        Ok(())
    }

    /// Puts what was written lately together, if there is enough of it.
    pub(super) fn pack(&mut self) -> Result<(), JournalError> {
        if self.loose.len() >= SEGMENT {
            self.write_segment().map_err(|source| self.failed(source))?;
            self.loose = Vec::new();
        }
        Ok(())
    }

    fn write(&self, bytes: &[u8]) -> Result<(), redb::Error> {
        let transaction = self.database.begin_write()?;
        transaction.open_table(INPUTS)?.insert(self.next, bytes)?;
        transaction.commit()?;
        Ok(())
    }

    fn write_segment(&self) -> Result<(), redb::Error> {
        let packed = segment::pack(&self.loose).map_err(redb::Error::Io)?;
        let transaction = self.database.begin_write()?;
        transaction.open_table(SEGMENTS)?.insert(self.next, packed.as_slice())?;
        transaction.delete_table(INPUTS)?;
        transaction.open_table(INPUTS)?;
        transaction.commit()?;
        Ok(())
    }

    fn failed(&self, source: redb::Error) -> JournalError {
        JournalError::File { path: self.path.clone(), source: Box::new(source) }
    }
}

struct About {
    version: String,
    settings: String,
    seed: Seed,
    next: u64,
}

/// What a journal says about itself; of one that is empty, what it is going to say.
fn about(database: &Database, seed: Seed, settings: &str) -> Result<About, redb::Error> {
    let transaction = database.begin_write()?;
    let about = {
        let mut about = transaction.open_table(ABOUT)?;
        let inputs = transaction.open_table(INPUTS)?;
        let segments = transaction.open_table(SEGMENTS)?;
        if about.get(SEED)?.is_none() {
            about.insert(VERSION, env!("CARGO_PKG_VERSION").as_bytes())?;
            about.insert(SETTINGS, settings.as_bytes())?;
            about.insert(SEED, seed.0.to_le_bytes().as_slice())?;
        }
        let text = |name| -> Result<String, redb::Error> {
            let text = about.get(name)?.map(|text| String::from_utf8_lossy(text.value()).into_owned());
            Ok(text.unwrap_or_default())
        };
        let kept = about.get(SEED)?.and_then(|seed| seed.value().try_into().ok()).map(u64::from_le_bytes);
        About {
            version: text(VERSION)?,
            settings: text(SETTINGS)?,
            seed: kept.map_or(seed, Seed),
            next: [inputs.last()?, segments.last()?]
                .into_iter()
                .flatten()
                .map(|(last, _)| last.value() + 1)
                .max()
                .unwrap_or(0),
        }
    };
    transaction.commit()?;
    Ok(about)
}

/// The batches that are in no segment yet.
fn loose(database: &Database) -> Result<Vec<u8>, redb::Error> {
    let inputs = database.begin_read()?.open_table(INPUTS)?;
    let mut loose = Vec::new();
    for batch in inputs.iter()? {
        loose.extend_from_slice(batch?.1.value());
    }
    Ok(loose)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock::Time, cluster::CallId};

    /// What a journal has in it, as the numbers of its calls.
    fn calls(journal: &Journal) -> Vec<u64> {
        let mut calls = Vec::new();
        let replayed = journal.replay(|entry| {
            calls.push(entry.call);
            Ok(())
        });
        replayed.expect("all of it can be read");
        calls
    }

    #[test]
    fn what_is_packed_is_read_before_what_came_later_and_takes_little() {
        let path = std::env::temp_dir().join(format!("temporal-sim-journal-{}", std::process::id()));
        let open = || Journal::open(&path, Seed(1), "").expect("a journal").0;
        let mut journal = open();
        let message = vec![7; 1000];
        let mut written = 0;
        for _ in 0..3000 {
            written += 1;
            let entry =
                Entry::call(Time::from_nanos(0), CallId(written), None, "Any", message.clone().into());
            journal.append(&[entry]).expect("room on the disk");
            journal.pack().expect("room on the disk");
            if written == 2500 {
                drop(journal);
                journal = open();
            }
        }
        assert!(calls(&journal).into_iter().eq(1..=written));
        assert!(journal.loose.len() < SEGMENT);
        drop(journal);
        assert!(calls(&open()).into_iter().eq(1..=written));
        std::fs::remove_file(&path).expect("it was there");
    }
}
