//! What all parts of one running worker share.

use std::{sync::Arc, time::Duration};

use temporalio_client::Client;
use temporalio_common::protos::temporal::api::history::v1::HistoryEvent;
use tokio::sync::Semaphore;
use tonic::Code;

use super::{Event, Events, Worker, codec::Codec, progress::Progress};
use crate::{cluster::Error, rpc::Rpc, sdk::WorkflowSettings, service::Service};

/// An answer, and the events of its history beside it.
type WithEvents<R> = Result<(Box<<R as Rpc>::Response>, Vec<Arc<HistoryEvent>>), Error>;

/// What all parts of one running worker share.
pub(crate) struct Shared {
    pub(crate) worker: Arc<Worker>,
    pub(crate) service: Service,
    pub(crate) namespace: String,
    pub(crate) identity: String,
    /// The client that activities can ask their context for.
    pub(crate) client: Option<Client>,
    pub(crate) codec: Codec,
    pub(crate) settings: WorkflowSettings,
    pub(crate) progress: Arc<Progress>,
    pub(crate) events: Events,
    /// One permit for each activity that may run at the same time.
    pub(crate) activity_slots: Arc<Semaphore>,
    /// One permit for each local activity that may run at the same time.
    pub(crate) local_activity_slots: Arc<Semaphore>,
}

impl Shared {
    /// Tells the simulation.
    pub(crate) fn report(&self, event: Event) {
        (self.events)(event);
    }

    /// Calls an RPC; tries again what the official client tries again, for up to ten seconds.
    pub(crate) async fn call<R: Rpc + Clone>(&self, request: R) -> Result<Box<R::Response>, Error> {
        self.retry(Some(GIVE_UP_AFTER), || self.service.call(request.clone())).await
    }

    /// Does what [`Self::call`] does with an RPC that answers with a history, whose events it leaves where the server
    /// has them.
    pub(crate) async fn call_for_events<R: Rpc + Clone>(&self, request: R) -> WithEvents<R> {
        self.retry(Some(GIVE_UP_AFTER), || self.service.call_for_events(request.clone())).await
    }

    /// Calls an RPC that waits for a task; tries again for ever.
    pub(crate) async fn poll<R: Rpc + Clone>(&self, request: R) -> Result<Box<R::Response>, Error> {
        self.retry(None, || self.service.call(request.clone())).await
    }

    /// Does what [`Self::poll`] does with an RPC that answers with a history, whose events it leaves where the server
    /// has them.
    pub(crate) async fn poll_for_events<R: Rpc + Clone>(&self, request: R) -> WithEvents<R> {
        self.retry(None, || self.service.call_for_events(request.clone())).await
    }

    async fn retry<T, F: Future<Output = Result<T, Error>>>(
        &self,
        give_up_after: Option<Duration>,
        call: impl Fn() -> F,
    ) -> Result<T, Error> {
        let started = self.service.now();
        let mut pause = FIRST_PAUSE;
        loop {
            match call().await {
                Err(error) if is_transient(error.code) => {
                    let now = self.service.now();
                    if give_up_after.is_some_and(|limit| now.since(started) + pause > limit) {
                        return Err(error);
                    }
                    self.service.sleep_until(now + pause).await;
                    pause = pause.mul_f64(1.7).min(LONGEST_PAUSE);
                }
                answer => return answer,
            }
        }
    }
}

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
const GIVE_UP_AFTER: Duration = Duration::from_secs(10);

fn is_transient(code: Code) -> bool {
    matches!(
        code,
        Code::DataLoss
            | Code::Internal
            | Code::Unknown
            | Code::ResourceExhausted
            | Code::Aborted
            | Code::OutOfRange
            | Code::Unavailable
    )
}
