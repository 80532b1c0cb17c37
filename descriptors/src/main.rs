//! Compiles the descriptor set.
fn main() {}
