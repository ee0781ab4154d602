//! [`PlanTags`]: keeps a proposed plan out of the text that has it, which comes in pieces: the plan is shown by itself.

const OPENS: &str = "<proposed_plan>";
const CLOSES: &str = "</proposed_plan>";

/// What of a text was held back so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PlanTags {
    is_inside: bool,
    /// The end of what came, which may be the beginning of a tag.
    undecided: String,
    /// The plan with its tags.
    hidden: String,
}

impl PlanTags {
    /// What is shown of the next piece.
    pub(super) fn feed(&mut self, piece: &str) -> String {
        self.undecided.push_str(piece);
        let mut shown = String::new();
        loop {
            let tag = if self.is_inside { CLOSES } else { OPENS };
            let found = self.undecided.find(tag);
            let sure = found.unwrap_or_else(|| self.undecided.len() - begun(&self.undecided, tag));
            let text: String = self.undecided.drain(..sure).collect();
            if self.is_inside {
                self.hidden.push_str(&text);
            } else {
                shown.push_str(&text);
            }
            if found.is_none() {
                return shown;
            }
            self.hidden.extend(self.undecided.drain(..tag.len()));
            self.is_inside = !self.is_inside;
        }
    }

    /// The rest of a text that ends with this: without the plan where that is shown by itself, else all that was held back.
    pub(super) fn finish(mut self, piece: &str, plan: Plan) -> String {
        match plan {
            Plan::Shown => {
                let shown = self.feed(piece);
                if self.is_inside { shown } else { shown + &self.undecided }
            }
            Plan::NotShown => self.hidden + &self.undecided + piece,
        }
    }
}

/// Whether a plan is shown by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plan {
    Shown,
    NotShown,
}

/// How many bytes at the end of a text begin this tag.
fn begun(text: &str, tag: &str) -> usize {
    (1..tag.len()).rev().find(|length| text.ends_with(&tag[..*length])).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(pieces: &[&str], plan: Plan) -> String {
        let mut tags = PlanTags::default();
        let (last, first) = pieces.split_last().unwrap();
        let shown: String = first.iter().map(|piece| tags.feed(piece)).collect();
        shown + &tags.finish(last, plan)
    }

    #[test]
    fn a_plan_is_held_back_however_it_is_cut() {
        let text = "Here: <proposed_plan>\n1. <b> Do it\n</proposed_plan> Well?";
        for size in 1..text.len() {
            let pieces: Vec<String> = text
                .as_bytes()
                .chunks(size)
                .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
                .collect();
            let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
            assert_eq!(shown(&pieces, Plan::Shown), "Here:  Well?", "{size}");
        }
    }

    #[test]
    fn what_is_no_plan_is_shown_in_the_end() {
        assert_eq!(shown(&["a < b <prop", "er>"], Plan::NotShown), "a < b <proper>");
        assert_eq!(
            shown(&["so <proposed_plan> is", " a tag"], Plan::NotShown),
            "so <proposed_plan> is a tag"
        );
    }
}
