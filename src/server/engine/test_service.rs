//! The TestService: clients lock time, skip it and sleep in it.

use std::collections::BTreeMap;

use prost::Message as _;
use temporalio_common::protos::temporal::api::testservice::v1::{
    GetCurrentTimeResponse, LockTimeSkippingResponse, SleepRequest, SleepResponse, SleepUntilRequest,
    UnlockTimeSkippingResponse,
};

use super::clock::Clock;
use crate::{
    clock::{self, Time},
    cluster::{CallId, Error},
};

/// What clients ask of the TestService.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::server) enum TestCall {
    /// Keeps time from being skipped, until it is unlocked once more.
    Lock,
    /// Takes one lock away.
    Unlock,
    /// Takes one lock away for as long as the sleep takes.
    UnlockWithSleep(std::time::Duration),
    /// Is answered so much later.
    Sleep(std::time::Duration),
    /// Is answered at this time.
    SleepUntil(Time),
    /// What time it is.
    GetCurrentTime,
}

impl TestCall {
    /// Reads a call of the TestService.
    ///
    /// # Errors
    ///
    /// UNIMPLEMENTED if there is no such RPC, INTERNAL if the bytes are no request of it.
    pub(in crate::server) fn decode(rpc: &str, request: &[u8]) -> Result<Self, Error> {
        let malformed = |error| Error::internal(format!("cannot decode the request of {rpc}: {error}"));
        let sleep = || {
            SleepRequest::decode(request)
                .map(|sleep| clock::duration(sleep.duration.as_ref()))
                .map_err(malformed)
        };
        Ok(match rpc {
            "LockTimeSkipping" => Self::Lock,
            "UnlockTimeSkipping" => Self::Unlock,
            "UnlockTimeSkippingWithSleep" => Self::UnlockWithSleep(sleep()?),
            "Sleep" => Self::Sleep(sleep()?),
            "SleepUntil" => {
                let request = SleepUntilRequest::decode(request).map_err(malformed)?;
                Self::SleepUntil(Time::from_proto(&request.timestamp.unwrap_or_default()))
            }
            "GetCurrentTime" => Self::GetCurrentTime,
            _ => return Err(Error::unimplemented(rpc)),
        })
    }
}

/// Calls that sleep in the cluster's time.
#[derive(Debug, Default)]
pub(super) struct Sleeps {
    by_end: BTreeMap<(Time, CallId), Sleep>,
}

#[derive(Debug)]
struct Sleep {
    /// Whether time is locked again at its end.
    locks: bool,
    /// Whether somebody still waits for it.
    is_awaited: bool,
}

impl Sleeps {
    /// Does what a call asks; `None` if it sleeps now.
    pub(super) fn call(
        &mut self,
        now: Time,
        clock: &mut Clock,
        id: CallId,
        call: TestCall,
    ) -> Option<Result<Vec<u8>, Error>> {
        match call {
            TestCall::Lock => {
                clock.lock();
                Some(Ok(LockTimeSkippingResponse {}.encode_to_vec()))
            }
            TestCall::Unlock => Some(match clock.unlock() {
                Ok(()) => Ok(UnlockTimeSkippingResponse {}.encode_to_vec()),
                Err(_) => Err(Error::failed_precondition(
                    "time is not locked: UnlockTimeSkipping was called more often than LockTimeSkipping",
                )),
            }),
            TestCall::GetCurrentTime => {
                Some(Ok(GetCurrentTimeResponse { time: Some(now.to_proto()) }.encode_to_vec()))
            }
            TestCall::UnlockWithSleep(duration) => {
                let locks = clock.unlock().is_ok();
                self.sleep(now + duration, id, locks)
            }
            TestCall::Sleep(duration) => self.sleep(now + duration, id, false),
            TestCall::SleepUntil(time) if time <= now => Some(Ok(SleepResponse {}.encode_to_vec())),
            TestCall::SleepUntil(time) => self.sleep(time, id, false),
        }
    }

    fn sleep<T>(&mut self, end: Time, id: CallId, locks: bool) -> Option<T> {
        self.by_end.insert((end, id), Sleep { locks, is_awaited: true });
        None
    }

    /// When the first of them ends.
    pub(super) fn next_end(&self) -> Option<Time> {
        self.by_end.first_key_value().map(|((end, _), _)| *end)
    }

    /// Ends the sleeps whose time has come; answers with the calls that are over.
    pub(super) fn end(&mut self, now: Time, clock: &mut Clock) -> Vec<(CallId, Vec<u8>)> {
        let mut ended = Vec::new();
        while let Some(first) = self.by_end.first_entry()
            && first.key().0 <= now
        {
            let ((_, id), sleep) = first.remove_entry();
            if sleep.locks {
                clock.lock();
            }
            if sleep.is_awaited {
                ended.push((id, SleepResponse {}.encode_to_vec()));
            }
        }
        ended
    }

    /// A caller went away. Its sleep goes on if time has to be locked again at its end.
    pub(super) fn forget(&mut self, call: CallId) {
        self.by_end.retain(|(_, id), sleep| {
            sleep.is_awaited &= *id != call;
            sleep.is_awaited || sleep.locks
        });
    }

    /// Ends all calls that sleep, whether it is time or not.
    pub(super) fn end_all(&mut self) -> Vec<(CallId, Vec<u8>)> {
        let all = std::mem::take(&mut self.by_end).into_iter();
        all.filter(|(_, sleep)| sleep.is_awaited)
            .map(|((_, id), _)| (id, SleepResponse {}.encode_to_vec()))
            .collect()
    }
}
