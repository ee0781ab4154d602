//! [`KeyPath`]: where a setting is, for example `model_providers.openai.base_url`.

use std::fmt;

/// The place of a setting below the top of the configuration. Shown as TOML would write it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyPath(Vec<String>);

impl KeyPath {
    /// A path of bare keys with dots between them, as [`crate::KEYS`] has them.
    pub(crate) fn bare(dotted: &str) -> Self {
        Self(dotted.split('.').map(str::to_owned).collect())
    }

    /// The path one level deeper.
    pub(crate) fn with(&self, segment: impl Into<String>) -> Self {
        let mut segments = Vec::with_capacity(self.0.len() + 1);
        segments.extend_from_slice(&self.0);
        segments.push(segment.into());
        Self(segments)
    }

    /// The path with another one below it.
    pub(crate) fn join(&self, below: &Self) -> Self {
        Self(self.0.iter().chain(&below.0).cloned().collect())
    }

    /// Its keys, the outermost first.
    pub fn segments(&self) -> &[String] {
        &self.0
    }

    /// The innermost key; empty for the top itself.
    pub fn last(&self) -> &str {
        self.0.last().map_or("", String::as_str)
    }

    /// Whether it is `other` or lies below it.
    pub fn is_within(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }

    /// The tables around it, the innermost first, without the top.
    pub(crate) fn parents(&self) -> impl Iterator<Item = Self> {
        (1..self.0.len()).rev().map(|length| Self(self.0[..length].to_vec()))
    }

    /// Whether it is one that a pattern with `*` for any key stands for.
    pub(crate) fn fits(&self, pattern: &str) -> bool {
        let mut rest = self.0.iter();
        pattern.split('.').all(|wanted| rest.next().is_some_and(|key| wanted == "*" || wanted == key))
            && rest.next().is_none()
    }

    /// Whether a pattern stands for something below it.
    pub(crate) fn is_above(&self, pattern: &str) -> bool {
        let mut wanted = pattern.split('.');
        self.0.iter().all(|key| wanted.next().is_some_and(|wanted| wanted == "*" || wanted == key))
            && wanted.next().is_some()
    }
}

impl FromIterator<String> for KeyPath {
    fn from_iter<I: IntoIterator<Item = String>>(segments: I) -> Self {
        Self(segments.into_iter().collect())
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, segment) in self.0.iter().enumerate() {
            if index > 0 {
                out.write_str(".")?;
            }
            if is_bare(segment) {
                out.write_str(segment)?;
            } else {
                write!(out, "{}", crate::value::quoted(segment))?;
            }
        }
        Ok(())
    }
}

/// Whether TOML takes a key without quotes.
fn is_bare(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_exactly_one_key() {
        let path = KeyPath::bare("model_providers.openai.base_url");
        assert!(path.fits("model_providers.*.base_url"));
        assert!(!path.fits("model_providers.*"));
        assert!(!path.fits("model_providers.*.*.base_url"));
        assert!(KeyPath::bare("model_providers.x").is_above("model_providers.*.base_url"));
        assert!(!path.is_above("model_providers.*.base_url"));
        assert!(KeyPath::default().is_above("model"));
    }

    #[test]
    fn keys_that_need_quotes_are_shown_with_them() {
        let path = KeyPath::bare("models").with("gpt-5.1").with("say \"hi\"\n");
        assert_eq!(path.to_string(), r#"models."gpt-5.1"."say \"hi\"\n""#);
        assert_eq!(
            path.parents().map(|path| path.to_string()).collect::<Vec<_>>(),
            [r#"models."gpt-5.1""#, "models"]
        );
    }
}
