//! A parsed attestation or key list has the same content when it is encoded again, and its parts
//! reproduce the input. Neither is taken for the other, nor for a decision.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use countersign_protocol::{
    attestation::{MAX_KEYS, MAX_LIFE_SECS, parse, parse_keys},
    decision,
    jws::{MAX_JWS, Parts, compact},
};
use serde_json::Value;

pub fn body(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    // Tries the input as a JWS and as header and claims on two lines, because mutations hardly ever
    // get through base64.
    let as_json = text.split_once('\n').is_some_and(|(header, claims)| {
        let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part));
        jws(&compact(&format!("{header}.{claims}"), &[6; 64]))
    });
    jws(text) || as_json
}

fn jws(text: &str) -> bool {
    let (attestation, list) = (parse(text), parse_keys(text));
    let kinds = [attestation.is_ok(), list.is_ok(), decision::parse(text).is_ok()];
    assert!(kinds.iter().filter(|is| **is).count() < 2, "{text}");
    if let Ok(parsed) = &attestation {
        let c = &parsed.claims;
        assert!(c.auth_time <= c.iat && c.iat <= c.exp && c.exp - c.iat <= MAX_LIFE_SECS, "{text}");
        let anew = again(text, parsed, &c.signing_input(&parsed.kid));
        assert_eq!(parse(&anew).map(|p| (p.claims, p.kid)).as_ref(), Ok(&(c.clone(), parsed.kid)));
    }
    if let Ok(parsed) = &list {
        let c = &parsed.claims;
        assert!((1..=MAX_KEYS).contains(&c.keys.len()), "{text}");
        let anew = again(text, parsed, &c.signing_input(&parsed.kid));
        assert_eq!(parse_keys(&anew).map(|p| (p.claims, p.kid)).as_ref(), Ok(&(c.clone(), parsed.kid)));
        for key in &c.keys {
            assert!(c.key(&key.kid, key.exp).is_none_or(|k| k != key), "{text}");
        }
    }
    attestation.is_ok() || list.is_ok()
}

/// Checks that nothing was ignored: what is written says the same as JSON. Returns it signed.
fn again<C>(text: &str, parsed: &Parts<'_, C>, input: &str) -> String {
    assert!(text.len() <= MAX_JWS);
    assert_eq!(compact(parsed.signing_input, &parsed.signature), text);
    assert_eq!(said(parsed.signing_input), said(input), "{text}");
    compact(input, &parsed.signature)
}

fn said(signing_input: &str) -> Vec<Value> {
    let part = |p| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(p).expect("base64url")).expect("JSON");
    signing_input.split('.').map(part).collect()
}
