//! A parsed decision has the same content when it is encoded again, and its parts reproduce the
//! input.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use countersign_protocol::decision::{MAX_JWS, Verdict, compact, parse};
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
    let Ok(parsed) = parse(text) else { return false };
    assert!(text.len() <= MAX_JWS);
    assert_eq!(compact(parsed.signing_input, &parsed.signature), text);
    assert_eq!(parsed.decision.reason.is_some(), parsed.decision.verdict == Verdict::Refuse);
    let input = parsed.decision.signing_input(&parsed.kid);
    let anew = compact(&input, &parsed.signature);
    assert_eq!(parse(&anew).map(|p| (p.decision, p.kid)).as_ref(), Ok(&(parsed.decision, parsed.kid)));
    // Nothing was ignored: both have the same content as JSON.
    assert_eq!(said(parsed.signing_input), said(&input), "{text}");
    true
}

fn said(signing_input: &str) -> Vec<Value> {
    let part = |p| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(p).expect("base64url")).expect("JSON");
    signing_input.split('.').map(part).collect()
}
