//! What all parts of one running worker share.

use std::{cell::Cell, sync::Arc, time::Duration};

use futures_util::FutureExt as _;
use temporalio_client::Client;
use temporalio_common::protos::temporal::api::history::v1::HistoryEvent;
use tokio::sync::Semaphore;
use tonic::Code;

use super::{
    Event, Events, Ledger, Worker, codec::Codec, payload_limits::PayloadLimits, progress::Progress,
    shutdown::Shutdown, stalls::Stalls,
};
use crate::{
    clock::Time,
    cluster::Error,
    faults::Injector,
    overrides::Overrides,
    rpc::{Request, Response, Rpc},
    sdk::WorkflowSettings,
    service::{Asked, Failed, Service, mismatched},
};

/// An answer, and the events of its history, which are left where the cluster has them.
pub(crate) type WithEvents<R> = (Box<<R as Rpc>::Response>, Vec<Arc<HistoryEvent>>);

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
    /// What is changed about the options of local activities.
    pub(crate) overrides: Overrides,
    /// What goes wrong.
    pub(crate) faults: Injector,
    /// When the worker forgets its workflows, each time with the fault that says so.
    pub(crate) evictions: Arc<[(Time, usize)]>,
    /// How many of these are over.
    pub(crate) evicted: Cell<usize>,
    /// What activity code does.
    pub(crate) ledger: Ledger,
    /// When its polls do not get through.
    pub(crate) stalls: Stalls,
    pub(crate) progress: Arc<Progress>,
    pub(crate) events: Events,
    /// One permit for each activity that may run at the same time.
    pub(crate) activity_slots: Arc<Semaphore>,
    /// One permit for each local activity that may run at the same time.
    pub(crate) local_activity_slots: Arc<Semaphore>,
    /// What is not sent to the server.
    pub(crate) payload_limits: PayloadLimits,
    pub(crate) shutdown: Shutdown,
}

impl Shared {
    /// Tells the simulation.
    pub(crate) fn report(&self, event: Event) {
        (self.events)(event);
    }

    /// Resolves when a fault makes the worker forget its workflows.
    pub(crate) async fn next_eviction(&self) {
        let Some(&(at, _)) = self.evictions.get(self.evicted.get()) else {
            return std::future::pending().await;
        };
        self.service.reaches(at).await;
        if self.faults.is_stopped() {
            return std::future::pending().await;
        }
        // Whatever else is due forgets the same workflows.
        let due = self.evictions[self.evicted.get()..].iter().take_while(|(due, _)| *due == at);
        for (_, fault) in due {
            self.faults.happened(*fault);
            self.evicted.set(self.evicted.get() + 1);
        }
    }

    /// Calls an RPC; tries again what the official client tries again, for up to ten seconds.
    pub(crate) fn call<R: Rpc>(&self, request: R) -> impl Future<Output = Result<Box<R::Response>, Error>> {
        self.call_for_events(request).map(|answered| Ok(answered?.0))
    }

    /// Does the same with an RPC that answers with a history, whose events it leaves where the server has them.
    pub(crate) fn call_for_events<R: Rpc>(
        &self,
        request: R,
    ) -> impl Future<Output = Result<WithEvents<R>, Error>> {
        self.send(Box::new(request).into_request()).map(|answered| with_events::<R>(answered?))
    }

    /// Calls an RPC that waits for a task; tries again for ever.
    pub(crate) fn poll<R: Rpc>(&self, request: R) -> impl Future<Output = Result<WithEvents<R>, Error>> {
        self.retry(Box::new(request).into_request(), None).map(|answered| with_events::<R>(answered?))
    }

    /// Does what [`Self::call`] does, with any RPC.
    pub(crate) fn send(&self, request: Request) -> impl Future<Output = Result<Response, Error>> {
        self.retry(request, Some(GIVE_UP_AFTER))
    }

    /// Sleeps until a virtual time; for ever, if there is none.
    pub(crate) async fn sleep_until(&self, time: Option<Time>) {
        match time {
            Some(time) => self.service.sleep_until(time).await,
            None => std::future::pending().await,
        }
    }

    async fn retry(&self, request: Request, give_up_after: Option<Duration>) -> Result<Response, Error> {
        let started = self.service.now();
        let mut pause = FIRST_PAUSE;
        let mut asked = Asked::Once(request);
        loop {
            match self.service.call_from_worker(asked).await {
                Ok(answer) => return Ok(answer),
                Err(Failed { error, request: Some(again) }) if is_transient(error.code) => {
                    let now = self.service.now();
                    if give_up_after.is_some_and(|limit| now.since(started) + pause > limit) {
                        return Err(error);
                    }
                    self.service.sleep_until(now + pause).await;
                    pause = pause.mul_f64(1.7).min(LONGEST_PAUSE);
                    asked = Asked::Again(again);
                }
                Err(failed) => return Err(failed.error),
            }
        }
    }
}

fn with_events<R: Rpc>(answer: Response) -> Result<WithEvents<R>, Error> {
    let Response { message, events } = answer;
    Ok((R::message(message).ok_or_else(|| mismatched(R::NAME))?, events))
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
