//! What a server logs, and how.

use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    fmt,
    layer::{Layer as _, SubscriberExt as _},
    util::SubscriberInitExt as _,
};

use crate::{
    Problem,
    args::{LogFormat, LogLevel, Logging},
};

/// From here on, logs to standard error.
pub(crate) fn start(logging: &Logging) -> Result<(), Problem> {
    let level = match logging.log_level {
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Never => LevelFilter::OFF,
    };
    // What the libraries below log is about frames and bytes.
    let targets =
        Targets::new().with_default(level.min(LevelFilter::WARN)).with_target("temporal_sim", level);
    let layer = fmt::layer().with_writer(std::io::stderr).with_target(false);
    let layer = match logging.log_format {
        LogFormat::Text => layer.boxed(),
        LogFormat::Pretty => layer.pretty().boxed(),
        LogFormat::Json => layer.json().boxed(),
    };
    tracing_subscriber::registry()
        .with(layer.with_filter(targets))
        .try_init()
        .map_err(|error| Problem(format!("cannot log: {error}")))
}
