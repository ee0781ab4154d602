//! The same loop inside a Temporal workflow.
