//! The options of the official SDK, each seen to do what its documentation says.

mod activities;
mod book;
mod starts;
mod workers;

use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(60 * 60);
