//! A parsed link is written as text that parses as the same link.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use countersign_protocol::link::{Link, LinkError, MAX_LINK};

use super::item::Item;

pub fn body(data: &[u8]) -> bool {
    // Tries the input as text and as the payload of a link, because mutations hardly ever get
    // through base64.
    let as_text = std::str::from_utf8(data).is_ok_and(text);
    let as_payload = data.split_first().is_some_and(|(kind, payload)| {
        let kind = ["e1", "q1", "l1", "s1"][usize::from(kind % 4)];
        text(&format!("https://id.example/app#{kind}.{}", URL_SAFE_NO_PAD.encode(payload)))
    });
    as_text || as_payload
}

fn text(text: &str) -> bool {
    let link = match Link::parse(text) {
        Ok(link) => link,
        Err(why) => {
            assert!(text.len() <= MAX_LINK || why == LinkError::NotOurs);
            return false;
        }
    };
    assert!(text.len() <= MAX_LINK);
    let written = link.to_url("");
    assert_eq!(Link::parse(&written).as_ref(), Ok(&link), "{text}");
    let (_, fragment) = text.trim().split_once('#').expect("a link has a fragment");
    if matches!(link, Link::Enrol(_)) {
        let payload = |fragment: &str| URL_SAFE_NO_PAD.decode(&fragment[3..]).expect("base64url");
        let said = Item::read(&payload(fragment)).expect("deterministic CBOR").without_extensions();
        assert_eq!(payload(&written[1..]), said.written(), "{text}");
    } else {
        assert_eq!(&written[1..], fragment);
    }
    true
}
