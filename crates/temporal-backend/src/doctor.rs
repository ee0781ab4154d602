//! [`examine`]: is everything there that a thread on Temporal needs? What `everturn doctor` shows of this backend.

use crate::{
    codec::{Codec, KeySource},
    connect::{ConnectError, ConnectOptions, InquiryError, NamedBy, Pollers, Target},
    connect::{namespace_facts, pollers, server_facts},
};
use config::DevServerStart;
use std::time::{Duration, SystemTime};
use temporalio_client::Client;

/// Histories should be kept this long: a thread that nobody touched for less can be taken up again.
const RETENTION: Duration = Duration::from_secs(30 * DAY_SECONDS);
const DAY_SECONDS: u64 = 24 * 60 * 60;

/// What is to be examined.
#[derive(Clone, Debug)]
pub struct DoctorInput {
    /// The server.
    pub options: ConnectOptions,
    /// The task queue of threads.
    pub queue: String,
    /// Whether a server is started where no address is known.
    pub dev_server: DevServerStart,
    /// Where the keys of the codec are; none where nothing is encrypted.
    pub codec: Option<KeySource>,
}

/// How one thing is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at.
    pub subject: &'static str,
    /// How it is.
    pub verdict: Verdict,
    /// What was found.
    pub text: String,
    /// What to do; none where there is nothing to do, or the text says it.
    pub remedy: Option<String>,
}

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// As it should be.
    Good,
    /// It works, and will surprise somebody.
    Warning,
    /// It does not work.
    Bad,
}

impl Finding {
    fn good(subject: &'static str, text: impl Into<String>) -> Self {
        Self { subject, verdict: Verdict::Good, text: text.into(), remedy: None }
    }

    fn warning(subject: &'static str, text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { subject, verdict: Verdict::Warning, text: text.into(), remedy: Some(remedy.into()) }
    }

    fn bad(subject: &'static str, error: &ConnectError) -> Self {
        Self { subject, verdict: Verdict::Bad, text: error.what(), remedy: Some(error.remedy()) }
    }

    fn unknown(subject: &'static str, error: &InquiryError) -> Self {
        Self { subject, verdict: Verdict::Warning, text: error.to_string(), remedy: None }
    }
}

const SERVER: &str = "Temporal server";
const NAMESPACE: &str = "namespace";
const RETENTION_OF: &str = "retention";
const WORKER: &str = "worker";
const CODEC: &str = "payload codec";

/// Looks at everything, one finding each, in the order in which things depend on each other. Takes no longer than a few
/// times the timeout of the options.
pub async fn examine(input: &DoctorInput) -> Vec<Finding> {
    let target = match Target::resolve(&input.options) {
        Ok(target) => target,
        Err(error) => return vec![Finding::bad(SERVER, &error), codec(input, None)],
    };
    let mut findings = match target.connect(None).await {
        Ok(client) => connected(input, &target, &client).await,
        Err(error) => vec![unconnected(input, &target, &error)],
    };
    findings.push(codec(input, Some(&target)));
    findings
}

/// What is wrong where there is no connection.
fn unconnected(input: &DoctorInput, target: &Target, error: &ConnectError) -> Finding {
    match error {
        ConnectError::NoNamespace { .. } => Finding::bad(NAMESPACE, error),
        ConnectError::Down { .. }
            if *target.named_by() == NamedBy::Nobody && input.dev_server == DevServerStart::Auto =>
        {
            Finding::good(SERVER, "none runs; one is started for this machine when it is needed")
        }
        _ => Finding::bad(SERVER, error),
    }
}

async fn connected(input: &DoctorInput, target: &Target, client: &Client) -> Vec<Finding> {
    let how = if target.is_tls() { "over TLS" } else { "without TLS" };
    let server = match server_facts(client).await {
        Ok(facts) => Finding::good(
            SERVER,
            format!(
                "{} {how}, version {}, answered in {:.1} ms",
                target.address(),
                facts.version,
                facts.latency.as_secs_f64() * 1000.0
            ),
        ),
        Err(_) => Finding::good(SERVER, format!("{} {how}", target.address())),
    };
    let (namespace, retention) = match namespace_facts(client).await {
        Ok(facts) => (
            Finding::good(NAMESPACE, format!("{:?} is there", facts.name)),
            kept(&facts.name, facts.retention),
        ),
        Err(error) => (Finding::unknown(NAMESPACE, &error), kept(target.namespace(), None)),
    };
    let worker = match pollers(client, &input.queue).await {
        Ok(found) => served(&input.queue, &found, SystemTime::now()),
        Err(error) => Finding::unknown(WORKER, &error),
    };
    vec![server, namespace, retention, worker]
}

/// How long histories are kept.
fn kept(namespace: &str, retention: Option<Duration>) -> Finding {
    let Some(retention) = retention else {
        return Finding::warning(
            RETENTION_OF,
            "the server does not say how long it keeps histories",
            format!("it should be 30 days: see the settings of namespace {namespace:?}"),
        );
    };
    let text = format!("histories of closed runs are kept for {}", days(retention));
    if retention >= RETENTION {
        return Finding::good(RETENTION_OF, text);
    }
    let remedy = format!(
        "a thread that is closed for longer cannot be read again: temporal operator namespace update -n {namespace} \
         --retention 30d"
    );
    Finding::warning(RETENTION_OF, text, remedy)
}

fn days(time: Duration) -> String {
    match time.as_secs() {
        seconds if seconds >= 2 * DAY_SECONDS => format!("{} days", seconds / DAY_SECONDS),
        seconds => format!("{} hours", seconds / 3600),
    }
}

/// Who polls the queue of threads.
fn served(queue: &str, found: &Pollers, now: SystemTime) -> Finding {
    let fresh: Vec<&str> = found
        .workflows
        .iter()
        .filter(|poller| poller.is_fresh(now))
        .map(|poller| poller.identity.as_str())
        .collect();
    if !fresh.is_empty() {
        return Finding::good(WORKER, format!("{} polls {queue}", fresh.join(", ")));
    }
    let last = found.workflows.iter().filter_map(|poller| Some((poller.last_seen?, &poller.identity))).max();
    let text = match last {
        Some((seen, identity)) => format!(
            "nobody polls {queue}; {identity} did until {} s ago",
            now.duration_since(seen).unwrap_or_default().as_secs()
        ),
        None => format!("nobody polls {queue}"),
    };
    Finding::warning(
        WORKER,
        text,
        "start one with everturn worker; everturn exec and chat bring one along while they run",
    )
}

/// Whether payloads are encrypted, and the keys can be read.
fn codec(input: &DoctorInput, target: Option<&Target>) -> Finding {
    let Some(source) = &input.codec else {
        return if target.is_none_or(Target::is_on_this_machine) {
            Finding::good(CODEC, "off: payloads are not encrypted")
        } else {
            Finding::warning(
                CODEC,
                "off: whoever runs the server can read every thread",
                "make keys with everturn codec-key and set temporal.codec.key_file",
            )
        };
    };
    match Codec::open(source.clone()) {
        Ok(codec) => {
            let ids: Vec<String> = codec.key_ids().iter().map(ToString::to_string).collect();
            let text = match ids.split_first() {
                Some((active, [])) => format!("{active} of {source} encrypts"),
                Some((active, others)) => {
                    format!("{active} of {source} encrypts, {} only decrypt", others.join(", "))
                }
                None => format!("{source} has no key"),
            };
            Finding::good(CODEC, text)
        }
        Err(error) => {
            Finding { subject: CODEC, verdict: Verdict::Bad, text: error.to_string(), remedy: None }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connect::Poller;

    #[test]
    fn a_worker_that_was_seen_long_ago_is_named_with_when() {
        let now = SystemTime::now();
        let poller = |identity: &str, ago: u64| Poller {
            identity: identity.into(),
            last_seen: Some(now - Duration::from_secs(ago)),
        };
        let found = |workflows: Vec<Poller>| served("q", &Pollers { workflows, activities: Vec::new() }, now);
        let text = |workflows| found(workflows).text;
        assert_eq!(
            text(vec![poller("1@h", 200), poller("2@h", 90)]),
            "nobody polls q; 2@h did until 90 s ago"
        );
        assert_eq!(text(vec![poller("1@h", 200), poller("2@h", 9)]), "2@h polls q");
        assert_eq!(found(Vec::new()).verdict, Verdict::Warning);
    }

    #[test]
    fn retention_is_told_in_hours_and_days() {
        let of = |hours: u64| kept("n", Some(Duration::from_secs(hours * 3600)));
        assert_eq!(of(24).text, "histories of closed runs are kept for 24 hours");
        assert_eq!(of(24 * 7).text, "histories of closed runs are kept for 7 days");
        assert_eq!([24 * 29, 24 * 30].map(|hours| of(hours).verdict), [Verdict::Warning, Verdict::Good]);
        assert_eq!(kept("n", None).verdict, Verdict::Warning);
    }
}
