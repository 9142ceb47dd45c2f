//! TLS of our own listeners: what they accept, what they refuse, and certificates that change.

use std::{path::Path, process::Command as Program};

use countersign_api::{ApiClient, ApiError, Confirm, NewClient, NewEnrolment, NewLogin};
use countersign_sdk::Command;
use countersign_testkit::Certificates;

use crate::support::{Phone, Pod, claim};

/// Starts a pod that serves TLS on every port.
fn pod(files: &Certificates, dir: &Path) -> Pod {
    let (certificate, key) = (files.file("server.pem"), files.file("server.key"));
    let mut env = Vec::new();
    for port in ["REST", "PAGE", "PHONE", "ADMIN"] {
        env.push((format!("COUNTERSIGN_{port}_TLS_CERTIFICATE_FILE"), certificate.display().to_string()));
        env.push((format!("COUNTERSIGN_{port}_TLS_KEY_FILE"), key.display().to_string()));
    }
    let env: Vec<(&str, &str)> = env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    Pod::on(dir, &[], &env)
}

/// Returns the host:port of a URL.
fn place(url: &str) -> String {
    url.split("://").nth(1).unwrap().split('/').next().unwrap().to_owned()
}

fn all_ports(pod: &Pod) -> [String; 4] {
    ["rest", "page", "phone", "admin"].map(|what| place(&pod.url(what)))
}

/// Returns whether a handshake of `openssl s_client` succeeded, and its output.
fn handshake(at: &str, ca: &Path, more: &[&str]) -> (bool, String) {
    let mut client = countersign_testkit::tool("openssl");
    client
        .args(["s_client", "-connect", at, "-CAfile"])
        .arg(ca)
        .args(["-verify_return_error", "-brief"])
        .args(more);
    let out = client.stdin(std::process::Stdio::null()).output().unwrap();
    (
        out.status.success(),
        format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr)),
    )
}

#[tokio::test]
async fn a_login_in_tls_from_end_to_end() {
    let dir = tempfile::tempdir().unwrap();
    let files = Certificates::make(dir.path());
    let pod = pod(&files, &dir.path().join("data"));
    for (what, scheme) in
        [("rest", "https://"), ("page", "wss://"), ("phone", "wss://"), ("admin", "https://")]
    {
        assert!(pod.url(what).starts_with(scheme), "{}", pod.url(what));
    }
    let ca = files.file("ca.pem");
    countersign_sim::tls::trust(&ca).unwrap();
    let pem = std::fs::read(&ca).unwrap();
    let root = ApiClient::trusting(&pod.url("rest"), &pod.root_key(), &pem).unwrap();
    root.create_client(
        "default",
        &NewClient { name: "shop".into(), display_name: "Shop".into(), ..NewClient::default() },
    )
    .await
    .unwrap();
    let shop = root.acting_for("shop");
    let wish = NewEnrolment::new("alice".into(), Confirm::Number);
    let enrolment = shop.create_enrolment("default", &wish).await.unwrap();
    let (phone, number) = Phone::enrol(enrolment.link.as_ref().unwrap()).await.unwrap();
    shop.confirm_enrolment("default", &enrolment.id, &number.unwrap()).await.unwrap();
    let login = shop.create_login("default", &NewLogin::default()).await.unwrap();
    let mut state = Program::new("curl");
    state
        .args(["-sS", "--cacert"])
        .arg(&ca)
        .args(["-H", &format!("Authorization: Bearer {}", &**login.page_token.as_ref().unwrap())]);
    let out = state.arg(format!("{}/state", pod.url("page").replace("wss://", "https://"))).output().unwrap();
    let page = String::from_utf8(out.stdout).unwrap();
    let qr = page.split('"').find(|text| text.contains("#q1")).unwrap_or_else(|| panic!("{page}"));
    assert!(qr.starts_with("https://"), "{qr}");
    let mut online = phone.connect().await;
    let prompt = claim(&mut online, qr).await.unwrap();
    online.do_it(&Command::approve(&prompt)).await.unwrap();
    assert_eq!(shop.redeem("default", &login.id, None).await.unwrap().user_id, "alice");

    // A caller that does not trust the CA cannot send a request.
    let stranger = ApiClient::new(&pod.url("rest"), &pod.root_key()).unwrap();
    assert!(matches!(stranger.realms().await, Err(ApiError::Unreachable(_))));
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/config/apply.example.toml");
    let mut apply = Program::new(env!("CARGO_BIN_EXE_countersign"));
    apply.args(["apply", file, "--data"]).arg(&pod.data).arg("--ca").arg(&ca);
    let out = apply.output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}

#[tokio::test]
async fn only_the_listed_protocols_suites_and_groups_are_spoken() {
    let dir = tempfile::tempdir().unwrap();
    let files = Certificates::make(dir.path());
    let pod = pod(&files, &dir.path().join("data"));
    let ca = files.file("ca.pem");
    // The client itself must be willing to offer what the server refuses.
    let willing = ["-cipher", "ALL:@SECLEVEL=0"];
    for at in all_ports(&pod) {
        for (more, spoken) in [
            (vec!["-tls1_3"], true),
            (vec!["-tls1_2"], true),
            ([&["-tls1_1"][..], &willing].concat(), false),
            ([&["-tls1"][..], &willing].concat(), false),
            (vec!["-tls1_3", "-groups", "P-256"], true),
            (vec!["-tls1_3", "-groups", "X25519"], true),
            (vec!["-tls1_3", "-groups", "P-384"], false),
            (vec!["-tls1_3", "-groups", "ffdhe2048"], false),
            (vec!["-tls1_3", "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"], true),
            (vec!["-tls1_3", "-ciphersuites", "TLS_AES_128_CCM_SHA256"], false),
            (vec!["-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"], true),
            (vec!["-tls1_2", "-cipher", "ECDHE-RSA-CHACHA20-POLY1305"], true),
            (vec!["-tls1_2", "-cipher", "ECDHE-RSA-AES256-SHA384"], false),
            (vec!["-tls1_2", "-cipher", "AES128-GCM-SHA256"], false),
            (vec!["-tls1_2", "-cipher", "DHE-RSA-AES128-GCM-SHA256"], false),
            (vec!["-tls1_2", "-cipher", "AES128-SHA@SECLEVEL=0"], false),
        ] {
            let (ok, said) = handshake(&at, &ca, &more);
            assert_eq!(ok, spoken, "{at} {more:?}: {said}");
        }
    }
}

#[tokio::test]
async fn sslscan_finds_what_is_listed_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let pod = pod(&Certificates::make(dir.path()), &dir.path().join("data"));
    for at in all_ports(&pod) {
        let out = match Program::new("sslscan").args(["--no-colour", "--show-sigs", &at]).output() {
            Ok(out) => String::from_utf8(out.stdout).unwrap(),
            Err(e) => {
                assert!(!crate::support::in_ci(), "sslscan: {e}: run `make tools`");
                return;
            }
        };
        let protocols: Vec<&str> = out
            .lines()
            .filter(|l| l.starts_with("SSLv") || l.starts_with("TLSv"))
            .filter(|l| l.ends_with("enabled"))
            .collect();
        assert_eq!(
            protocols.iter().map(|l| l.split_whitespace().next().unwrap()).collect::<Vec<_>>(),
            ["TLSv1.2", "TLSv1.3"],
            "{out}"
        );
        let suites = out.lines().filter(|l| l.starts_with("Preferred") || l.starts_with("Accepted"));
        let mut suites: Vec<&str> = suites.map(|l| l.split_whitespace().nth(4).unwrap()).collect();
        suites.sort_unstable();
        // The certificate's key is RSA.
        let listed = [
            "ECDHE-RSA-AES128-GCM-SHA256",
            "ECDHE-RSA-AES256-GCM-SHA384",
            "ECDHE-RSA-CHACHA20-POLY1305",
            "TLS_AES_128_GCM_SHA256",
            "TLS_AES_256_GCM_SHA384",
            "TLS_CHACHA20_POLY1305_SHA256",
        ];
        assert_eq!(suites, listed, "{out}");
        let groups = out
            .lines()
            .skip_while(|l| !l.contains("Key Exchange Group"))
            .skip(1)
            .take_while(|l| !l.is_empty());
        let mut groups: Vec<&str> = groups.filter_map(|l| l.split_whitespace().nth(3)).collect();
        groups.sort_unstable();
        groups.dedup();
        assert_eq!(groups, ["secp256r1", "x25519"], "{out}");
        assert!(out.contains("Session renegotiation not supported"), "{out}");
    }
}

#[tokio::test]
async fn a_new_certificate_is_taken_at_sighup_and_a_bad_one_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let files = Certificates::make(dir.path());
    let pod = pod(&files, &dir.path().join("data"));
    let old_ca = dir.path().join("old-ca.pem");
    std::fs::copy(files.file("ca.pem"), &old_ca).unwrap();
    assert!(all_ports(&pod).iter().all(|at| handshake(at, &old_ca, &[]).0));
    // Another CA, another certificate, on the same paths.
    let files = Certificates::make(dir.path());
    pod.signal("HUP");
    pod.until_logged("a certificate was read again").await;
    for at in all_ports(&pod) {
        assert!(handshake(&at, &files.file("ca.pem"), &[]).0, "the new one is shown");
        assert!(!handshake(&at, &old_ca, &[]).0);
    }
    std::fs::write(files.file("server.pem"), "nothing that is a certificate").unwrap();
    pod.signal("HUP");
    pod.until_logged("the old one stays in use").await;
    assert!(pod.log().contains("server.pem: no certificate chain in PEM"));
    assert!(
        all_ports(&pod).iter().all(|at| handshake(at, &files.file("ca.pem"), &[]).0),
        "the one before stays"
    );
}

#[test]
fn what_cannot_be_used_is_refused_at_the_start_by_its_file() {
    let dir = tempfile::tempdir().unwrap();
    let files = Certificates::make(dir.path());
    let (certificate, key) = (files.file("server.pem"), files.file("server.key"));
    for (certificate, key, says) in [
        (certificate.clone(), "/nowhere.key".into(), "/nowhere.key: "),
        (certificate.clone(), files.file("client.key"), "client.key: "),
        (key.clone(), key.clone(), "server.key: no certificate chain"),
        (certificate, std::path::PathBuf::new(), "rest_tls.key_file, or neither"),
    ] {
        let out = Program::new(env!("CARGO_BIN_EXE_countersign"))
            .args(["all", "--ports", "auto", "--data"])
            .arg(dir.path().join("data"))
            .env("COUNTERSIGN_REST_TLS_CERTIFICATE_FILE", certificate)
            .env("COUNTERSIGN_REST_TLS_KEY_FILE", key)
            .output()
            .unwrap();
        let said = String::from_utf8(out.stderr).unwrap();
        assert!(out.status.code() == Some(1) && said.contains(says), "{says}: {said}");
    }
}
