//! [`Taste`]: what the configuration says of how a thread is shown.

use models::Catalogue;

/// How much of a model's reasoning is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Reasoning {
    /// Nothing.
    Hidden,
    /// What the model tells of it.
    #[default]
    Summary,
    /// The thoughts themselves, where the provider has them.
    Raw,
}

/// What the configuration says of how a thread is shown.
#[derive(Clone)]
pub(crate) struct Taste {
    pub(crate) reasoning: Reasoning,
    /// Knows what tokens cost.
    pub(crate) catalogue: Catalogue,
    /// The thread's model when the view begins.
    pub(crate) model: String,
}
