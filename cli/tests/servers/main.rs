//! The servers of the binary, as processes.

mod command_line;
mod harness;
mod interop;
mod kill;
mod load;
mod rubbish;
mod transport;
