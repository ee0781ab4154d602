//! A command that the model wants to run outside of the sandbox: it has to say why.

use crate::arguments::{Arguments, Field, Need, Shape};

/// How long a justification may be, in characters.
const MAX_CHARS: usize = 1_000;
const ESCALATED: &str = "require_escalated";

pub(super) const PERMISSIONS: Field = Field {
    name: "sandbox_permissions",
    about: "\"require_escalated\" asks the user to let it run outside of the sandbox. Only where it cannot work inside.",
    shape: Shape::Word(&["use_default", ESCALATED]),
    need: Need::Optional,
};
pub(super) const JUSTIFICATION: Field = Field {
    name: "justification",
    about: "Why it has to run outside of the sandbox: one sentence for the user. Only with \"require_escalated\".",
    shape: Shape::Text,
    need: Need::Optional,
};

/// Why a call wants to run outside of the sandbox, `None` where it does not want to.
pub(super) fn justification(tool: &str, arguments: &Arguments) -> Result<Option<String>, String> {
    if arguments.text(PERMISSIONS.name) != Some(ESCALATED) {
        // A reason without the wish asks for nothing.
        return Ok(None);
    }
    let why = arguments.text(JUSTIFICATION.name).unwrap_or_default().trim();
    match why.chars().count() {
        0 => Err(format!(
            "{tool}: `{}` is missing. With `{}` \"{ESCALATED}\" it must tell the user why the command cannot run in the sandbox.",
            JUSTIFICATION.name, PERMISSIONS.name
        )),
        1..=MAX_CHARS => Ok(Some(why.to_owned())),
        chars => Err(format!(
            "{tool}: `{}` has {chars} characters, and {MAX_CHARS} are the most. One sentence is enough.",
            JUSTIFICATION.name
        )),
    }
}
