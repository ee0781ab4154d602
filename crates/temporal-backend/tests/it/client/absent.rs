//! absent.
