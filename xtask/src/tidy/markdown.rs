//! What the check of links needs from a Markdown file: its links, and the anchors GitHub gives its headings.

use std::collections::{BTreeMap, BTreeSet};

use pulldown_cmark::{BrokenLink, Event, LinkType, Options, Parser, Tag, TagEnd};

/// One Markdown file, read once.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Document {
    pub(crate) links: Vec<Link>,
    /// Without the `#`.
    pub(crate) anchors: BTreeSet<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) line: usize,
    pub(crate) target: Target,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// What the link says, undecoded.
    Address(String),
    /// `[text][label]` where nothing defines the label; GitHub shows the brackets.
    UndefinedLabel(String),
}

impl Document {
    pub(crate) fn parse(text: &str) -> Self {
        let options = Options::ENABLE_TABLES
            | Options::ENABLE_FOOTNOTES
            | Options::ENABLE_STRIKETHROUGH
            | Options::ENABLE_TASKLISTS
            | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS;
        let mut undefined = Vec::new();
        let mut on_broken = |broken: BrokenLink<'_>| {
            // `[x]` alone is more often text or a task than a link.
            if broken.link_type == LinkType::Reference {
                undefined.push((broken.span.start, broken.reference.to_string()));
            }
            None
        };
        let parser = Parser::new_with_broken_link_callback(text, options, Some(&mut on_broken));
        let mut document = Self::default();
        let mut slugs = Slugs::default();
        let mut heading: Option<String> = None;
        for (event, range) in parser.into_offset_iter() {
            let line = line_at(text, range.start);
            match event {
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    document.link(line, &dest_url);
                }
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => {
                    document.anchors.extend(heading.take().map(|text| slugs.add(&text)));
                }
                Event::Text(part) | Event::Code(part) => {
                    if let Some(heading) = &mut heading {
                        heading.push_str(&part);
                    }
                }
                Event::Html(html) | Event::InlineHtml(html) => {
                    for name in ["href", "src"] {
                        attribute_values(&html, name).for_each(|url| document.link(line, url));
                    }
                    for name in ["id", "name"] {
                        document.anchors.extend(attribute_values(&html, name).map(str::to_owned));
                    }
                }
                _ => {}
            }
        }
        document.links.extend(undefined.into_iter().map(|(offset, label)| Link {
            line: line_at(text, offset),
            target: Target::UndefinedLabel(label),
        }));
        document
    }

    fn link(&mut self, line: usize, address: &str) {
        self.links.push(Link { line, target: Target::Address(address.to_owned()) });
    }
}

fn line_at(text: &str, offset: usize) -> usize {
    text[..offset].matches('\n').count() + 1
}

/// The anchors already given, since GitHub numbers equal headings.
#[derive(Default)]
struct Slugs {
    seen: BTreeMap<String, usize>,
}

impl Slugs {
    fn add(&mut self, heading: &str) -> String {
        let slug: String = heading
            .trim()
            .to_lowercase()
            .chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
            .map(|c| if c == ' ' { '-' } else { c })
            .collect();
        let count = self.seen.entry(slug.clone()).or_default();
        *count += 1;
        if *count == 1 { slug } else { format!("{slug}-{}", *count - 1) }
    }
}

/// The values of `name="value"` in a piece of HTML; good enough for the tags people write in Markdown.
fn attribute_values<'a>(html: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    html.match_indices(name).filter_map(move |(start, _)| {
        if !html[..start].ends_with(|c: char| c.is_ascii_whitespace()) {
            return None;
        }
        let value = html[start + name.len()..].trim_start().strip_prefix('=')?.trim_start();
        let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        value[1..].split(quote).next()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_get_the_anchors_of_github() {
        let text =
            "# The `tidy` check, *again*\n## A/B & C\n## A/B & C\nSetext\n======\n<a id=\"here\"></a>\n";
        let anchors = Document::parse(text).anchors;
        let expected = ["the-tidy-check-again", "ab--c", "ab--c-1", "setext", "here"];
        assert_eq!(anchors, expected.map(str::to_owned).into());
    }

    #[test]
    fn links_are_found_in_every_way_of_writing_them() {
        let text = "[a](one.md)\n![b](two.png)\n[c][d]\n<a href=\"four.md\">\n[e][f]\n\n[d]: three.md\n";
        let mut found = Document::parse(text).links;
        found.sort_by_key(|link| link.line);
        let address = |line, url: &str| Link { line, target: Target::Address(url.to_owned()) };
        assert_eq!(
            found,
            [
                address(1, "one.md"),
                address(2, "two.png"),
                address(3, "three.md"),
                address(4, "four.md"),
                Link { line: 5, target: Target::UndefinedLabel("f".to_owned()) },
            ]
        );
    }

    #[test]
    fn code_is_not_searched_for_links() {
        let text = "`[a](one.md)`\n\n```text\n[b](two.md)\n```\n- [ ] open\n- [x] done\n";
        assert_eq!(Document::parse(text).links, []);
    }
}
