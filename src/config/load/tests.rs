use countersign_store::url::DatabaseUrl;

use super::*;

fn load(file: &str, env: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("c.toml");
    std::fs::write(&path, file).expect("written");
    Config::load(Some(&path), env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())))
}

#[test]
fn the_environment_wins_over_the_file_and_the_file_over_the_defaults() {
    let c = load(
        "[phone]\nhello_ms = 10\nidle_ms = 20\n[listen]\nrest = \"127.0.0.1:1\"",
        &[("COUNTERSIGN_PHONE_HELLO_MS", "30"), ("OTHER", "x")],
    )
    .expect("fine");
    assert_eq!((c.phone.hello_ms, c.phone.idle_ms, c.phone.strangers), (30, 20, 4096));
    assert_eq!(c.listen.rest.port(), 1);
}

#[test]
fn unknown_keys_are_refused_with_the_nearest_name() {
    let e = load("[phone]\nhelo_ms = 10", &[]).expect_err("unknown");
    let told = e.to_string();
    assert!(
        told.ends_with("c.toml: there is no setting phone.helo_ms; did you mean phone.hello_ms?"),
        "{told}"
    );
    let e = load("", &[("COUNTERSIGN_LISTEN_RESTT", "x")]).expect_err("unknown");
    assert_eq!(
        e.to_string(),
        "there is no setting COUNTERSIGN_LISTEN_RESTT; did you mean COUNTERSIGN_LISTEN_REST?"
    );
    assert!(load("x = 1", &[]).is_err());
}

#[test]
fn a_secret_may_lie_in_a_file_and_is_never_shown() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("url");
    crate::secret_files::make(&path, b"postgres://ns:s3cret@db/ns\n").expect("written");
    let file = path.to_str().expect("a path");
    let c = load("", &[("COUNTERSIGN_DATABASE_URL_FILE", file)]).expect("fine");
    let Some(DatabaseUrl::Postgres(url)) = &c.database.url.0 else { panic!("{c:?}") };
    assert_eq!(url.password.as_ref().expect("a password").expose(), "s3cret");
    assert!(!format!("{c:?}").contains("s3cret"));
    let both = [("COUNTERSIGN_DATABASE_URL_FILE", file), ("COUNTERSIGN_DATABASE_URL", "sqlite:///x")];
    assert!(load("", &both).expect_err("both").to_string().contains("one of them must go"));
    let gone = load("", &[("COUNTERSIGN_KV_URL_FILE", "/nowhere")]).expect_err("no file").to_string();
    assert!(gone.contains("/nowhere"), "{gone}");
}

#[test]
fn what_the_deployments_set_is_there_to_be_set() {
    let compose: serde_json::Value =
        serde_saphyr::from_str(include_str!("../../../deploy/compose.yaml")).expect("YAML");
    let pod = compose["x-pod"]["environment"].as_object().expect("an environment");
    assert!(pod.len() > 10);
    let secret = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(secret.path(), "postgres://countersign:x@postgres/countersign").expect("written");
    let env: Vec<(String, String)> = pod
        .iter()
        .map(|(name, value)| {
            let value = value.as_str().expect("a text").replace("${HOST:?}", "login.example");
            (
                name.clone(),
                if name.ends_with("_URL_FILE") { secret.path().display().to_string() } else { value },
            )
        })
        .collect();
    let config = Config::load(None, env.into_iter()).expect("all are settings");
    config.check().expect("and safe ones");
    assert!(config.database_is_shared());
}

#[test]
fn an_environment_of_nextauth_carries_over() {
    let c = load(
        "",
        &[
            ("NEXTAUTH_NS_DB_URI", "postgres://ns:s3cret@db/ns"),
            ("NEXTAUTH_NS_KV_URI", "redis://kv"),
            ("NEXTAUTH_DEFAULT_SIGMAI_URI", "wss://ns.example/ns/sigmai"),
            ("NEXTAUTH_SECRET", "of another program"),
        ],
    )
    .expect("fine");
    let shown = |it: Option<String>| it.unwrap_or_default();
    assert_eq!(
        (
            shown(c.database.url.0.map(|url| url.to_string())),
            shown(c.kv.url.0.map(|url| url.to_string())),
            shown(c.public.phone.0)
        ),
        ("postgres://db/ns".to_owned(), "redis://kv".to_owned(), "wss://ns.example".to_owned())
    );
    let both = [("NEXTAUTH_NS_KV_URI", "redis://one"), ("COUNTERSIGN_KV_URL", "redis://two")];
    assert!(load("", &both).expect_err("both").to_string().contains("one of them must go"));
}

#[test]
fn wrong_values_are_refused_by_name() {
    let e = load("", &[("COUNTERSIGN_PHONE_HELLO_MS", "soon")]).expect_err("no number");
    assert_eq!(e.to_string(), "COUNTERSIGN_PHONE_HELLO_MS (phone.hello_ms): soon is not a whole number");
    let e = load("[listen]\nrest = \"here\"", &[]).expect_err("no address").to_string();
    assert!(e.contains("c.toml: listen.rest (COUNTERSIGN_LISTEN_REST in the environment): "), "{e}");
    for bad in ["localhost:0", "localhost:8080", "127.0.0.1", "8080", ":8080", "[::1]"] {
        let e = load("", &[("COUNTERSIGN_LISTEN_REST", bad)]).expect_err(bad).to_string();
        assert!(e.contains("write 127.0.0.1:8080, [::1]:8080 or 0.0.0.0:8080"), "{e}");
    }
    assert!(load("[phone", &[]).is_err());
}

#[test]
fn plaintext_beyond_loopback_takes_an_explicit_yes() {
    let open = load("[listen]\nrest = \"0.0.0.0:8080\"", &[]).expect("parses");
    assert!(open.check().expect_err("unsafe").to_string().contains("listen.allow_plaintext"));
    load("[listen]\nrest = \"0.0.0.0:8080\"\nallow_plaintext = true", &[])
        .expect("parses")
        .check()
        .expect("said yes");
    assert!(load("[public]\nphone = \"ws://id.example\"", &[]).is_err());
}

#[test]
fn values_are_trimmed_and_quotes_are_told() {
    let c = load("[kv]\nprefix = \" cs2 \"", &[("COUNTERSIGN_DATABASE_URL", "sqlite:///x/ns.sqlite\n")])
        .expect("fine");
    assert_eq!(c.kv.prefix.as_str(), "cs2");
    assert_eq!(c.database.url.0, Some(DatabaseUrl::Sqlite("/x/ns.sqlite".into())));
    let quoted = [("COUNTERSIGN_KV_PREFIX", "\"cs\"")];
    assert!(load("", &quoted).expect_err("quotes").to_string().contains("in quotes"));
}

#[test]
fn a_secret_that_is_empty_is_an_error_and_not_a_fresh_database() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("url");
    for content in ["", "\n", " \r\n"] {
        let _of_the_last_round = std::fs::remove_file(&path);
        crate::secret_files::make(&path, content.as_bytes()).expect("written");
        for name in [
            "COUNTERSIGN_DATABASE_URL_FILE",
            "COUNTERSIGN_KV_SENTINEL_PASSWORD_FILE",
            "NEXTAUTH_NS_DB_URI_FILE",
        ] {
            let e = load("", &[(name, path.to_str().expect("a path"))]).expect_err(name).to_string();
            assert!(e.contains(name) && e.contains("the file is empty"), "{e}");
        }
    }
    let e = load("", &[("COUNTERSIGN_DATABASE_URL", " ")]).expect_err("empty").to_string();
    assert!(e.contains("is set to nothing"), "{e}");
}

#[test]
fn what_a_cluster_sets_is_no_setting() {
    let links = [
        ("COUNTERSIGN_PORT", "tcp://10.0.0.1:8080"),
        ("COUNTERSIGN_SERVICE_HOST", "10.0.0.1"),
        ("COUNTERSIGN_NS_PORT_8080_TCP_ADDR", "10.0.0.1"),
    ];
    load("", &links).expect("ignored");
    assert!(load("", &[("COUNTERSIGN_PORT", "8080")]).is_err(), "that is a mistake of a person");
}

#[test]
fn a_wrong_value_is_told_with_its_source_and_without_its_secret() {
    for (file, env, parts) in [
        ("[kv]\nurl = \"redis://:s3#cret@h\"", vec![], ["c.toml: kv.url (COUNTERSIGN_KV_URL in", "%23"]),
        (
            "",
            vec![("COUNTERSIGN_DATABASE_URL", "postgres://ns:s3?cret@h/x")],
            ["COUNTERSIGN_DATABASE_URL (database.url)", "%3F"],
        ),
        ("", vec![("COUNTERSIGN_DATABASE_URL", "mysql://ns:s3cret@h")], ["names no database", "/NAME"]),
        ("[phone]\nworkers = -1", vec![], ["phone.workers", "between 0 and 1024"]),
        ("[log]\nlevel = \"warning\"", vec![], ["log.level", "did you mean warn?"]),
        ("[database]\ntls = \"verify_full\"", vec![], ["database.tls", "did you mean verify-full?"]),
        ("[kv]\nurl = redis://:s3cret@h", vec![], ["c.toml: line 2", ""]),
        ("", vec![("COUNTERSIGN_PUBLIC_APP", "wss://h")], ["COUNTERSIGN_PUBLIC_APP", "https://"]),
    ] {
        let e = load(file, &env).expect_err(file).to_string();
        assert!(parts.iter().all(|part| e.contains(part)), "{e}");
        assert!(!e.contains("s3") && !e.contains("cret"), "{e}");
    }
}
