//! Which backend has a thread.
