//! What a message cites. OpenAI's models write the addresses into the text, where they stay as they are; other servers
//! name some in the annotations alone. Those would be lost, so they are put under the text.

use serde_json::Value;
use std::fmt::Write as _;

/// How many sources are put under one message.
const MAX_SOURCES: usize = 50;
/// What OpenAI adds to an address.
const TRACE: &str = "utm_source=openai";

/// What becomes of citations that the text does not show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Citations {
    /// They are put under the text.
    PutUnder,
    /// They are left out: the text is to be JSON and nothing else.
    LeaveOut,
}

/// The sources that the annotations of these parts name and the text does not, as what is to follow the text.
pub(crate) fn sources(parts: &Value, text: &str) -> String {
    let annotations =
        parts.as_array().into_iter().flatten().filter_map(|part| part["annotations"].as_array());
    let mut named: Vec<&str> = Vec::new();
    let mut told = String::new();
    for annotation in annotations.flatten().filter(|annotation| annotation["type"] == "url_citation") {
        let Some(url) = annotation["url"].as_str().filter(|url| !url.is_empty()) else { continue };
        let plain = url.trim_end_matches(TRACE).trim_end_matches(['?', '&']);
        if text.contains(plain) || named.contains(&plain) || named.len() == MAX_SOURCES {
            continue;
        }
        named.push(plain);
        told.push_str(if told.is_empty() { "\n\nSources:\n" } else { "\n" });
        let _ = match annotation["title"].as_str().filter(|title| !title.is_empty()) {
            Some(title) => write!(told, "- {title}: {url}"),
            None => write!(told, "- {url}"),
        };
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn cited(text: &str, urls: &[(&str, &str)]) -> String {
        let annotation =
            |(url, title): &(&str, &str)| json!({ "type": "url_citation", "url": url, "title": title });
        let annotations: Vec<Value> = urls.iter().map(annotation).collect();
        sources(&json!([{ "type": "output_text", "text": text, "annotations": annotations }]), text)
    }

    #[test]
    fn address_that_the_text_shows_is_not_repeated() {
        assert_eq!(
            cited(
                "See ([a](https://a.org/?utm_source=openai)).",
                &[("https://a.org/?utm_source=openai", "A")]
            ),
            ""
        );
        assert_eq!(cited("See https://a.org/x.", &[("https://a.org/x?utm_source=openai", "A")]), "");
        assert_eq!(cited("See nothing.", &[]), "");
    }

    #[test]
    fn address_that_only_an_annotation_has_is_put_under_the_text_once() {
        let urls = [
            ("https://a.org/", "A"),
            ("https://b.org/", ""),
            ("https://a.org/?utm_source=openai", "A"),
            ("", "C"),
        ];
        assert_eq!(cited("See.", &urls), "\n\nSources:\n- A: https://a.org/\n- https://b.org/");
    }

    #[test]
    fn other_annotations_are_nobodys_matter() {
        let parts =
            json!([{ "annotations": [{ "type": "file_citation", "url": "https://a.org/" }] }, {}, null]);
        assert_eq!(sources(&parts, ""), "");
        assert_eq!(sources(&Value::Null, ""), "");
    }

    #[test]
    fn number_of_sources_is_bounded() {
        let urls: Vec<String> = (0..200).map(|n| format!("https://a.org/{n}/")).collect();
        let urls: Vec<(&str, &str)> = urls.iter().map(|url| (url.as_str(), "")).collect();
        assert_eq!(cited("", &urls).matches("https://").count(), MAX_SOURCES);
    }
}
