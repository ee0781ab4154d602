//! Can commands be confined here, and how well?

use super::Finding;
use crate::{settings::Wishes, tooling};
use std::path::Path;
use tools::sandbox::{Level, Support};

const SANDBOX: &str = "sandbox";

pub(super) async fn examine(wishes: &Wishes, root: &Path) -> Finding {
    let config = tooling::sandbox(wishes.config(), &wishes.environment, (root, root));
    match tokio::task::spawn_blocking(move || Support::detect(&config)).await {
        Ok(support) => judge(&support),
        Err(error) => {
            Finding::problem(SANDBOX, format!("it could not be tried: {error}"), "report this as a fault")
        }
    }
}

fn judge(support: &Support) -> Finding {
    let why = support.reasons.join("; ");
    match support.level {
        Level::Best => Finding::ok(SANDBOX, "commands can be held to every policy"),
        Level::Bubblewrap => {
            Finding::ok(SANDBOX, format!("bubblewrap holds commands to every policy ({why})"))
        }
        Level::Landlock => Finding::warning(
            SANDBOX,
            format!("read-only works; workspace-write is refused, since .git could not be protected: {why}"),
            "allow user namespaces (sysctl user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns) or \
             install bubblewrap",
        ),
        _ => Finding::problem(
            SANDBOX,
            format!("nothing here can confine a command: {why}"),
            "use Linux 5.13 or later, or macOS; until then every command needs a yes or --sandbox danger-full-access",
        ),
    }
}
