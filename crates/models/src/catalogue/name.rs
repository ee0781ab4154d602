//! What a model's name is made of: the model itself, and what gateways, servers and makers add to it.

/// A name as it is asked for, taken apart.
pub(super) struct Name<'a> {
    /// The model, with a date or a size perhaps.
    model: &'a str,
    /// What follows a colon: a size with Ollama, an offer with OpenRouter.
    tag: Option<&'a str>,
}

/// Whose figures hold for a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Offer {
    /// The maker's.
    Makers,
    /// A gateway sells the model on terms of its own.
    Gateways,
    /// Somebody's server runs the model. Ollama starts it with 4,096 tokens where graphics memory is scarce, whatever it
    /// could take, and cuts longer conversations in silence (docs.ollama.com/context-length).
    Servers,
}

impl<'a> Name<'a> {
    /// `vendor/model:tag`; there may be more folders before the model.
    pub(super) fn of(name: &'a str) -> Self {
        let last = name.rsplit('/').next().unwrap_or(name);
        match last.split_once(':') {
            Some((model, tag)) => Self { model, tag: Some(tag) },
            None => Self { model: last, tag: None },
        }
    }

    /// Only a tag tells: nothing in a name without one says who runs the model.
    pub(super) fn offer(&self) -> Offer {
        match self.tag {
            None => Offer::Makers,
            // Ollama's own cloud gives a model all that it can take.
            Some(tag) if OPENROUTER_OFFERS.contains(&tag) || tag.ends_with("cloud") => Offer::Gateways,
            Some(_) => Offer::Servers,
        }
    }

    /// The model's name and every shorter one that means the same model, the longest first.
    pub(super) fn candidates(&self) -> impl Iterator<Item = &'a str> {
        let mut rest = Some(self.model);
        std::iter::from_fn(move || {
            let candidate = rest?;
            rest = candidate
                .rfind(['-', '@'])
                .and_then(|cut| is_variant(&candidate[cut + 1..]).then_some(&candidate[..cut]));
            Some(candidate)
        })
    }
}

/// What OpenRouter puts behind a colon (openrouter.ai/docs/guides/routing/model-variants).
const OPENROUTER_OFFERS: &[&str] =
    &["batch", "beta", "exacto", "extended", "floor", "free", "nitro", "online", "thinking"];

/// Words that open weights carry and that do not make another model of them.
const PACKING: &[&str] = &[
    "latest", "instruct", "it", "fp8", "fp4", "bf16", "mxfp4", "nvfp4", "int4", "int8", "awq", "gptq",
    "gguf", "mlx",
];

/// Whether a part of a name is a snapshot's date, a size or a packing.
fn is_variant(part: &str) -> bool {
    let part = part.to_ascii_lowercase();
    is_date(&part) || is_size(&part) || PACKING.contains(&part.as_str())
}

/// Part of a date (`2025-08-07` comes in three parts, `20250807`, `0905`, `2508`) or of a count (`001`). One digit is
/// a version: `claude-opus-4` is not `claude-opus-4-5`.
fn is_date(part: &str) -> bool {
    (2..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
}

/// `480b`, `a35b`, `1t`.
fn is_size(part: &str) -> bool {
    let number = part.strip_prefix('a').unwrap_or(part);
    let Some(number) = number.strip_suffix(['b', 't']) else { return false };
    !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

#[cfg(test)]
mod tests {
    use super::{Name, Offer};

    fn candidates(name: &str) -> Vec<&str> {
        Name::of(name).candidates().collect()
    }

    #[test]
    fn what_a_snapshot_a_gateway_and_a_server_add_is_taken_off() {
        assert_eq!(
            candidates("gpt-5-2025-08-07"),
            ["gpt-5-2025-08-07", "gpt-5-2025-08", "gpt-5-2025", "gpt-5"]
        );
        assert_eq!(candidates("claude-opus-4-1@20250805").last(), Some(&"claude-opus-4-1"));
        assert_eq!(candidates("anthropic/claude-sonnet-4.5:beta"), ["claude-sonnet-4.5"]);
        assert_eq!(candidates("Qwen/Qwen3-Coder-480B-A35B-Instruct-FP8").last(), Some(&"Qwen3-Coder"));
        assert_eq!(candidates("gpt-oss:20b"), ["gpt-oss"]);
    }

    #[test]
    fn a_tag_says_whose_figures_hold() {
        let offer = |name| Name::of(name).offer();
        assert_eq!((offer("openai/gpt-5"), offer("gpt-oss-20b")), (Offer::Makers, Offer::Makers));
        assert_eq!(
            (offer("qwen/qwen3-coder:free"), offer("glm-4.6:cloud")),
            (Offer::Gateways, Offer::Gateways)
        );
        assert_eq!((offer("gpt-oss:20b"), offer("hf.co/unsloth/x:q4_k_m")), (Offer::Servers, Offer::Servers));
    }

    #[test]
    fn what_makes_another_model_stays() {
        for name in ["gpt-5-mini", "gpt-5.7", "claude-opus-4-5", "gpt-5-something", "o3-pro", "qwen3-vl"] {
            assert_eq!(candidates(name), [name]);
        }
    }

    #[test]
    fn an_odd_name_is_no_reason_to_fall_over() {
        for name in ["", "/", ":", "-", "a/", "-5", "é-2025", "a::b", "-12-34"] {
            assert!(candidates(name).len() <= 3, "{name}");
        }
    }
}
