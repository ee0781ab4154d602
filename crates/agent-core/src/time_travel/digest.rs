//! [`Trail`]: the decisions of a build, as one digest a record, so that two builds can be compared without either knowing
//! the other.

use super::{Obstacle, TimeTravel};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// Bytes of a digest that are told. It is compared between two builds on one machine, not defended against anybody.
const TOLD_BYTES: usize = 16;

/// What a build makes of a journal: after each record the digest of every decision up to it, events and effects alike.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trail {
    /// The first is of record 1.
    pub digests: Vec<String>,
    /// Why there are not as many as records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub obstacle: Option<String>,
}

impl TimeTravel {
    /// This build's trail through the whole journal. What was recorded plays no part in it.
    pub fn trail(&mut self) -> Trail {
        let mut trail = Trail::default();
        let mut chain = [0; 32];
        let mut stepped = self.go_to(0).map(|_| ());
        while stepped.is_ok() {
            match self.forward() {
                Ok(Some(again)) => {
                    let decided = (&again.events, &again.commands);
                    chain = link(&chain, &serde_json::to_value(decided).unwrap_or_default());
                    trail.digests.push(hex(&chain));
                }
                Ok(None) => return trail,
                Err(obstacle) => stepped = Err(obstacle),
            }
        }
        trail.obstacle = stepped.err().map(|obstacle: Obstacle| obstacle.to_string());
        trail
    }
}

/// The first record that two trails differ in, found by halving: a digest has all before it in it. Where one ends early, the
/// record after its end.
pub fn first_difference(one: &Trail, other: &Trail) -> Option<u64> {
    let (one, other) = (&one.digests, &other.digests);
    let both = one.len().min(other.len());
    let (mut low, mut high) = (0, both);
    while low < high {
        let middle = (low + high) / 2;
        if one[middle] == other[middle] {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    (low < one.len().max(other.len())).then_some(low as u64 + 1)
}

fn link(before: &[u8], decided: &Value) -> [u8; 32] {
    let mut text = String::new();
    sorted(decided, &mut text);
    Sha256::new().chain_update(before).chain_update(text.as_bytes()).finalize().into()
}

/// JSON with the fields of each object in the order of their names: two builds may declare them in another one.
fn sorted(value: &Value, out: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut names: Vec<&String> = fields.keys().collect();
            names.sort();
            out.push('{');
            for name in names {
                let _ = write!(out, "{},", Value::from(name.as_str()));
                sorted(&fields[name], out);
            }
            out.push('}');
        }
        Value::Array(values) => {
            out.push('[');
            for value in values {
                sorted(value, out);
                out.push(',');
            }
            out.push(']');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            let _ = write!(out, "{value}");
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().take(TOLD_BYTES).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
