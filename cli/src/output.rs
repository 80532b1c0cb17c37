//! What commands write.

use std::{
    fs,
    io::{self, ErrorKind, Write},
    path::Path,
};

use temporal_sim::history::{Format, History};

use crate::{
    Problem,
    args::{Form, Target},
};

/// Standard output and standard error.
#[derive(Debug, Default)]
pub(crate) struct Output {}

impl Output {
    /// Writes text, whose colours go if they are not wanted.
    pub(crate) fn write(&self, text: &str) -> Result<(), Problem> {
        settle(anstream::stdout().write_all(text.as_bytes()))
    }

    /// Writes bytes as they are.
    pub(crate) fn write_bytes(&self, bytes: &[u8]) -> Result<(), Problem> {
        let mut stdout = io::stdout().lock();
        settle(stdout.write_all(bytes).and_then(|()| stdout.flush()))
    }

    /// Writes a remark to standard error, out of the way of the output.
    pub(crate) fn remark(&self, text: &str) {
        // Nobody to tell if nobody reads it.
        let _ = writeln!(anstream::stderr(), "{text}");
    }

    /// Writes what went wrong to standard error.
    pub(crate) fn problem(&self, text: &str) {
        let _ = writeln!(anstream::stderr(), "\u{1b}[1;31merror:\u{1b}[0m {text}");
    }

    /// Writes a history where the arguments say, in the form that they say.
    pub(crate) fn write_history(&self, history: &History, target: &Target) -> Result<(), Problem> {
        match &target.output {
            Some(path) => self.write_history_to(history, path, target.format),
            None => {
                let format = target.format.map_or(Format::Json, Form::into_format);
                self.write_bytes(&history.to_bytes(format)?)
            }
        }
    }

    /// Writes a history to a file.
    pub(crate) fn write_history_to(
        &self,
        history: &History,
        path: &Path,
        form: Option<Form>,
    ) -> Result<(), Problem> {
        let Some(format) = form.map(Form::into_format).or_else(|| Format::of(path)) else {
            return Err(Problem(format!(
                "{}: the extension does not say in which form to write; use .json, .pb, .json.gz or .pb.gz, or \
                 --format",
                path.display()
            )));
        };
        let bytes = history.to_bytes(format)?;
        fs::write(path, bytes).map_err(|error| Problem(format!("cannot write {}: {error}", path.display())))
    }
}

impl Form {
    fn into_format(self) -> Format {
        match self {
            Self::Json => Format::Json,
            Self::Pb => Format::Protobuf,
            Self::JsonGz => Format::JsonGzip,
            Self::PbGz => Format::ProtobufGzip,
        }
    }
}

/// If whoever reads the output has seen enough, as `head` has, that is nobody's fault.
fn settle(written: io::Result<()>) -> Result<(), Problem> {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Problem(format!("cannot write to standard output: {error}"))),
        Ok(()) => Ok(()),
    }
}
