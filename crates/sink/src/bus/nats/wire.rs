//! What a signal is on the wire: one JSON object with a version and a tag.

use crate::Signal;
use agent_core::Live;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The version of the format. A signal of another version is not read.
const VERSION: u32 = 1;

/// The longest signal, in bytes. A piece of a command's output has 8 kB, one of a message less; NATS takes 1 MB.
pub(super) const MAX_SIGNAL_BYTES: usize = 128 * 1024;

#[derive(Serialize, Deserialize)]
struct Envelope<L> {
    v: u32,
    #[serde(flatten)]
    signal: Wire<L>,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "signal", rename_all = "snake_case")]
enum Wire<L> {
    Wake { seq: u64 },
    Live { after: u64, live: L },
}

/// As much as every version says.
#[derive(Deserialize)]
struct Head {
    v: u32,
}

/// Why a signal was not taken. No message repeats any of its content, which may be anybody's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum WireError {
    #[error("it has {bytes} bytes, and the bus takes {MAX_SIGNAL_BYTES}")]
    TooLong { bytes: usize },
    #[error(
        "it is of version {found}, and this build reads version {VERSION}: bring both sides to one release"
    )]
    Version { found: u32 },
    #[error("it is no signal that this build knows (column {column})")]
    Malformed { column: usize },
}

pub(super) fn encode(signal: &Signal) -> Result<Bytes, WireError> {
    let signal = match signal {
        Signal::Wake { seq } => Wire::Wake { seq: *seq },
        Signal::Live { after, live } => Wire::Live { after: *after, live: &**live },
    };
    let bytes = serde_json::to_vec(&Envelope { v: VERSION, signal })
        .map_err(|error| WireError::Malformed { column: error.column() })?;
    if bytes.len() > MAX_SIGNAL_BYTES {
        return Err(WireError::TooLong { bytes: bytes.len() });
    }
    Ok(bytes.into())
}

pub(super) fn decode(bytes: &[u8]) -> Result<Signal, WireError> {
    if bytes.len() > MAX_SIGNAL_BYTES {
        return Err(WireError::TooLong { bytes: bytes.len() });
    }
    let envelope = serde_json::from_slice::<Envelope<Live>>(bytes);
    match envelope {
        Ok(Envelope { v: VERSION, signal: Wire::Wake { seq } }) => Ok(Signal::Wake { seq }),
        Ok(Envelope { v: VERSION, signal: Wire::Live { after, live } }) => {
            Ok(Signal::Live { after, live: Arc::new(live) })
        }
        Ok(Envelope { v, .. }) => Err(WireError::Version { found: v }),
        Err(error) => match serde_json::from_slice::<Head>(bytes) {
            Ok(Head { v }) if v != VERSION => Err(WireError::Version { found: v }),
            _ => Err(WireError::Malformed { column: error.column() }),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_core::{ItemId, LiveKind, TurnId};

    fn piece(text: String) -> Signal {
        let kind = LiveKind::Message(text);
        let live = Live { turn: TurnId(2), item: ItemId::new("item_3_0"), attempt: 1, kind };
        Signal::Live { after: 7, live: Arc::new(live) }
    }

    #[test]
    fn signals_are_these_bytes_and_come_back_as_they_were() {
        for (signal, json) in [
            (Signal::Wake { seq: 41 }, r#"{"v":1,"signal":"wake","seq":41}"#),
            (
                piece("a\n\"é".into()),
                r#"{"v":1,"signal":"live","after":7,"live":{"turn":2,"item":"item_3_0","attempt":1,"kind":{"type":"message","text":"a\n\"é"}}}"#,
            ),
        ] {
            let bytes = encode(&signal).unwrap();
            assert_eq!(std::str::from_utf8(&bytes).unwrap(), json);
            assert_eq!(decode(&bytes), Ok(signal));
        }
    }

    #[test]
    fn what_is_no_signal_is_an_error_that_does_not_repeat_it() {
        let malformed = |text: &str| decode(text.as_bytes()).unwrap_err().to_string();
        for text in ["", "planted", "{}", r#"{"v":1}"#, r#"{"v":1,"signal":"planted"}"#] {
            let error = malformed(text);
            assert!(error.starts_with("it is no signal") && !error.contains("planted"), "{text}: {error}");
        }
        let error = malformed(r#"{"v":1,"signal":"wake","seq":"planted"}"#);
        assert!(!error.contains("planted"), "{error}");
        assert!(decode(&[0xff, 0xfe]).is_err());
        assert!(decode("[".repeat(100_000).as_bytes()).is_err());
    }

    #[test]
    fn another_version_is_named() {
        for text in [r#"{"v":2,"signal":"wake","seq":1}"#, r#"{"v":2,"signal":"something new"}"#] {
            assert_eq!(decode(text.as_bytes()), Err(WireError::Version { found: 2 }));
        }
    }

    #[test]
    fn signals_are_bounded_on_both_sides() {
        let frame = encode(&piece(String::new())).unwrap().len();
        let longest = piece("x".repeat(MAX_SIGNAL_BYTES - frame));
        assert_eq!(decode(&encode(&longest).unwrap()), Ok(longest));
        let too_long = WireError::TooLong { bytes: MAX_SIGNAL_BYTES + 1 };
        assert_eq!(encode(&piece("x".repeat(MAX_SIGNAL_BYTES - frame + 1))), Err(too_long));
        assert_eq!(decode(&vec![b' '; MAX_SIGNAL_BYTES + 1]), Err(too_long));
    }
}
