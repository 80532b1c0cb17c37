//! Tests of the cluster as a whole.
