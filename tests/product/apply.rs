//! `countersign apply`, `init` and `app`, as an operator and a publisher use them.

use std::{
    path::Path,
    process::{Command, Output},
};

use countersign_api::{Confirm, NewApiKey, Permission, roles};
use countersign_protocol::link::Link;

use crate::support::{Pod, Stage, program};

fn run(program: &str, args: &[&str]) -> Output {
    Command::new(program).args(args).output().unwrap()
}

fn countersign(args: &[&str]) -> Result<String, String> {
    let out = run(env!("CARGO_BIN_EXE_countersign"), args);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    if out.status.success() { Ok(text(&out.stdout)) } else { Err(text(&out.stderr)) }
}

fn apply(pod: &Pod, file: &Path, more: &[&str]) -> Result<String, String> {
    let args = [&["apply", file.to_str().unwrap(), "--data", pod.data.to_str().unwrap()], more].concat();
    countersign(&args)
}

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/apply.example.toml");

#[tokio::test]
async fn a_file_is_applied_once_and_a_rehearsal_changes_nothing() {
    let pod = Pod::start();
    let example = Path::new(EXAMPLE);
    let rehearsal = apply(&pod, example, &["--dry-run"]).unwrap();
    assert!(rehearsal.contains("+ realm shop") && rehearsal.contains("+ client shop/web"), "{rehearsal}");
    assert_eq!(countersign_api_code(&pod, "shop").await, "not_found", "nothing was made");
    let done = apply(&pod, example, &[]).unwrap();
    assert_eq!(done.lines().filter(|l| l.starts_with('+')).count(), 4, "{done}");
    let client = pod.root().clients("shop").await.unwrap().remove(0);
    assert_eq!((client.name.as_str(), client.origins), ("web", vec!["https://shop.example".to_owned()]));
    let role =
        pod.root().roles("shop").await.unwrap().items.into_iter().find(|r| r.name == "support").unwrap();
    assert_eq!(
        role.permissions,
        [Permission::AccountsBlock, Permission::Events, Permission::UsersRead, Permission::AccountsRead]
    );
    assert_eq!(apply(&pod, example, &[]).unwrap(), "Nothing to do.\n");
    assert_eq!(client.id, pod.root().clients("shop").await.unwrap()[0].id, "the client is the same one");
}

const YAML: &str = r#"
realms:
  - name: shop
    display_name: Example Shop
    settings:
      session_secs: 28800
      enrolment_confirm: [number, phone]
      number_match: {qr: false, link: true, directed: true}
    registrars: [web]
    clients:
      - name: web
        display_name: The shop's website
        origins: [https://shop.example]
        return_urls: [https://shop.example/back]
        accepts_enrolments_of: [web]
        templates: {login: Log in to the shop, order: "Show order {number}"}
    roles:
      - name: support
        permissions: [users_read, accounts_read, accounts_block, events]
    apps:
      - id: com.example.shop
        display_name: The shop's app
        min_version: "2.0"
"#;

#[tokio::test]
async fn the_same_in_yaml_is_the_same() {
    let pod = Pod::start();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("realms.yaml");
    apply(&pod, Path::new(EXAMPLE), &[]).unwrap();
    std::fs::write(&file, YAML).unwrap();
    assert_eq!(apply(&pod, &file, &[]).unwrap(), "Nothing to do.\n");
    std::fs::write(&file, YAML.replace("28800", "3600")).unwrap();
    assert!(apply(&pod, &file, &[]).unwrap().contains("settings.session_secs: 28800 → 3600"));
    for (from, to, says) in [
        ("session_secs", "session_days", "session_days"),
        ("users_read", "fly", "fly"),
        ("Example Shop", "&a [*a]", "display_name"),
        ("[https", "[[[https", "line"),
    ] {
        std::fs::write(&file, YAML.replace(from, to)).unwrap();
        let why = apply(&pod, &file, &[]).unwrap_err();
        assert!(why.contains(says), "{from} as {to}\n{why}");
    }
}

async fn countersign_api_code(pod: &Pod, realm: &str) -> String {
    crate::support::code(pod.root().realm(realm).await)
}

#[tokio::test]
async fn differences_are_told_member_by_member_and_pruning_takes_an_explicit_word() {
    let pod = Pod::start();
    apply(&pod, Path::new(EXAMPLE), &[]).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("changed.toml");
    let text = std::fs::read_to_string(EXAMPLE).unwrap();
    let changed = text
        .replace("session_secs = 28800", "session_secs = 3600")
        .replace(r#"name = "web""#, r#"name = "site""#);
    std::fs::write(&file, &changed).unwrap();
    let told = apply(&pod, &file, &[]).unwrap();
    assert!(
        told.contains("~ realm shop\n    settings.session_secs: 28800 → 3600")
            && told.contains("+ client shop/site"),
        "{told}"
    );
    assert_eq!(pod.root().clients("shop").await.unwrap().len(), 2, "what the file does not name stays");
    std::fs::write(&file, changed.replace("prune = false", "prune = true")).unwrap();
    let json = apply(&pod, &file, &["--json"]).unwrap();
    let gone: serde_json::Value = serde_json::from_str(json.trim()).unwrap();
    assert_eq!((&gone["action"], &gone["object"]), (&"delete".into(), &"client shop/web".into()));
    assert_eq!(gone["effect"], "its API keys stop working");
    assert_eq!(pod.root().clients("shop").await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_file_that_is_wrong_says_where() {
    let pod = Pod::start();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("wrong.toml");
    for (text, says) in [
        ("[[realm]]\nname = \"shop\"", "display_name"),
        ("[[realm]]\nname = \"shop\"\ndisplay_name = \"S\"\ncolour = 1", "colour"),
        ("[[realm]]\nname = \"Shop!\"\ndisplay_name = \"S\"", "realm Shop!: name:"),
        (
            "[[realm]]\nname = \"shop\"\ndisplay_name = \"S\"\n[[realm.client]]\nname \
                = \"web\"\ndisplay_name = \"W\"\norigins = [\"http://shop.example\"]",
            "client shop/web: origins:",
        ),
        ("[[realm]]\nname = \"shop\"\ndisplay_name = \"S\"\nsettings.login_secs = 1", "/settings/login_secs"),
        ("[[role]]\nname = \"x\"\npermissions = [\"fly\"]", "fly"),
    ] {
        std::fs::write(&file, text).unwrap();
        let why = apply(&pod, &file, &[]).unwrap_err();
        assert!(why.contains(says), "{text}\n{why}");
        // Only the server checks the values of settings, so a dry run does not.
        let rehearsed = apply(&pod, &file, &["--dry-run"]);
        assert!(says.starts_with("/settings") || rehearsed.is_err_and(|why| why.contains(says)), "{text}");
    }
    assert!(
        countersign(&["apply", EXAMPLE, "--data", dir.path().to_str().unwrap()])
            .unwrap_err()
            .contains("is it running?")
    );
}

#[tokio::test]
async fn init_prepares_a_directory_that_a_pod_then_uses() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let settings = dir.path().join("settings.toml");
    std::fs::write(&settings, "[kv]\nurl = \"redis://127.0.0.1:1\"\n").unwrap();
    let (settings, into) = (settings.to_str().unwrap(), data.to_str().unwrap());
    let first = countersign(&["init", "--json", "--data", into, "--config", settings]);
    let first = first.expect("keys and databases need no Redis");
    let first: serde_json::Value = serde_json::from_str(&first).unwrap();
    assert_eq!(first["root_api_key_made"], true);
    let key = std::fs::read_to_string(data.join("root-api-key")).unwrap();
    assert!(
        countersign(&["init", "--data", data.to_str().unwrap()]).unwrap().contains("stays"),
        "doing it again does nothing"
    );
    let pod = Pod::on(&data, &[], &[]);
    assert_eq!(pod.root_key(), key.trim());
    let own = pod.root().own_api_key().await.unwrap();
    assert_eq!(own.role, roles::ROOT);
    pod.root().create_api_key(&NewApiKey { role: roles::ROOT.into(), ..NewApiKey::default() }).await.unwrap();
}

#[tokio::test]
async fn an_app_enrols_only_where_its_publisher_says() {
    let pod = Pod::start();
    let (home, elsewhere) = (Stage::set(&pod).await, Stage::set(&pod).await);
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let public = countersign(&["app", "key", &file("publisher.key")]).unwrap();
    assert_eq!(
        countersign(&["app", "key", &file("publisher.key")]).unwrap(),
        public,
        "a key that is there stays"
    );
    let enrolment = home.new_enrolment("alice", Confirm::None).await;
    let Link::Enrol(link) = Link::parse(enrolment.link.as_ref().unwrap()).unwrap() else {
        panic!("an enrolment link")
    };
    let pin = base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, link.root_pin);
    std::fs::write(
        file("app.toml"),
        format!("app = \"com.example.bank\"\nrealms = [\"{pin}\"]\nvalid_days = 30\n"),
    )
    .unwrap();
    let signed = countersign(&["app", "sign", &file("app.toml"), "--key", &file("publisher.key")]).unwrap();
    for days in ["0", "999999999999"] {
        std::fs::write(
            file("odd.toml"),
            format!("app = \"com.example.bank\"\nrealms = \"open\"\nvalid_days = {days}\n"),
        )
        .unwrap();
        let odd = countersign(&["app", "sign", &file("odd.toml"), "--key", &file("publisher.key")]);
        assert!(odd.unwrap_err().contains("valid_days is 1 to 36500"));
    }
    std::fs::write(file("app.jws"), &signed).unwrap();
    let says = countersign(&["app", "check", &file("app.jws"), "--publisher", public.trim()]).unwrap();
    assert_eq!(says.trim(), "com.example.bank may enrol at 1 listed realms");
    let enrol = |link: &str, state: &str, publisher: &str| {
        let (state, config) = (file(state), file("app.jws"));
        run(
            program("countersign-phone").to_str().unwrap(),
            &["--state", &state, "enrol", link, "--app-config", &config, "--publisher", publisher],
        )
    };
    assert!(enrol(enrolment.link.as_ref().unwrap(), "phone", public.trim()).status.success());
    assert_eq!(home.api.accounts(&home.realm, "alice").await.unwrap()[0].app, "com.example.bank");
    let other = elsewhere.new_enrolment("alice", Confirm::None).await;
    let refused = enrol(other.link.as_ref().unwrap(), "other", public.trim());
    assert!(String::from_utf8(refused.stderr).unwrap().contains("may not enrol at this realm"));
    assert_eq!(
        elsewhere.api.enrolment(&elsewhere.realm, &other.id, 0, 0).await.unwrap().v,
        1,
        "the server never heard of it"
    );
    let stranger = countersign(&["app", "key", &file("stranger.key")]).unwrap();
    let forged = enrol(enrolment.link.as_ref().unwrap(), "third", stranger.trim());
    assert!(String::from_utf8(forged.stderr).unwrap().contains("not its publisher's"));
}
