//! What can be said on the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, builder::styling};

mod server;

pub(crate) use server::{LogFormat, LogLevel, Logging, Server, StartDev, TestServer};

/// Tools for Temporal workflows, from the test harness of the same name.
#[derive(Debug, Parser)]
#[command(name = "temporal-sim", version, styles = STYLES, after_help = EXIT_CODES, max_term_width = 110)]
pub(crate) struct Cli {
    /// When to use colours.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", hide_possible_values = true)]
    pub(crate) color: Color,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Shows, compares, redacts, converts and merges event histories.
    #[command(subcommand, after_help = FILES)]
    History(History),
    /// Starts a Temporal server for development.
    #[command(subcommand)]
    Server(Server),
    /// Starts what takes the place of Temporal's test server, which skips time.
    #[command(after_help = server::TEST_SERVER)]
    TestServer(TestServer),
    /// Writes the completions for a shell to standard output.
    #[command(after_help = COMPLETIONS)]
    Completions(Completions),
}

#[derive(Debug, Subcommand)]
pub(crate) enum History {
    /// Shows a history, one line for each event that matters.
    #[command(after_help = SHOW)]
    Show(Show),
    /// Shows the numbers of a history: status, duration, activities, timers, children.
    Summary(Summary),
    /// Compares two histories by what their events are about, and exits with 1 if they differ.
    #[command(after_help = DIFF)]
    Diff(Diff),
    /// Replaces what is confidential, so that production histories can be committed and replayed.
    #[command(after_help = REDACT)]
    Redact(Redact),
    /// Writes a history in another form.
    #[command(after_help = CONVERT)]
    Convert(Convert),
    /// Makes one history of several pages, and says which events are missing if it cannot.
    #[command(after_help = MERGE)]
    Merge(Merge),
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The files; `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Shows every event, with timeouts and retry policies.
    #[arg(long)]
    pub(crate) full: bool,
    /// Shows dates, in UTC, and not the time since the first event.
    #[arg(long)]
    pub(crate) dates: bool,
    /// Shows at most so many characters of each payload and failure message; 0 for all.
    #[arg(long, value_name = "CHARACTERS", default_value_t = 80)]
    pub(crate) payload_limit: usize,
}

#[derive(Debug, Args)]
pub(crate) struct Summary {
    /// The files; `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// The one history; `-` is standard input.
    #[arg(value_name = "LEFT")]
    pub(crate) left: PathBuf,
    /// The other one.
    #[arg(value_name = "RIGHT")]
    pub(crate) right: PathBuf,
    /// Compares times, run ids, request ids, identities, sizes and event ids too.
    #[arg(long)]
    pub(crate) volatile: bool,
    /// Shows so many unchanged events around each difference.
    #[arg(long, short = 'C', value_name = "EVENTS", default_value_t = 2)]
    pub(crate) context: usize,
    /// Shows all events.
    #[arg(long, conflicts_with = "context")]
    pub(crate) full: bool,
    /// Shows at most so many characters of each payload in the line of an event; 0 for all.
    #[arg(long, value_name = "CHARACTERS", default_value_t = 80)]
    pub(crate) payload_limit: usize,
    /// In which form to write the difference.
    #[arg(long, value_name = "FORM", default_value = "text")]
    pub(crate) format: DiffForm,
}

#[derive(Debug, Args)]
pub(crate) struct Redact {
    /// The files; `-` is standard input. Histories that belong together, as of parents and children, are best
    /// redacted together.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) target: Target,
    /// Writes each history to a file of its own name in this folder.
    #[arg(long, value_name = "FOLDER", conflicts_with = "output")]
    pub(crate) output_folder: Option<PathBuf>,
    /// The secret that replacements are drawn from: the same key, the same replacements. Without one it is
    /// drawn by chance and forgotten.
    #[arg(long, value_name = "KEY", env = "TEMPORAL_SIM_REDACTION_KEY", hide_env_values = true)]
    pub(crate) key: Option<String>,
    /// A file that holds the key.
    #[arg(long, value_name = "FILE", conflicts_with = "key")]
    pub(crate) key_file: Option<PathBuf>,
    /// Keeps this string in payloads, such as the name of an enum variant. Can be given several times.
    #[arg(long, value_name = "STRING")]
    pub(crate) keep_value: Vec<String>,
    /// Keeps this field of JSON payloads: `currency`, `price.currency`. Can be given several times.
    #[arg(long, value_name = "FIELD")]
    pub(crate) keep_field: Vec<String>,
    /// Says that the keys of the object in this field are data too. Can be given several times.
    #[arg(long, value_name = "FIELD")]
    pub(crate) keys_of: Vec<String>,
    /// Keeps the numbers in payloads.
    #[arg(long)]
    pub(crate) keep_numbers: bool,
    /// Keeps the values of search attributes.
    #[arg(long)]
    pub(crate) keep_search_attributes: bool,
    /// Replaces workflow ids as a whole; workflows that make the ids of their children do not replay then.
    #[arg(long)]
    pub(crate) workflow_ids: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Convert {
    /// The file; `-` is standard input.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) target: Target,
}

#[derive(Debug, Args)]
pub(crate) struct Merge {
    /// The pages, in any order; `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) target: Target,
    /// Accepts that two pages have the same events, if their content is the same.
    #[arg(long)]
    pub(crate) overlapping: bool,
}

/// Where a history is written, and in which form.
#[derive(Debug, Args)]
pub(crate) struct Target {
    /// The file to write; its extension says in which form: .json, .pb, .json.gz, .pb.gz. Default: standard
    /// output.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// In which form to write. Default: that of the extension, and JSON on standard output.
    #[arg(long, value_name = "FORM")]
    pub(crate) format: Option<Form>,
}

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell.
    pub(crate) shell: clap_complete::Shell,
}

/// The forms of a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// Proto JSON, as the Temporal CLI writes it.
    Json,
    /// Binary protobuf: temporal.api.history.v1.History.
    Pb,
    /// JSON with gzip.
    #[value(name = "json.gz")]
    JsonGz,
    /// Protobuf with gzip.
    #[value(name = "pb.gz")]
    PbGz,
}

/// The forms of a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DiffForm {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// If standard output is a terminal that shows them, and NO_COLOR is not set.
    Auto,
    /// Whatever it is.
    Always,
    /// Not at all.
    Never,
}

impl Color {
    /// Makes it what all that is printed goes by.
    pub(crate) fn write_global(self) {
        match self {
            Self::Auto => anstream::ColorChoice::Auto,
            Self::Always => anstream::ColorChoice::Always,
            Self::Never => anstream::ColorChoice::Never,
        }
        .write_global();
    }
}

const STYLES: styling::Styles = styling::Styles::styled()
    .header(styling::AnsiColor::Green.on_default().bold())
    .usage(styling::AnsiColor::Green.on_default().bold())
    .literal(styling::AnsiColor::Cyan.on_default().bold())
    .placeholder(styling::AnsiColor::Cyan.on_default());

const EXIT_CODES: &str = "\
Exit codes:
  0  done; what was compared is the same
  1  what was compared differs
  2  the arguments or a file are not right; standard error says what to do";

const FILES: &str = "\
Files are read whatever their names: JSON as `temporal workflow show --output json` and the Web UI write it, \
the JSON answers of GetWorkflowExecutionHistory, events one to a line, binary protobuf, and gzip of each.

Examples:
  temporal workflow show -w order-17 -o json | temporal-sim history show -
  temporal-sim history diff before.json after.json
  temporal-sim history redact order-17.json -o histories/order-17.json.gz";

const SHOW: &str = "\
Examples:
  temporal-sim history show order-17.json
  temporal-sim history show --full --dates order-17.pb.gz
  temporal workflow show -w order-17 -o json | temporal-sim history show -";

const DIFF: &str = "\
Events are matched by what they are about (an activity by its type, a child by its type and id, a signal by its \
name) and compared field by field, payloads decoded.

Marks: `~` changed, `-` and `+` only in one, `>` moved.

Examples:
  temporal-sim history diff before.json after.json
  temporal-sim history diff --full --color always before.json after.json | less -R
  temporal-sim history diff --format json before.json after.json | jq '.rows[].fields[].field'";

const REDACT: &str = "\
Replaced are payloads, failure messages and stack traces, identities, headers, memos, search attributes. The same \
value gets the same replacement; JSON keeps its structure and its types, and known formats stay valid. If the \
code cannot decode a redacted history, or looks at a value, keep that with --keep-value or --keep-field.

Examples:
  temporal-sim history redact order-17.json -o histories/order-17.json
  temporal-sim history redact exports/*.json --output-folder histories --key-file ~/.redaction-key
  temporal-sim history redact --keep-value Express --keep-field price.currency order-17.json";

const CONVERT: &str = "\
Examples:
  temporal-sim history convert order-17.json -o order-17.pb.gz
  temporal-sim history convert --format json order-17.pb | jq '.events[].eventType'";

const MERGE: &str = "\
Examples:
  temporal-sim history merge page-*.json -o order-17.json
  temporal-sim history merge --overlapping monday.json friday.json -o order-17.json";

const COMPLETIONS: &str = "\
Examples:
  temporal-sim completions bash > ~/.local/share/bash-completion/completions/temporal-sim
  temporal-sim completions zsh > ~/.zfunc/_temporal-sim
  temporal-sim completions fish > ~/.config/fish/completions/temporal-sim.fish";
