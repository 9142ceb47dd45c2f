//! The second factor server as a service of this program: alone, and beside NS.

use std::{path::Path, process::Command};

use countersign_channel::{Greeting, ServerPin, p256::SigningKey};
use countersign_protocol::{
    ServerRole,
    codes::Close,
    frames::{AuthDevice, DeviceKind, Goodbye, Ping, SfsPhoneFrame, SfsServerFrame},
    outer::Outer,
};
use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Pod, RawPhone, Stage};

/// Returns what a phone pins. It is read from the database, because phones cannot register yet.
pub(super) fn pin(folder: &Path) -> ServerPin {
    const READ: &str = "import sqlite3, sys\n\
        c = sqlite3.connect(sys.argv[1])\n\
        print(c.execute('SELECT hex(id) FROM server').fetchone()[0])\n\
        print(c.execute('SELECT hex(public_key) FROM server_keys').fetchone()[0])\n";
    let out = Command::new("python3").args(["-c", READ]).arg(folder.join("sfs.sqlite")).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let said = String::from_utf8(out.stdout).unwrap();
    let bytes = |hex: &str| {
        (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect()
    };
    let [id, key]: [Vec<u8>; 2] = [0, 1].map(|n| bytes(said.lines().nth(n).unwrap()));
    ServerPin {
        role: ServerRole::Sfs,
        server_id: id.try_into().unwrap(),
        static_key: key.try_into().unwrap(),
    }
}

/// Does the handshake and sends one frame; returns the frames that follow and the code of the end.
pub(super) async fn talk(url: &str, pin: &ServerPin, frame: &SfsPhoneFrame) -> (Vec<SfsServerFrame>, u16) {
    let mut raw = RawPhone::dial(url, None).await;
    let (greeting, hello) = Greeting::start(pin).unwrap();
    raw.send(hello).await;
    let Some(Ok(Message::Binary(answer))) = raw.ws.next().await else { panic!("HELLO_OK") };
    let Ok(Outer::HelloOk { noise }) = Outer::parse(&answer) else { panic!("HELLO_OK") };
    let mut channel = greeting.finish(noise).unwrap().0;
    let sealed = channel.seal(&frame.encode()).unwrap();
    raw.ws.send(Message::Binary(sealed.into())).await.unwrap();
    let mut frames = Vec::new();
    loop {
        match raw.ws.next().await {
            Some(Ok(Message::Binary(bytes))) => {
                if let Ok(Outer::Data { sealed }) = Outer::parse(&bytes) {
                    frames.push(SfsServerFrame::decode(&channel.open(sealed).unwrap()).unwrap());
                }
            }
            Some(Ok(Message::Close(why))) => return (frames, why.unwrap().code.into()),
            other => panic!("{other:?}"),
        }
    }
}

/// A first frame with a key that is one, and a signature that is none.
pub(super) fn auth() -> SfsPhoneFrame {
    let public_key = SigningKey::generate().public();
    AuthDevice { kind: DeviceKind, sig: [2; 64], app_version: None, public_key }.into()
}

#[tokio::test]
async fn sfs_runs_alone_greets_phones_and_lets_nobody_in_without_a_key() {
    let dir = tempfile::tempdir().unwrap();
    let mut pod = Pod::role("sfs", dir.path(), &[], &[]);
    let url = pod.url("sfs");
    assert!(url.ends_with("/sfs/sigmai") && pod.ready.rest.is_none() && !pod.ready.phone.contains_key("ns"));
    assert_eq!(pod.admin("/livez").await, (200, "ok\n".to_owned()));
    assert_eq!(pod.admin("/readyz").await, (200, r#"{"ready":true,"causes":[]}"#.to_owned()));
    let pin = pin(dir.path());
    let goodbye = vec![SfsServerFrame::from(Goodbye { code: Close::AuthFailed })];
    assert_eq!(talk(&url, &pin, &auth()).await, (goodbye, 4000 + Close::AuthFailed.code()));
    let early = talk(&url, &pin, &Ping { nonce: 7 }.into()).await;
    assert_eq!(early, (Vec::new(), 1002), "nothing but ClientAuth comes first");
    let (_, metrics) = pod.admin("/metrics").await;
    let counted = r#"countersign_phone_handshakes_total{result="ok",service="sfs"} 2"#;
    assert!(metrics.contains(counted) && !metrics.contains(r#"service="ns""#), "{metrics}");
    let (_, status) = pod.admin("/").await;
    assert!(status.contains("Phones connected"), "{status}");
    for file in ["master.key", "sfs.sqlite"] {
        assert!(dir.path().join(file).exists(), "{file}");
    }
    assert!(!dir.path().join("ns.sqlite").exists() && !dir.path().join("root-api-key").exists());
    pod.signal("TERM");
    assert!(pod.ended().await.success());
    let again = Pod::role("sfs", dir.path(), &[], &[]);
    let url = again.url("sfs");
    assert_eq!(talk(&url, &pin, &auth()).await.1, 4000 + Close::AuthFailed.code(), "it is who it was");
}

#[tokio::test]
async fn beside_ns_it_has_a_folder_a_key_and_metrics_of_its_own_and_shares_ports() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let phone = stage.phone("alice").await;
    stage.approved(&mut phone.connect().await).await;
    let (ns, sfs) = (pod.url("phone"), pod.url("sfs"));
    assert_eq!(ns.replace("/ns/", "/sfs/"), sfs, "one port, by path");
    let folder = pod.data.join("sfs");
    let pin = pin(&folder);
    let (frames, _) = talk(&sfs, &pin, &auth()).await;
    assert_eq!(frames, [Goodbye { code: Close::AuthFailed }.into()]);
    let key = |folder: &Path| std::fs::read(folder.join("master.key")).unwrap();
    assert_ne!(key(&folder), key(&pod.data.join("ns")));
    // A HELLO for a key that is not SFS's gets no HELLO_OK.
    let of_ns = ServerPin { role: ServerRole::Sfs, server_id: pin.server_id, static_key: [9; 32] };
    let mut raw = RawPhone::dial(&sfs, None).await;
    raw.send(Greeting::start(&of_ns).unwrap().1).await;
    assert!(!raw.answer_to_hello().await, "there is no such key");
    let (_, metrics) = pod.admin("/metrics").await;
    for service in ["ns", "sfs"] {
        assert!(metrics.contains(&format!("countersign_ready{{service=\"{service}\"}} 1")), "{metrics}");
    }
    let (_, status) = pod.admin("/status.json").await;
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    assert!(
        status["services"]["sfs"]["phone_connections"].is_i64() && status["logins_since_start"].is_object(),
        "{status}"
    );
}

#[tokio::test]
async fn where_ns_has_a_database_server_sfs_waits_for_one_of_its_own() {
    let (Some(postgres), Some(redis)) = (countersign_testkit::postgres(), countersign_testkit::redis())
    else {
        return;
    };
    let (database, kv) = (postgres.database(), redis.database());
    let of_ns = [("COUNTERSIGN_DATABASE_URL", database.as_str()), ("COUNTERSIGN_KV_URL", kv.as_str())];
    let dir = tempfile::tempdir().unwrap();
    let mut pod = Pod::on(dir.path(), &[], &of_ns);
    assert!(!pod.ready.phone.contains_key("sfs") && !pod.data.join("sfs").exists());
    assert!(pod.log().contains("SFS is left out"), "{}", pod.log());
    pod.signal("TERM");
    pod.ended().await;
    let own = postgres.database();
    let pod =
        Pod::on(dir.path(), &[], &[&of_ns[..], &[("COUNTERSIGN_SFS_DATABASE_URL", own.as_str())]].concat());
    assert!(pod.ready.phone.contains_key("sfs"));
    assert_eq!(pod.admin("/readyz").await.0, 200);
}

/// Runs the program; returns whether it succeeded, and its output.
fn countersign(args: &[&str], data: &Path) -> (bool, String) {
    let out =
        Command::new(env!("CARGO_BIN_EXE_countersign")).args(args).arg("--data").arg(data).output().unwrap();
    (
        out.status.success(),
        format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr)),
    )
}

#[tokio::test]
async fn init_makes_who_sfs_is_and_migrate_speaks_of_its_database() {
    let dir = tempfile::tempdir().unwrap();
    let (fine, said) = countersign(&["migrate", "--role", "sfs", "--check"], dir.path());
    assert!(!fine && said.contains("sfs: ") && said.contains("pending") && !said.contains("ns: "), "{said}");
    let (fine, said) = countersign(&["init", "--role", "sfs"], dir.path());
    assert!(fine && said.contains("ready for sfs") && !dir.path().join("root-api-key").exists(), "{said}");
    let made = pin(dir.path());
    let (fine, said) = countersign(&["migrate", "--role", "sfs", "--check"], dir.path());
    assert!(fine && said.contains("sfs: the database is up to date"), "{said}");
    let pod = Pod::role("sfs", dir.path(), &[], &[]);
    let now = pin(dir.path());
    assert_eq!((made.server_id, made.static_key), (now.server_id, now.static_key), "the start made no other");
    assert_eq!(pod.admin("/readyz").await.0, 200);
}

#[tokio::test]
async fn init_prepares_both_services_of_all() {
    let dir = tempfile::tempdir().unwrap();
    let (fine, said) = countersign(&["init"], dir.path());
    assert!(fine && said.contains("ready for ns and sfs"), "{said}");
    let made = pin(&dir.path().join("sfs"));
    let (fine, said) = countersign(&["migrate", "--check", "--json"], dir.path());
    let told: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert!(
        fine && told["services"]["sfs"]["pending"].as_array().unwrap().is_empty()
            && told["pending"].is_array(),
        "{said}"
    );
    let pod = Pod::on(dir.path(), &[], &[]);
    assert_eq!(pin(&pod.data.join("sfs")).server_id, made.server_id);
}
