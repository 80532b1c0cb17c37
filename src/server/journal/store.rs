//! The file of a journal.

use std::path::{Path, PathBuf};

use prost::Message as _;
use redb::{Database, ReadableDatabase as _, ReadableTable as _, TableDefinition};

use super::Entry;
use crate::rng::Seed;

/// What came in, in batches as they were written: each is a sequence of length-delimited entries.
const INPUTS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("inputs");
/// What the inputs mean something to.
const ABOUT: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("about");

const VERSION: &str = "version";
const SEED: &str = "seed";
const SETTINGS: &str = "settings";

/// A journal that is open for writing.
pub(in crate::server) struct Journal {
    database: Database,
    path: PathBuf,
    next: u64,
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
        let database = Database::create(path).map_err(|error| failed(error.into()))?;
        let about = about(&database, seed, settings).map_err(failed)?;
        if about.version != env!("CARGO_PKG_VERSION") {
            return Err(JournalError::Version { path: path.to_owned(), version: about.version });
        }
        if about.settings != settings {
            return Err(JournalError::Settings { path: path.to_owned() });
        }
        Ok((Self { database, path: path.to_owned(), next: about.next }, about.seed))
    }

    /// Hands every input to `apply`, oldest first.
    pub(in crate::server) fn replay(
        &self,
        mut apply: impl FnMut(Entry) -> Result<(), String>,
    ) -> Result<(), JournalError> {
        let failed = |source| JournalError::File { path: self.path.clone(), source: Box::new(source) };
        let mut input = 0;
        let transaction = self.database.begin_read().map_err(|error| failed(error.into()))?;
        let inputs = transaction.open_table(INPUTS).map_err(|error| failed(error.into()))?;
        for batch in inputs.iter().map_err(|error| failed(error.into()))? {
            let (_, batch) = batch.map_err(|error| failed(error.into()))?;
            let mut bytes = batch.value();
            while !bytes.is_empty() {
                input += 1;
                let damaged = |reason| JournalError::Damaged { path: self.path.clone(), input, reason };
                let entry =
                    Entry::decode_length_delimited(&mut bytes).map_err(|error| damaged(error.to_string()))?;
                apply(entry).map_err(damaged)?;
            }
        }
        Ok(())
    }

    /// Writes inputs. When this returns, they are on the disk.
    pub(super) fn append(&mut self, entries: &[Entry]) -> Result<(), JournalError> {
        let mut bytes = Vec::new();
        for entry in entries {
            bytes.extend(entry.encode_length_delimited_to_vec());
        }
        self.write(&bytes)
            .map_err(|source| JournalError::File { path: self.path.clone(), source: Box::new(source) })?;
        self.next += 1;
        Ok(())
    }

    fn write(&self, bytes: &[u8]) -> Result<(), redb::Error> {
        let transaction = self.database.begin_write()?;
        transaction.open_table(INPUTS)?.insert(self.next, bytes)?;
        transaction.commit()?;
        Ok(())
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
            next: inputs.last()?.map_or(0, |(last, _)| last.value() + 1),
        }
    };
    transaction.commit()?;
    Ok(about)
}
