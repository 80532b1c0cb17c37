//! Visibility: finding runs by what they are and by their search attributes.
//!
//! The server has an index of all runs besides their histories. It knows a run as it started, as its memo
//! and search attributes last changed, and as it closed: that is a [`Record`]. A real server writes the
//! index a moment later than the histories; here it is always up to date.
//!
//! [`Query`] is the language in which runs are looked for. [`Index`] holds the records in the order in
//! which they are listed: open runs first, then those that closed last, and among equals those that started
//! last.

#[cfg(test)]
mod example;
mod full_text;
mod index;
mod list;
mod query;
mod record;

use index::Position;
pub(crate) use index::{Index, Visibility};
pub(crate) use list::Page;
pub(in crate::cluster) use query::sql;
pub(crate) use query::{Filter, Query};
pub(crate) use record::{Closed, Record, stored_attributes};
