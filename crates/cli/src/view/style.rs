//! Colours, where the output is a terminal that wants them.

use owo_colors::OwoColorize;

/// Whether to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    Colour,
}

macro_rules! paint {
    ($($name:ident => $method:ident),* $(,)?) => {
        $(pub(crate) fn $name(self, text: impl AsRef<str>) -> String {
            match self {
                Self::Plain => text.as_ref().to_owned(),
                Self::Colour => text.as_ref().$method().to_string(),
            }
        })*
    };
}

impl Style {
    paint!(bold => bold, dim => dimmed, red => red, green => green, yellow => yellow, cyan => cyan);

    /// A unified diff, its lines coloured.
    pub(crate) fn diff_line(self, line: &str) -> String {
        match line.as_bytes().first() {
            _ if line.starts_with("+++") || line.starts_with("---") => self.bold(line),
            Some(b'+') => self.green(line),
            Some(b'-') => self.red(line),
            Some(b'@') => self.cyan(line),
            _ => line.to_owned(),
        }
    }
}
