//! Schedules.

mod calendar;
mod notation;
mod spec;
