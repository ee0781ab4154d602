//! [`ModelInfo`]: the answer of the catalogue, and [`ModelOverrides`]: what it is put together from.

use agent_core::{Effort, TokenUsage};
use serde::Deserialize;

/// What is known of a model.
///
/// Nothing is claimed of a model that is not in the catalogue, but a turn has to run all the same. Assumed is what
/// costs least where it is wrong:
///
/// * no window, no output limit, no price: a wrong figure would cut conversations or misstate a bill;
/// * parallel calls, because a model that makes one at a time makes one at a time;
/// * images, because a provider that takes none says so, while a picture left out would be missed in silence;
/// * no reasoning parameter and no free-form tools, because many providers refuse a request that has either. An effort
///   that the user asks for by name is the user's word and may be sent all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelInfo {
    /// The name that was asked for.
    pub name: String,
    /// Whether the catalogue has it, apart from the user's settings.
    pub known: bool,
    /// Tokens that a conversation and its answer may have together; `None` where unknown. What is left for the
    /// conversation is this less [`max_output_tokens`](Self::max_output_tokens): OpenAI takes 272,000 tokens of prompt
    /// for a window of 400,000.
    pub context_window: Option<u64>,
    /// Tokens that one answer may have, reasoning included; `None` where unknown.
    pub max_output_tokens: Option<u64>,
    /// Whether it makes several calls in one response.
    pub parallel_tool_calls: bool,
    /// Whether it reasons, so that reasoning may be asked for.
    pub reasoning: bool,
    /// The efforts it takes, from little to much; empty where it takes none or they are unknown.
    pub efforts: Vec<Effort>,
    /// Whether it takes tools whose input is free text (custom tools of the Responses API).
    pub freeform_tools: bool,
    /// Whether it sees images.
    pub images: bool,
    /// What its maker asks for it; `None` where unknown, and where it depends on who runs it.
    pub price: Option<Price>,
}

impl ModelInfo {
    /// What to tell the user of a model whose window nobody knows.
    pub fn advice(&self) -> Option<String> {
        let name = &self.name;
        if self.context_window.is_some() {
            return None;
        }
        let why = if self.known {
            "is run by a server that was started with a window of its own"
        } else {
            "is not in the catalogue"
        };
        Some(format!("model {name} {why}: context window unknown; set models.\"{name}\".context_window"))
    }
}

/// What tokens cost, in micro-dollars for a million of them: 1,250,000 is $1.25.
///
/// The plain price: no batches, no priority, no surcharge for long prompts or for writing to a cache. What it adds up
/// to is an estimate, the provider's bill is the truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    /// Tokens sent.
    pub input: u64,
    /// Tokens sent that the provider had in its cache.
    pub cached_input: u64,
    /// Tokens received, reasoning included.
    pub output: u64,
}

impl Price {
    /// What these tokens cost, in micro-dollars, rounded up.
    pub fn cost(&self, usage: &TokenUsage) -> u64 {
        const TOKENS: u128 = 1_000_000;
        let cached = usage.cached.min(usage.input);
        let part = |tokens: u64, price: u64| u128::from(tokens) * u128::from(price);
        let sum = part(usage.input - cached, self.input)
            .saturating_add(part(cached, self.cached_input))
            .saturating_add(part(usage.output, self.output));
        u64::try_from(sum.div_ceil(TOKENS)).unwrap_or(u64::MAX)
    }
}

/// What is said of a price; units as in [`Price`]. There is a price where input and output have one; where cached input
/// has none, it costs what input costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PriceOverrides {
    /// See [`Price::input`].
    pub input: Option<u64>,
    /// See [`Price::cached_input`].
    pub cached_input: Option<u64>,
    /// See [`Price::output`].
    pub output: Option<u64>,
}

impl PriceOverrides {
    fn over(self, below: Self) -> Self {
        Self {
            input: self.input.or(below.input),
            cached_input: self.cached_input.or(below.cached_input),
            output: self.output.or(below.output),
        }
    }

    fn price(self) -> Option<Price> {
        let (input, output) = (self.input?, self.output?);
        Some(Price { input, cached_input: self.cached_input.unwrap_or(input), output })
    }
}

/// What is said of a model, in the catalogue's own table or in the user's settings. What is `None` is not said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ModelOverrides {
    /// See [`ModelInfo::context_window`].
    pub context_window: Option<u64>,
    /// See [`ModelInfo::max_output_tokens`].
    pub max_output_tokens: Option<u64>,
    /// See [`ModelInfo::parallel_tool_calls`].
    pub parallel_tool_calls: Option<bool>,
    /// See [`ModelInfo::reasoning`]; where it is `None`, a model with efforts reasons.
    pub reasoning: Option<bool>,
    /// See [`ModelInfo::efforts`].
    pub efforts: Option<Vec<Effort>>,
    /// See [`ModelInfo::freeform_tools`].
    pub freeform_tools: Option<bool>,
    /// See [`ModelInfo::images`].
    pub images: Option<bool>,
    /// See [`ModelInfo::price`].
    pub price: PriceOverrides,
}

impl ModelOverrides {
    /// What this says, and what `below` says where this is silent.
    pub(super) fn over(self, below: &Self) -> Self {
        Self {
            context_window: self.context_window.or(below.context_window),
            max_output_tokens: self.max_output_tokens.or(below.max_output_tokens),
            parallel_tool_calls: self.parallel_tool_calls.or(below.parallel_tool_calls),
            reasoning: self.reasoning.or(below.reasoning),
            efforts: self.efforts.or_else(|| below.efforts.clone()),
            freeform_tools: self.freeform_tools.or(below.freeform_tools),
            images: self.images.or(below.images),
            price: self.price.over(below.price),
        }
    }

    pub(super) fn info(self, name: &str, known: bool) -> ModelInfo {
        let efforts = self.efforts.unwrap_or_default();
        ModelInfo {
            name: name.to_owned(),
            known,
            context_window: self.context_window,
            max_output_tokens: self.max_output_tokens,
            parallel_tool_calls: self.parallel_tool_calls.unwrap_or(true),
            reasoning: self.reasoning.unwrap_or(!efforts.is_empty()),
            efforts,
            freeform_tools: self.freeform_tools.unwrap_or(false),
            images: self.images.unwrap_or(true),
            price: self.price.price(),
        }
    }
}
