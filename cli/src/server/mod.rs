//! `temporal-sim server …` and `temporal-sim test-server …`

mod logs;
mod parent;
mod settings;

use std::{
    collections::BTreeMap,
    io::IsTerminal as _,
    net::{Ipv4Addr, SocketAddr},
    sync::Mutex,
};

use temporal_sim::server::{Options, SearchAttributeType, Server, ServerTime};
use tokio::sync::oneshot;

use self::parent::Parent;
use crate::{
    Outcome, Problem,
    args::{StartDev, TestServer},
    output::Output,
};

/// The version of the server that is imitated.
const SERVER_VERSION: &str = "1.32.0";

pub(crate) fn start_dev(arguments: &StartDev, output: &Output) -> Result<Outcome, Problem> {
    logs::start(&arguments.logging)?;
    let mut options = Options::default();
    options.address = SocketAddr::new(arguments.ip, arguments.port);
    options.namespaces.clone_from(&arguments.namespace);
    options.search_attributes = search_attributes(&arguments.search_attribute)?;
    options.file.clone_from(&arguments.db_filename);
    options.seed = seed(arguments.seed)?;
    if arguments.time_skipping {
        options.time = ServerTime::Skipping { locked: false };
    }
    let mut without_effect = arguments.elsewhere.given().join(", ");
    for (key, value) in &arguments.dynamic_config_value {
        if !settings::apply(&mut options.limits, key, value)? {
            without_effect.push_str(if without_effect.is_empty() { "" } else { ", " });
            without_effect.push_str(key);
        }
    }
    if !without_effect.is_empty() {
        tracing::info!("without effect here: {without_effect}");
    }
    let seed = options.seed;
    run(options, async move |server| {
        let address = match server.address() {
            local if local.ip() == Ipv4Addr::LOCALHOST => format!("localhost:{}", local.port()),
            address => address.to_string(),
        };
        let mut lines = format!(
            "temporal-sim {} (Server {SERVER_VERSION})\n\nServer:   {address}\nTime:     {}\nSeed:     {seed}\n",
            env!("CARGO_PKG_VERSION"),
            if arguments.time_skipping { "skipped when nothing happens" } else { "real" },
        );
        if let Some(file) = &arguments.db_filename {
            lines += &format!("Database: {} ({} inputs)\n", file.display(), server.recovered());
        }
        output.write(&lines)?;
        server.run(stop_signal()?).await?;
        Ok(())
    })
}

pub(crate) fn test_server(arguments: &TestServer, output: &Output) -> Result<Outcome, Problem> {
    let parent = Parent::now();
    logs::start(&arguments.logging)?;
    let mut options = Options::default();
    options.address = SocketAddr::from((Ipv4Addr::LOCALHOST, arguments.port));
    options.time = ServerTime::Skipping { locked: !arguments.enable_time_skipping };
    options.any_namespace = true;
    options.deletes_closed_runs = false;
    options.seed = seed(arguments.seed)?;
    run(options, async |server| {
        // Whoever starts it by hand wants to know that it runs; the output of a test is not the place to say so.
        if arguments.enable_time_skipping || std::io::stdout().is_terminal() {
            let time = if arguments.enable_time_skipping { "skipped" } else { "locked" };
            output.write(&format!("Test server: {}, time {time}\n", server.address()))?;
        }
        let signal = stop_signal()?;
        if arguments.enable_time_skipping || arguments.outlive_parent {
            server.run(signal).await?;
        } else {
            let stop = async {
                tokio::select! {
                    () = signal => {}
                    () = parent.gone() => {}
                }
            };
            server.run(stop).await?;
        }
        Ok(())
    })
}

/// Runs a server on this thread.
fn run(options: Options, serve: impl AsyncFnOnce(Server) -> Result<(), Problem>) -> Result<Outcome, Problem> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let server = Server::bind(options).await?;
        serve(server).await?;
        Ok(Outcome::Fine)
    })
}

/// Resolves when somebody wants the program to stop.
fn stop_signal() -> Result<impl Future<Output = ()>, Problem> {
    let (sender, receiver) = oneshot::channel();
    let sender = Mutex::new(Some(sender));
    ctrlc::set_handler(move || {
        if let Some(sender) = sender.lock().ok().and_then(|mut sender| sender.take()) {
            let _ = sender.send(());
        } else {
            // Whoever asks twice does not want to wait.
            std::process::exit(1);
        }
    })?;
    Ok(async move { drop(receiver.await) })
}

fn seed(given: Option<u64>) -> Result<u64, Problem> {
    match given {
        Some(seed) => Ok(seed),
        None => getrandom::u64()
            .map_err(|error| Problem(format!("cannot draw a seed: {error}; give one with --seed"))),
    }
}

fn search_attributes(given: &[(String, String)]) -> Result<BTreeMap<String, SearchAttributeType>, Problem> {
    let typed = |(name, kind): &(String, String)| {
        let known = SearchAttributeType::ALL.iter().find(|(known, _)| known.eq_ignore_ascii_case(kind));
        known.map(|(_, kind)| (name.clone(), *kind)).ok_or_else(|| {
            let all = SearchAttributeType::ALL.map(|(name, _)| name).join(", ");
            Problem(format!("--search-attribute {name}={kind}: there is no such type; there are {all}"))
        })
    };
    given.iter().map(typed).collect()
}
