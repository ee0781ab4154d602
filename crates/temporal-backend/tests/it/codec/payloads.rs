//! Single payloads: encrypted, decrypted, changed on the way.

use super::Keys;
use prost::Message;
use std::collections::{HashMap, HashSet};
use temporal_backend::{Codec, ENCODING, Position, activate_key, add_key};
use temporalio_common::{
    data_converters::{PayloadCodec, SerializationContextData},
    protos::temporal::api::common::v1::Payload,
};

fn payload(text: &str) -> Payload {
    let metadata = [("encoding", "json/plain"), ("more", "metadata-secret")];
    Payload {
        metadata: metadata.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).into(),
        data: text.as_bytes().to_vec(),
        ..Payload::default()
    }
}

async fn encode(codec: &Codec, payload: &Payload) -> Payload {
    let mut encoded = codec.encode(&SerializationContextData::None, vec![payload.clone()]).await.unwrap();
    assert_eq!(encoded.len(), 1);
    encoded.remove(0)
}

async fn decode(codec: &Codec, payload: &Payload) -> Result<Payload, String> {
    let decoded = codec.decode(&SerializationContextData::None, vec![payload.clone()]).await;
    decoded.map(|mut payloads| payloads.remove(0)).map_err(|error| error.to_string())
}

fn contains(payload: &Payload, text: &str) -> bool {
    let bytes = payload.metadata.values().chain([&payload.data]);
    bytes.into_iter().any(|bytes| bytes.windows(text.len()).any(|part| part == text.as_bytes()))
}

#[tokio::test]
async fn a_payload_comes_back_as_it_was_and_shows_nothing_on_the_way() {
    let codec = Keys::new().codec();
    let plain = payload("data-secret");
    let sealed = encode(&codec, &plain).await;
    assert!(!contains(&sealed, "data-secret") && !contains(&sealed, "metadata-secret"));
    let names: HashSet<&str> = sealed.metadata.keys().map(String::as_str).collect();
    assert_eq!(names, ["encoding", "everturn-key", "everturn-nonce"].into());
    assert_eq!(
        (&*sealed.metadata["encoding"], &*sealed.metadata["everturn-key"]),
        (ENCODING.as_bytes(), &b"k1"[..])
    );
    assert!(sealed.encoded_len() - plain.encoded_len() < 160, "{}", sealed.encoded_len());
    assert_eq!(decode(&codec, &sealed).await, Ok(plain));
    assert_eq!(decode(&codec, &encode(&codec, &Payload::default()).await).await, Ok(Payload::default()));
}

#[tokio::test]
async fn no_nonce_is_used_twice() {
    let codec = Keys::new().codec();
    let mut nonces = HashSet::new();
    let mut texts = HashSet::new();
    for _ in 0..500 {
        let Payload { mut metadata, data, .. } = encode(&codec, &payload("the same")).await;
        nonces.insert(metadata.remove("everturn-nonce").unwrap());
        texts.insert(data);
    }
    assert_eq!((nonces.len(), texts.len()), (500, 500));
}

#[tokio::test]
async fn payloads_of_other_encodings_are_read_as_they_are() {
    let codec = Keys::new().codec();
    for plain in [payload("old thread"), Payload::default()] {
        assert_eq!(decode(&codec, &plain).await, Ok(plain));
    }
    let off = Codec::off();
    assert_eq!(encode(&off, &payload("off")).await, payload("off"));
    assert_eq!(decode(&off, &payload("off")).await, Ok(payload("off")));
}

#[tokio::test]
async fn a_changed_payload_is_told_and_not_read() {
    let keys = Keys::new();
    add_key(&keys.path(), Position::Standby).unwrap();
    let codec = keys.codec();
    let place = keys.path().display().to_string();
    let sealed = encode(&codec, &payload("data-secret")).await;
    let changed = |id: &str| {
        Err(format!(
            "Encoding error: payload is encrypted with key {id}, which does not open it: the payload was changed, or {place} \
             has another key under this id"
        ))
    };
    let with = |name: &str, value: &[u8]| {
        let mut other = sealed.clone();
        other.metadata.insert(name.to_owned(), value.to_vec());
        other
    };
    let mut flipped = sealed.clone();
    flipped.data[0] ^= 1;
    let mut cut = sealed.clone();
    cut.data.pop();
    let mut none = sealed.clone();
    none.data.clear();
    for other in [flipped, cut, none, with("everturn-nonce", &[7; 24])] {
        assert_eq!(decode(&codec, &other).await, changed("k1"));
    }
    // The same bytes passed off as those of another key that is known.
    assert_eq!(decode(&codec, &with("everturn-key", b"k2")).await, changed("k2"));
    let malformed = |what: &str| {
        Err(format!("Encoding error: payload says that it is encrypted by Everturn, but {what}"))
    };
    assert_eq!(decode(&codec, &with("everturn-nonce", b"short")).await, malformed("its nonce is not one"));
    assert_eq!(decode(&codec, &with("everturn-key", b"\xff")).await, malformed("it does not name its key"));
    let bare = Payload {
        metadata: HashMap::from([("encoding".to_owned(), ENCODING.as_bytes().to_vec())]),
        ..Payload::default()
    };
    assert_eq!(decode(&codec, &bare).await, malformed("it does not name its key"));
}

#[tokio::test]
async fn a_key_that_is_missing_is_named_with_the_place_to_add_it() {
    let (ours, theirs) = (Keys::new(), Keys::new());
    add_key(&theirs.path(), Position::Active).unwrap();
    let sealed = encode(&theirs.codec(), &payload("x")).await;
    let place = ours.path().display().to_string();
    assert_eq!(
        decode(&ours.codec(), &sealed).await,
        Err(format!(
            "Encoding error: payload is encrypted with key k2, which is not in {place}; add it there as a line k2:KEY"
        ))
    );
    assert_eq!(
        decode(&Codec::off(), &sealed).await,
        Err("Encoding error: payload is encrypted with key k2, and no keys are configured here: set \
             temporal.codec.key_file to the file that has it"
            .to_owned())
    );
}

#[tokio::test]
async fn after_a_rotation_new_payloads_have_the_new_key_and_old_ones_are_read() {
    let keys = Keys::new();
    let old = encode(&keys.codec(), &payload("old")).await;
    add_key(&keys.path(), Position::Active).unwrap();
    let codec = keys.codec();
    let new = encode(&codec, &payload("new")).await;
    assert_eq!((&*old.metadata["everturn-key"], &*new.metadata["everturn-key"]), (&b"k1"[..], &b"k2"[..]));
    assert_eq!(decode(&codec, &old).await, Ok(payload("old")));
    assert_eq!(decode(&codec, &new).await, Ok(payload("new")));
}

#[tokio::test]
async fn a_key_added_to_the_file_is_found_without_a_restart() {
    let keys = Keys::new();
    let running = keys.codec();
    add_key(&keys.path(), Position::Standby).unwrap();
    activate_key(&keys.path(), "k2").unwrap();
    let sealed = encode(&keys.codec(), &payload("x")).await;
    // The keys are read again at most once a second.
    let opened = async {
        loop {
            match decode(&running, &sealed).await {
                Ok(payload) => return payload,
                Err(error) => assert!(error.contains("key k2, which is not in"), "{error}"),
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    let opened = tokio::time::timeout(std::time::Duration::from_secs(30), opened).await;
    assert_eq!(opened.ok(), Some(payload("x")));
    assert_eq!(running.active().unwrap().as_str(), "k2");
}
