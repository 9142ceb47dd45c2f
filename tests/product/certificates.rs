//! Client certificates: what a port asks for, and which ones are accepted.

use std::path::Path;

use countersign_api::{ApiClient, ApiError, NewApiKey, NewClient, NewClientCertificate, roles};
use countersign_testkit::Certificates;

use crate::support::{Pod, code};

/// Starts a pod whose REST port asks for client certificates.
fn pod(files: &Certificates, mode: &str, dir: &Path) -> Pod {
    let path = |name: &str| files.file(name).display().to_string();
    let mut env = vec![
        ("COUNTERSIGN_REST_TLS_CERTIFICATE_FILE", path("server.pem")),
        ("COUNTERSIGN_REST_TLS_KEY_FILE", path("server.key")),
        ("COUNTERSIGN_REST_TLS_CLIENT_CERTIFICATES", mode.to_owned()),
    ];
    if mode == "ca" {
        env.push(("COUNTERSIGN_REST_TLS_CLIENT_CA_FILE", path("ca.pem")));
    }
    let env: Vec<(&str, &str)> = env.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Pod::on(&dir.join(format!("data-{mode}")), &[], &env)
}

fn read(files: &Certificates, name: &str) -> String {
    std::fs::read_to_string(files.file(name)).unwrap()
}

fn identity(files: &Certificates, name: &str) -> Vec<u8> {
    format!("{}{}", read(files, &format!("{name}.pem")), read(files, &format!("{name}.key"))).into_bytes()
}

/// Returns the result of a call with this certificate: `in`, the problem's code, or `handshake`.
async fn tried(pod: &Pod, ca: &[u8], identity: Option<Vec<u8>>) -> String {
    let api = match identity {
        Some(identity) => ApiClient::showing(&pod.url("rest"), &identity, ca).unwrap(),
        None => ApiClient::trusting(&pod.url("rest"), "", ca).unwrap(),
    };
    match api.own_api_key().await {
        Ok(_) => "in".to_owned(),
        Err(ApiError::Unreachable(_)) => "handshake".to_owned(),
        Err(e) => e.code().unwrap_or("?").to_owned(),
    }
}

#[tokio::test]
async fn three_modes_and_only_listed_certificates_that_are_not_over_are_let_in() {
    let (dir, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (ours, strange) = (Certificates::make(dir.path()), Certificates::make(elsewhere.path()));
    let ca = std::fs::read(ours.file("ca.pem")).unwrap();
    // The mode; then the results of: no certificate · a listed one · an unlisted one · a listed but
    // expired one · a listed one of another CA.
    for (mode, wanted) in [
        ("optional", ["unauthorized", "in", "unauthorized", "unauthorized", "in"]),
        ("any", ["handshake", "in", "unauthorized", "unauthorized", "in"]),
        ("ca", ["handshake", "in", "unauthorized", "handshake", "handshake"]),
    ] {
        let pod = pod(&ours, mode, dir.path());
        // If a call presents a key and a certificate, the key counts.
        let root = ApiClient::showing(&pod.url("rest"), &identity(&ours, "client"), &ca)
            .unwrap()
            .with_key(&pod.root_key());
        let realm = pod.ready.realm.clone().unwrap();
        root.create_client(
            &realm,
            &NewClient { name: "shop".into(), display_name: "Shop".into(), ..NewClient::default() },
        )
        .await
        .unwrap();
        let new = |certificate: String| NewClientCertificate {
            certificate,
            role: roles::CLIENT.into(),
            realm: Some(realm.clone()),
            client: Some("shop".into()),
            ..NewClientCertificate::default()
        };
        for files in [&ours, &strange] {
            root.list_client_certificate(&new(read(files, "client.pem"))).await.unwrap();
        }
        assert_eq!(
            code(root.list_client_certificate(&new(read(&ours, "expired.pem"))).await),
            "invalid",
            "it is over"
        );
        let came = [
            tried(&pod, &ca, None).await,
            tried(&pod, &ca, Some(identity(&ours, "client"))).await,
            tried(&pod, &ca, Some(identity(&ours, "server"))).await,
            tried(&pod, &ca, Some(identity(&ours, "expired"))).await,
            tried(&pod, &ca, Some(identity(&strange, "client"))).await,
        ];
        assert_eq!(came, wanted, "{mode}");
    }
}

#[cfg(feature = "faults")]
#[tokio::test]
async fn a_listed_certificate_works_until_it_ends_or_is_taken_off_the_list() {
    let dir = tempfile::tempdir().unwrap();
    let files = Certificates::make(dir.path());
    let pod = pod(&files, "optional", dir.path());
    let ca = std::fs::read(files.file("ca.pem")).unwrap();
    let root = ApiClient::trusting(&pod.url("rest"), &pod.root_key(), &ca).unwrap();
    let new = NewClientCertificate {
        certificate: read(&files, "client.pem"),
        role: roles::ROOT.into(),
        ..NewClientCertificate::default()
    };
    let listed = root.list_client_certificate(&new).await.unwrap();
    assert_eq!(listed.fingerprint.len(), 64);
    assert_eq!(code(root.list_client_certificate(&new).await), "invalid", "it is listed already");
    for bad in
        ["", "no certificate", &format!("{0}{0}", read(&files, "client.pem")), &read(&files, "client.key")]
    {
        let new = NewClientCertificate { certificate: bad.to_owned(), ..new.clone() };
        assert_eq!(code(root.list_client_certificate(&new).await), "invalid", "{bad}");
    }
    let api = ApiClient::showing(&pod.url("rest"), &identity(&files, "client"), &ca).unwrap();
    assert_eq!(api.client_certificates().await.unwrap().items.len(), 1);
    assert_eq!(api.own_api_key().await.unwrap().id, listed.id);
    assert_eq!(code(api.rotate_own_api_key(&Default::default()).await), "forbidden", "it has no secret");
    // A certificate is not an API key, and an API key is not a certificate.
    assert_eq!(code(root.api_key(&listed.id).await), "not_found");
    assert!(root.api_keys().await.unwrap().items.iter().all(|k| k.id != listed.id));
    let key =
        root.create_api_key(&NewApiKey { role: roles::ROOT.into(), ..NewApiKey::default() }).await.unwrap();
    assert_eq!(code(root.client_certificate(&key.id).await), "not_found");
    assert_eq!(root.client_certificate(&listed.id).await.unwrap().fingerprint, listed.fingerprint);
    root.delete_client_certificate(&listed.id).await.unwrap();
    assert_eq!(code(api.realms().await), "unauthorized", "off the list at once");

    root.list_client_certificate(&new).await.unwrap();
    api.realms().await.unwrap();
    pod.later(3 * 86_400).await;
    assert_eq!(code(api.realms().await), "unauthorized", "the certificate is over, whoever looks at it");
}

#[tokio::test]
async fn settings_of_client_certificates_that_do_not_fit_together_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let files = Certificates::make(dir.path());
    let path = |name: &str| files.file(name).display().to_string();
    let tls = [
        ("COUNTERSIGN_REST_TLS_CERTIFICATE_FILE", path("server.pem")),
        ("COUNTERSIGN_REST_TLS_KEY_FILE", path("server.key")),
    ];
    let mode = |mode: &str| ("COUNTERSIGN_REST_TLS_CLIENT_CERTIFICATES", mode.to_owned());
    let ca = |file: &str| ("COUNTERSIGN_REST_TLS_CLIENT_CA_FILE", path(file));
    for (with_tls, more, says) in [
        (true, vec![mode("ca")], "rest_tls.client_ca_file, or neither"),
        (true, vec![mode("any"), ca("ca.pem")], "rest_tls.client_ca_file, or neither"),
        (false, vec![mode("any")], "needs rest_tls.certificate_file"),
        (true, vec![mode("some")], "client_certificates"),
        (true, vec![mode("ca"), ca("nothing.pem")], "nothing.pem"),
        (true, vec![mode("ca"), ca("server.key")], "server.key"),
    ] {
        let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_countersign"));
        program.args(["all", "--ports", "auto", "--data"]).arg(dir.path().join("data")).envs(more);
        if with_tls {
            program.envs(tls.clone());
        }
        let out = program.output().unwrap();
        let said = String::from_utf8(out.stderr).unwrap();
        assert!(
            out.status.code() == Some(1) && said.contains(says) && said.trim().lines().count() == 1,
            "{says}: {said}"
        );
    }
}
