//! What SFS keeps says nothing of NS: no realm, user, client, account or login, in whatever form.

use std::path::Path;

use base64::{Engine, engine::general_purpose::STANDARD};
use countersign_api::{EnrolmentFactor, NewLogin};
use countersign_channel::p256;
use countersign_sdk::{Command, KeyStore};

use super::scene::{Phone, pin, stage};
use crate::support::{Page, Pod, claim};

const USER: &str = "alice.of.the.first.floor";
const TEXT: &str = "Pay 4711 EUR to the orphanage";

/// Everything in the files of a folder, one after the other.
fn contents(folder: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            all.extend(std::fs::read(path).unwrap());
        }
    }
    all
}

/// The forms in which a value may hide: raw, which it also is inside CBOR, in hex, and in base64 at
/// each of three alignments.
fn forms(value: &[u8]) -> Vec<Vec<u8>> {
    let hex: String = value.iter().map(|b| format!("{b:02x}")).collect();
    let mut forms = vec![value.to_vec(), hex.to_uppercase().into(), hex.into()];
    for before in 0..3 {
        let text = STANDARD.encode([&vec![0; before][..], value].concat());
        // The first and last characters depend on what stands beside the value.
        let whole = &text.trim_end_matches('=')[[0, 2, 3][before]..];
        let inner = &whole[..whole.len() - 1];
        forms.extend([inner.to_owned(), inner.replace('+', "-").replace('/', "_")].map(String::into_bytes));
    }
    forms
}

fn contains(haystack: &[u8], value: &[u8]) -> bool {
    forms(value).iter().any(|form| haystack.windows(form.len()).any(|at| at == form))
}

#[test]
fn a_value_is_found_in_every_form() {
    let value = b"0123456789abcdef";
    for before in [&b""[..], b"x", b"xy", b"xyz"] {
        let around = [before, value, b"after"].concat();
        let hex: String = around.iter().map(|b| format!("{b:02x}")).collect();
        for hidden in [around.clone(), hex.into(), STANDARD.encode(&around).into()] {
            assert!(contains(&hidden, value), "{hidden:?}");
        }
    }
    assert!(!contains(&STANDARD.encode(b"something else altogether").into_bytes(), value));
}

#[tokio::test]
async fn what_sfs_keeps_names_nobody_and_what_ns_keeps_names_them_all() {
    let pod = Pod::start();
    let stage = stage(&pod, EnrolmentFactor::Required).await;
    let phone = Phone::enrol(&pod, &stage, USER).await;
    let mut online = phone.connect().await;
    let new = NewLogin { text: Some(TEXT.into()), second_factor: Some(pin(0)), ..NewLogin::default() };
    let login = stage.api.create_login(&stage.realm, &new).await.unwrap();
    let code = Page::open(&login).await.qr().await;
    let prompt = claim(&mut online, &code).await.unwrap();
    let proof = phone.proof(&prompt).await;
    online.do_it(&Command::approve(&prompt).with_factor(proof)).await.unwrap();
    let identity = stage.api.redeem(&stage.realm, &login.id, None).await.unwrap();
    let jkt = p256::thumbprint(&phone.device.keys.public(&phone.account.key).unwrap());
    let id = |text: &str| text.parse::<countersign_sdk::LoginId>().unwrap().0.to_vec();
    let client = stage.root.clients(&stage.realm).await.unwrap().remove(0);
    let said: Vec<(&str, Vec<u8>)> = vec![
        ("the realm's id", prompt.realm.0.to_vec()),
        ("the realm's name", stage.realm.clone().into()),
        ("the user", USER.into()),
        ("the client's id", id(&client.id)),
        ("the client's name", client.display_name.into()),
        ("the text", TEXT.into()),
        ("the login", id(&login.id)),
        ("the account", id(&identity.account_id)),
        ("the account's key", jkt.0.to_vec()),
    ];
    let (of_sfs, of_ns) = (contents(&pod.data.join("sfs")), contents(&pod.data.join("ns")));
    let device = p256::thumbprint(&phone.device.keys.public(&phone.device.device.key).unwrap());
    assert!(contains(&of_sfs, &device.0), "the search finds what is there");
    for (what, value) in said {
        assert!(!contains(&of_sfs, &value), "SFS keeps {what}");
        assert!(contains(&of_ns, &value), "NS keeps {what}");
    }
}
