//! `temporal-sim history …`

use std::{
    fs,
    path::{Path, PathBuf},
};

use temporal_sim::history::{DiffOptions, History, MergeError, Redaction};

use crate::{
    Outcome, Problem,
    args::{self, DiffForm},
    input,
    output::Output,
};

pub(crate) fn run(command: args::History, output: &Output) -> Result<Outcome, Problem> {
    match command {
        args::History::Show(arguments) => show(&arguments, output),
        args::History::Summary(arguments) => summary(&arguments, output),
        args::History::Diff(arguments) => diff(&arguments, output),
        args::History::Redact(arguments) => redact(&arguments, output),
        args::History::Convert(arguments) => convert(&arguments, output),
        args::History::Merge(arguments) => merge(&arguments, output),
    }
}

fn show(arguments: &args::Show, output: &Output) -> Result<Outcome, Problem> {
    each(&arguments.files, output, |history| {
        let mut timeline = history.timeline().colored().payload_limit(limit(arguments.payload_limit));
        if arguments.full {
            timeline = timeline.full();
        }
        if arguments.dates {
            timeline = timeline.dates();
        }
        timeline.to_string()
    })
}

fn summary(arguments: &args::Summary, output: &Output) -> Result<Outcome, Problem> {
    each(&arguments.files, output, |history| history.summary().to_string())
}

/// Writes something about each file, under its name if there are several.
fn each(files: &[PathBuf], output: &Output, text: impl Fn(&History) -> String) -> Result<Outcome, Problem> {
    input::check_standard_input(files.iter().map(PathBuf::as_path))?;
    for (index, file) in files.iter().enumerate() {
        let text = text(&input::history(file)?);
        let gap = if index == 0 { "" } else { "\n" };
        let title = if files.len() == 1 { String::new() } else { format!("{gap}{}\n", title(file)) };
        output.write(&format!("{title}{text}"))?;
    }
    Ok(Outcome::Fine)
}

fn title(file: &Path) -> String {
    let name =
        if input::is_standard_input(file) { "standard input".to_owned() } else { file.display().to_string() };
    format!("\u{1b}[1m{name}\u{1b}[0m")
}

fn diff(arguments: &args::Diff, output: &Output) -> Result<Outcome, Problem> {
    input::check_standard_input([arguments.left.as_path(), arguments.right.as_path()])?;
    let (left, right) = (input::history(&arguments.left)?, input::history(&arguments.right)?);
    let options =
        DiffOptions::new().volatile(arguments.volatile).payload_limit(limit(arguments.payload_limit));
    let diff = options.diff(&left, &right);
    match arguments.format {
        DiffForm::Text => {
            let context = if arguments.full { usize::MAX } else { arguments.context };
            output.write(&diff.context(context).colored().to_string())?;
        }
        DiffForm::Json => output.write(&format!("{}\n", serde_json::to_string_pretty(&diff)?))?,
    }
    Ok(if diff.is_same() { Outcome::Fine } else { Outcome::Differs })
}

fn redact(arguments: &args::Redact, output: &Output) -> Result<Outcome, Problem> {
    if arguments.files.len() > 1 && arguments.output_folder.is_none() {
        return Err(Problem(format!(
            "{} histories do not go into one file: say where they go with --output-folder",
            arguments.files.len()
        )));
    }
    input::check_standard_input(arguments.files.iter().map(PathBuf::as_path))?;
    let redaction = redaction(arguments, output)?;
    let histories = arguments.files.iter().map(|file| input::history(file)).collect::<Result<Vec<_>, _>>()?;
    let redacted = redaction.redact_all(&histories);
    let Some(folder) = &arguments.output_folder else {
        for history in &redacted {
            output.write_history(history, &arguments.target)?;
        }
        return Ok(Outcome::Fine);
    };
    let targets = targets(&arguments.files, folder)?;
    fs::create_dir_all(folder)
        .map_err(|error| Problem(format!("cannot create {}: {error}", folder.display())))?;
    for (history, path) in redacted.iter().zip(&targets) {
        output.write_history_to(history, path, arguments.target.format)?;
    }
    output.remark(&format!("{} histories redacted into {}", redacted.len(), folder.display()));
    Ok(Outcome::Fine)
}

/// Where the histories go: to their own names in the folder.
fn targets(files: &[PathBuf], folder: &Path) -> Result<Vec<PathBuf>, Problem> {
    let mut targets: Vec<PathBuf> = Vec::new();
    for file in files {
        let name = file.file_name().filter(|_| !input::is_standard_input(file));
        let Some(name) = name else {
            return Err(Problem(format!(
                "{} has no name to go by in {}: use --output",
                file.display(),
                folder.display()
            )));
        };
        let target = folder.join(name);
        if targets.contains(&target) {
            return Err(Problem(format!(
                "two histories would go to {}: redact them into two folders",
                target.display()
            )));
        }
        targets.push(target);
    }
    Ok(targets)
}

fn redaction(arguments: &args::Redact, output: &Output) -> Result<Redaction, Problem> {
    let mut redaction = Redaction::with_key(key(arguments, output)?);
    for value in &arguments.keep_value {
        redaction = redaction.keep_value(value);
    }
    for field in &arguments.keep_field {
        redaction = redaction.keep_field(field);
    }
    for field in &arguments.keys_of {
        redaction = redaction.keys_of(field);
    }
    if arguments.keep_numbers {
        redaction = redaction.keep_numbers();
    }
    if arguments.keep_search_attributes {
        redaction = redaction.keep_search_attributes();
    }
    if arguments.workflow_ids {
        redaction = redaction.workflow_ids();
    }
    Ok(redaction)
}

/// Shorter ones can be guessed.
const KEY_LENGTH: usize = 16;

fn key(arguments: &args::Redact, output: &Output) -> Result<Vec<u8>, Problem> {
    let key = match (&arguments.key_file, &arguments.key) {
        (Some(path), _) => fs::read(path)
            .map_err(|error| Problem(format!("cannot read the key from {}: {error}", path.display())))?
            .trim_ascii()
            .to_vec(),
        (None, Some(key)) => key.as_bytes().to_vec(),
        (None, None) => {
            let mut key = vec![0; 32];
            getrandom::fill(&mut key).map_err(|error| {
                Problem(format!("the system draws no random key: {error}; use --key-file"))
            })?;
            output.remark(
                "note: the key was drawn by chance; with --key-file the same values get the same replacements \
                 next time",
            );
            key
        }
    };
    if key.len() < KEY_LENGTH {
        return Err(Problem(format!(
            "a key of {} bytes can be guessed: use at least {KEY_LENGTH}, such as those of `openssl rand -hex 16`",
            key.len()
        )));
    }
    Ok(key)
}

fn convert(arguments: &args::Convert, output: &Output) -> Result<Outcome, Problem> {
    output.write_history(&input::history(&arguments.file)?, &arguments.target)?;
    Ok(Outcome::Fine)
}

fn merge(arguments: &args::Merge, output: &Output) -> Result<Outcome, Problem> {
    input::check_standard_input(arguments.files.iter().map(PathBuf::as_path))?;
    let pages = arguments.files.iter().map(|file| input::page(file)).collect::<Result<Vec<_>, _>>()?;
    let merged =
        if arguments.overlapping { History::merge_overlapping(pages) } else { History::merge(pages) };
    let history = merged.map_err(|error| match error {
        MergeError::Overlap { .. } => Problem(format!("{error} with --overlapping")),
        error => Problem(error.to_string()),
    })?;
    output.write_history(&history, &arguments.target)?;
    Ok(Outcome::Fine)
}

/// Zero is no limit.
fn limit(characters: usize) -> usize {
    if characters == 0 { usize::MAX } else { characters }
}
