//! Connections: accepting them, serving them, ending them.

use std::{pin::pin, sync::Arc, time::Duration};

use hyper::{server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
};

use super::{options::Capacity, routes::Routes};

/// How long connections may take to send their last answers.
const LAST_ANSWERS: Duration = Duration::from_secs(2);
/// How long to wait when the system has no more connections to give.
const EXHAUSTED: Duration = Duration::from_millis(100);

/// Serves connections until `stop` is done, and then has the calls that wait answered before it ends them.
pub(super) async fn serve(
    listener: TcpListener,
    routes: Routes,
    capacity: Capacity,
    stop: impl Future<Output = ()>,
) {
    let (stopping, stopped) = watch::channel(());
    let most = u32::try_from(capacity.connections).unwrap_or(u32::MAX);
    let places = Arc::new(Semaphore::new(most as usize));
    let accept = async {
        for connection in 1.. {
            // Nobody closes the semaphore.
            let Ok(place) = places.clone().acquire_owned().await else { return };
            match listener.accept().await {
                Ok((stream, peer)) => {
                    tracing::debug!(%peer, "connected");
                    connect(stream, place, routes.of_connection(connection), &capacity, stopped.clone());
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(EXHAUSTED).await;
                }
            }
        }
    };
    tokio::select! {
        () = stop => {}
        () = accept => {}
    }
    drop(listener);
    routes.handle.stop();
    drop(stopping);
    if tokio::time::timeout(LAST_ANSWERS, places.acquire_many(most)).await.is_err() {
        tracing::debug!("some connections were still busy");
    }
}

fn connect(
    stream: TcpStream,
    place: OwnedSemaphorePermit,
    routes: Routes,
    capacity: &Capacity,
    mut stopped: watch::Receiver<()>,
) {
    // An answer is small, and somebody waits for it.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| routes.clone().call(request));
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(capacity.calls_per_connection)
        .max_header_list_size(capacity.header_size)
        .keep_alive_interval(capacity.keep_alive)
        .keep_alive_timeout(capacity.keep_alive_timeout);
    tokio::spawn(async move {
        if !matches!(tokio::time::timeout(FIRST_BYTES, stream.readable()).await, Ok(Ok(()))) {
            return;
        }
        let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            _ = stopped.changed() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended");
        }
        drop(place);
    });
}

/// How long somebody who connects may take to say anything.
const FIRST_BYTES: Duration = Duration::from_secs(10);
