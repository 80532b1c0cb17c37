//! Writing a journal beside the server, many inputs at a time.

use std::{
    sync::mpsc::{Receiver, Sender, channel},
    thread::{self, JoinHandle},
};

use super::{Entry, Journal};

/// Something that may happen only when what came in before it is on the disk.
pub(in crate::server) type Afterwards = Box<dyn FnOnce() + Send>;

/// Writes a journal on a thread of its own: while one batch is on its way to the disk, the next one fills.
pub(in crate::server) struct Writer {
    batches: Option<Sender<(Vec<Entry>, Afterwards)>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Begins to write. If that fails one day, `failed` is called with the reason, and nothing is done afterwards any more.
    pub(in crate::server) fn start(
        mut journal: Journal,
        failed: impl FnOnce(String) + Send + 'static,
    ) -> std::io::Result<Self> {
        let (batches, received) = channel();
        let thread = thread::Builder::new().name("temporal-sim journal".to_owned()).spawn(move || {
            if let Err(error) = write(&mut journal, &received) {
                failed(error.to_string());
            }
        })?;
        Ok(Self { batches: Some(batches), thread: Some(thread) })
    }

    /// Has inputs written, and something done when they are.
    pub(in crate::server) fn write(&self, entries: Vec<Entry>, afterwards: Afterwards) {
        if let Some(batches) = &self.batches {
            // If the writer has failed, nobody may be told anything.
            let _ = batches.send((entries, afterwards));
        }
    }
}

impl Drop for Writer {
    /// Waits until everything is on the disk.
    fn drop(&mut self) {
        self.batches = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn write(
    journal: &mut Journal,
    received: &Receiver<(Vec<Entry>, Afterwards)>,
) -> Result<(), super::JournalError> {
    while let Ok((mut entries, afterwards)) = received.recv() {
        let mut all = vec![afterwards];
        while let Ok((more, afterwards)) = received.try_recv() {
            entries.extend(more);
            all.push(afterwards);
        }
        if !entries.is_empty() {
            journal.append(&entries)?;
        }
        for afterwards in all {
            afterwards();
        }
        // Nobody waits for this.
        journal.pack()?;
    }
    Ok(())
}
