//! What may happen to a call on its way to the cluster and back.

use std::time::Duration;

use crate::{clock::Time, cluster::Error, rpc::Request};

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller {
    /// The simulation itself, for its test: such calls never go wrong.
    Simulation,
    /// A client.
    Client,
    /// A worker of the simulation.
    Worker,
}

/// How a call gets through.
#[derive(Debug, Clone)]
pub(crate) enum Passage {
    /// As it should.
    Deliver,
    /// The request reaches the cluster so much later, unless the caller has given up by then.
    Delay(Duration),
    /// The request never reaches the cluster, and the caller gets this error.
    Refuse(Error),
    /// The cluster does what it is asked, and the caller gets this error in place of the answer.
    LoseAnswer(Error),
    /// The request reaches the cluster twice; the caller gets the first answer.
    Twice,
    /// The request reaches the cluster, and so much later once more, under ids of its own.
    Repeat(Duration),
    /// The caller gets this error, and the request reaches the cluster so much later.
    Overtaken(Duration, Error),
}

/// Looks at each call as it comes in, and decides how it gets through.
pub(crate) type Interceptor = Box<dyn FnMut(Time, Caller, &Request) -> Passage + Send>;

/// Changes a request before anything else happens to it.
pub(super) type Rewriter = Box<dyn FnMut(&mut Request) + Send>;

/// Asks all interceptors in turn; the first that has something against a plain delivery decides.
pub(super) fn intercept(
    interceptors: &mut [Interceptor],
    now: Time,
    caller: Caller,
    request: &Request,
) -> Passage {
    for interceptor in interceptors {
        match interceptor(now, caller, request) {
            Passage::Deliver => {}
            passage => return passage,
        }
    }
    Passage::Deliver
}
