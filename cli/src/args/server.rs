//! What can be said to servers.

use std::{net::IpAddr, path::PathBuf};

use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Subcommand)]
pub(crate) enum Server {
    /// Starts a server with everything in one process, as `temporal server start-dev` does.
    #[command(after_help = START_DEV)]
    StartDev(Box<StartDev>),
}

#[derive(Debug, Args)]
pub(crate) struct StartDev {
    /// The port for gRPC; 0 for one that is free.
    #[arg(long, short, default_value_t = 7233)]
    pub(crate) port: u16,
    /// The address to listen at. Others than those of this machine let everybody in who can reach them.
    #[arg(long, default_value = "localhost", value_parser = parse_ip)]
    pub(crate) ip: IpAddr,
    /// A namespace to have from the start, besides `default`. Can be given several times.
    #[arg(long, short, value_name = "NAMESPACE")]
    pub(crate) namespace: Vec<String>,
    /// A custom search attribute to have from the start: `CustomerId=Keyword`. Can be given several times.
    #[arg(long, value_name = "NAME=TYPE", value_parser = parse_pair)]
    pub(crate) search_attribute: Vec<(String, String)>,
    /// The file in which histories survive a restart. Without it they do not.
    #[arg(long, short = 'f', value_name = "FILE")]
    pub(crate) db_filename: Option<PathBuf>,
    /// Skips the time in which nothing happens. Clients can lock it, with the TestService.
    #[arg(long)]
    pub(crate) time_skipping: bool,
    /// Where ids come from. Default: drawn by chance.
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Changes a setting of the server: `limit.historyCount.error=100`. Those that have no meaning here are named when the
    /// server starts. Can be given several times.
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_pair)]
    pub(crate) dynamic_config_value: Vec<(String, String)>,
    #[command(flatten)]
    pub(crate) logging: Logging,
    #[command(flatten)]
    pub(crate) elsewhere: Elsewhere,
}

/// What the dev server of the Temporal CLI takes and what means nothing here.
#[derive(Debug, Args)]
#[command(next_help_heading = "Accepted, without effect")]
pub(crate) struct Elsewhere {
    /// There is no Web UI.
    #[arg(long)]
    pub(crate) headless: bool,
    /// There is no Web UI.
    #[arg(long, value_name = "PORT")]
    pub(crate) ui_port: Option<u16>,
    /// There is no Web UI.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) ui_ip: Option<String>,
    /// There is no Web UI.
    #[arg(long, value_name = "PATH")]
    pub(crate) ui_public_path: Option<String>,
    /// There is no Web UI.
    #[arg(long, value_name = "PATH")]
    pub(crate) ui_asset_path: Option<String>,
    /// There is no Web UI.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) ui_codec_endpoint: Option<String>,
    /// There is no HTTP API.
    #[arg(long, value_name = "PORT")]
    pub(crate) http_port: Option<u16>,
    /// There are no metrics.
    #[arg(long, value_name = "PORT")]
    pub(crate) metrics_port: Option<u16>,
    /// There is no SQLite.
    #[arg(long, value_name = "PRAGMA=VALUE")]
    pub(crate) sqlite_pragma: Vec<String>,
    /// There is no configuration to log.
    #[arg(long)]
    pub(crate) log_config: bool,
}

impl Elsewhere {
    /// The names of the options that were given.
    pub(crate) fn given(&self) -> Vec<&'static str> {
        let Self {
            headless,
            ui_port,
            ui_ip,
            ui_public_path,
            ui_asset_path,
            ui_codec_endpoint,
            http_port,
            metrics_port,
            sqlite_pragma,
            log_config,
        } = self;
        let given = [
            ("--headless", *headless),
            ("--ui-port", ui_port.is_some()),
            ("--ui-ip", ui_ip.is_some()),
            ("--ui-public-path", ui_public_path.is_some()),
            ("--ui-asset-path", ui_asset_path.is_some()),
            ("--ui-codec-endpoint", ui_codec_endpoint.is_some()),
            ("--http-port", http_port.is_some()),
            ("--metrics-port", metrics_port.is_some()),
            ("--sqlite-pragma", !sqlite_pragma.is_empty()),
            ("--log-config", *log_config),
        ];
        given.into_iter().filter_map(|(name, given)| given.then_some(name)).collect()
    }
}

/// What servers log, to standard error.
#[derive(Debug, Args)]
pub(crate) struct Logging {
    /// From which level on to log.
    #[arg(long, value_name = "LEVEL", default_value = "warn", ignore_case = true)]
    pub(crate) log_level: LogLevel,
    /// In which form to log.
    #[arg(long, value_name = "FORM", default_value = "text")]
    pub(crate) log_format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogLevel {
    /// Each call.
    Debug,
    Info,
    /// What may be a mistake of whoever calls.
    Warn,
    Error,
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// One line each.
    Text,
    /// Several lines each, for people.
    Pretty,
    /// One JSON object each, for programs.
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct TestServer {
    /// The port of 127.0.0.1; 0 for one that is free.
    pub(crate) port: u16,
    /// Skips time from the start. Otherwise it is locked until a client unlocks it.
    #[arg(long)]
    pub(crate) enable_time_skipping: bool,
    /// Where ids come from. Default: drawn by chance.
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Goes on when the process is gone that has started the server. So it does with --enable-time-skipping, too.
    #[arg(long)]
    pub(crate) outlive_parent: bool,
    #[command(flatten)]
    pub(crate) logging: Logging,
}

fn parse_ip(text: &str) -> Result<IpAddr, String> {
    if text.eq_ignore_ascii_case("localhost") {
        return Ok(IpAddr::from([127, 0, 0, 1]));
    }
    text.parse().map_err(|_| "is neither an IP address nor `localhost`".to_owned())
}

fn parse_pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("has no `=`")?;
    if name.is_empty() { Err("has no name".to_owned()) } else { Ok((name.to_owned(), value.to_owned())) }
}

const START_DEV: &str = "\
Everything is in memory unless there is a --db-filename, and only this machine can connect unless there is an --ip.

Examples:
  temporal-sim server start-dev
  temporal-sim server start-dev --namespace payments --search-attribute CustomerId=Keyword
  temporal-sim server start-dev --time-skipping --seed 7
  temporal-sim server start-dev --db-filename payments.db";

pub(super) const TEST_SERVER: &str = "\
SDKs start it by themselves: Python with `test_server_existing_path`, TypeScript with an executable of type \
`existing-path`, .NET with `TestServer.ExistingPath`. Or it is there under the name of what they download.

Examples:
  temporal-sim 7233 --enable-time-skipping
  ln -s $(which temporal-sim) /tmp/temporal-test-server-sdk-python-1.31.0";
