//! Loads settings from a file and the environment.

use std::{collections::BTreeSet, path::Path};

use toml::{Table, Value};

use super::{Config, listener::Listener};

const PREFIX: &str = "COUNTERSIGN_";

/// Why the settings are not accepted.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("{0}: {1}")]
    File(String, String),
    #[error("there is no setting {0}{nearest}", nearest = .1.as_ref().map(|n| format!("; did you mean \
        {n}?")).unwrap_or_default())]
    Unknown(String, Option<String>),
    #[error("{0}: {1}")]
    Value(String, String),
    #[error("{0}")]
    Unsafe(String),
}

impl Config {
    /// Loads settings: first the defaults, then the file, then the environment, where the last one
    /// wins.
    ///
    /// # Errors
    /// When the file cannot be read, and for the first unknown setting or invalid value.
    pub fn load(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let defaults = Value::try_from(Self::default())
            .map_err(|e| ConfigError::Value("defaults".to_owned(), e.to_string()))?;
        let Value::Table(mut table) = defaults else {
            return Err(ConfigError::Value("defaults".to_owned(), "no table".to_owned()));
        };
        let known = leaves(&table);
        let (mut listener, mut said) = (Vec::new(), BTreeSet::new());
        if let Some(path) = file {
            let name = path.display().to_string();
            let text =
                std::fs::read_to_string(path).map_err(|e| ConfigError::File(name.clone(), e.to_string()))?;
            let mut given: Table =
                text.parse().map_err(|e: toml::de::Error| ConfigError::File(name, e.to_string()))?;
            if let Some(all) = given.remove("listener") {
                listener = listeners(&path.display().to_string(), all)?;
            }
            for (key, value) in leaves(&given) {
                set(&mut table, &known, &key, value)?;
                said.insert(key);
            }
        }
        let mut environment: Vec<_> = environment.collect();
        environment.sort();
        let environment = with_aliases(environment)?;
        for (name, text) in environment.clone() {
            let (name, text) = secret_file(name, text, &environment)?;
            let path = known.iter().map(|(path, _)| path).find(|path| twin(path) == name);
            let Some(path) = path else {
                let names: Vec<_> = known.iter().map(|(p, _)| twin(p)).collect();
                return Err(ConfigError::Unknown(name.clone(), nearest(&name, &names)));
            };
            let value = typed(&table, path, &text).map_err(|why| ConfigError::Value(name, why))?;
            set(&mut table, &known, &path.clone(), value)?;
            said.insert(path.clone());
        }
        judge(&table, file)?;
        let config: Self = Value::Table(table).try_into().map_err(|e: toml::de::Error| {
            ConfigError::Value("settings".to_owned(), e.message().to_owned())
        })?;
        Ok(Self { listener, said, ..config })
    }
}

/// Reads each `[[listener]]` of a file.
fn listeners(file: &str, all: Value) -> Result<Vec<Listener>, ConfigError> {
    let Value::Array(all) = all else {
        return Err(ConfigError::Value(
            format!("{file}: listener"),
            "write [[listener]], once for each".to_owned(),
        ));
    };
    let read = |(n, one): (usize, Value)| {
        let name = one
            .get("name")
            .and_then(Value::as_str)
            .map_or_else(|| format!("number {}", n + 1), |name| format!("{name:?}"));
        one.try_into().map_err(|e: toml::de::Error| {
            ConfigError::Value(format!("{file}: listener {name}"), e.message().to_owned())
        })
    };
    all.into_iter().enumerate().map(read).collect()
}

/// Tries every value alone among defaults, so that the error names the invalid one. Values from the
/// environment already have the right type.
fn judge(table: &Table, file: Option<&Path>) -> Result<(), ConfigError> {
    for (path, value) in leaves(table) {
        let Some((section, key)) = path.split_once('.') else { continue };
        let alone = Table::from_iter([(
            section.to_owned(),
            Value::Table(Table::from_iter([(key.to_owned(), value)])),
        )]);
        if let Err(e) = Value::Table(alone).try_into::<Config>() {
            let place = file.map(|f| format!("{}: ", f.display())).unwrap_or_default();
            return Err(ConfigError::Value(
                format!("{place}{path} ({} in the environment)", twin(&path)),
                e.message().to_owned(),
            ));
        }
    }
    Ok(())
}

/// Our variables, and the values of known variables of nextAuth under our names.
fn with_aliases(all: Vec<(String, String)>) -> Result<Vec<(String, String)>, ConfigError> {
    let mut ours: Vec<(String, String)> =
        all.iter().filter(|(name, _)| name.starts_with(PREFIX)).cloned().collect();
    for (theirs, text) in &all {
        let Some((path, value)) = super::aliases::carry(theirs, text)? else { continue };
        let name = twin(path);
        if let Some((_, other)) =
            ours.iter().find(|(other, _)| *other == name || *other == format!("{name}_FILE"))
            && *other != value
        {
            return Err(ConfigError::Value(
                theirs.clone(),
                format!("{name} is set, too, to something else; one of them must go"),
            ));
        }
        ours.push((name, value));
    }
    Ok(ours)
}

/// Settings that may contain a password; `…_FILE` names a file that contains the value.
const SECRETS: [&str; 3] = ["database.url", "kv.url", "sfs_database.url"];

/// Returns the variable itself, or, for `…_FILE`, the variable that it stands for with the contents
/// of the file.
fn secret_file(
    name: String,
    text: String,
    environment: &[(String, String)],
) -> Result<(String, String), ConfigError> {
    let Some(meant) = SECRETS.iter().map(|path| twin(path)).find(|meant| name == format!("{meant}_FILE"))
    else {
        return Ok((name, text));
    };
    if environment.iter().any(|(other, _)| *other == meant) {
        return Err(ConfigError::Value(name, format!("{meant} is set, too; one of them must go")));
    }
    let held = std::fs::read_to_string(&text)
        .map_err(|e| ConfigError::File(format!("{name} = {text}"), e.to_string()))?;
    Ok((meant, held.trim().to_owned()))
}

fn twin(path: &str) -> String {
    format!("{PREFIX}{}", path.replace('.', "_").to_uppercase())
}

fn leaves(table: &Table) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for (section, value) in table {
        match value {
            Value::Table(keys) => {
                found.extend(keys.iter().map(|(key, value)| (format!("{section}.{key}"), value.clone())))
            }
            other => found.push((section.clone(), other.clone())),
        }
    }
    found
}

fn set(table: &mut Table, known: &[(String, Value)], path: &str, value: Value) -> Result<(), ConfigError> {
    if !known.iter().any(|(p, _)| p == path) {
        let names: Vec<_> = known.iter().map(|(p, _)| p.clone()).collect();
        return Err(ConfigError::Unknown(path.to_owned(), nearest(path, &names)));
    }
    if let Some((section, key)) = path.split_once('.')
        && let Some(Value::Table(keys)) = table.get_mut(section)
    {
        keys.insert(key.to_owned(), value);
    }
    Ok(())
}

/// Converts the text to the type of the setting's default.
fn typed(table: &Table, path: &str, text: &str) -> Result<Value, String> {
    let default = path.split_once('.').and_then(|(section, key)| table.get(section)?.get(key));
    match default {
        Some(Value::Integer(_)) => {
            text.parse().map(Value::Integer).map_err(|_| format!("{text} is not a whole number"))
        }
        Some(Value::Boolean(_)) => {
            text.parse().map(Value::Boolean).map_err(|_| format!("{text} is neither true nor false"))
        }
        _ => Ok(Value::String(text.to_owned())),
    }
}

/// The most similar known name, if it is similar enough.
fn nearest(name: &str, known: &[String]) -> Option<String> {
    let best = known.iter().map(|k| (distance(name, k), k)).min()?;
    (best.0 <= name.len() / 3 + 1).then(|| best.1.clone())
}

/// Levenshtein distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let cost = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = cost.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
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
        assert_eq!(e.to_string(), "there is no setting phone.helo_ms; did you mean phone.hello_ms?");
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
        std::fs::write(&path, "postgres://ns:s3cret@db/ns\n").expect("written");
        let file = path.to_str().expect("a path");
        let c = load("", &[("COUNTERSIGN_DATABASE_URL_FILE", file)]).expect("fine");
        assert_eq!(c.database.url.0, "postgres://ns:s3cret@db/ns");
        assert!(!format!("{c:?}").contains("s3cret"));
        let both = [("COUNTERSIGN_DATABASE_URL_FILE", file), ("COUNTERSIGN_DATABASE_URL", "sqlite:///x")];
        assert!(load("", &both).expect_err("both").to_string().contains("one of them must go"));
        let gone = load("", &[("COUNTERSIGN_KV_URL_FILE", "/nowhere")]).expect_err("no file").to_string();
        assert!(gone.contains("/nowhere"), "{gone}");
    }

    #[test]
    fn what_the_deployments_set_is_there_to_be_set() {
        let compose: serde_json::Value =
            serde_saphyr::from_str(include_str!("../../deploy/compose.yaml")).expect("YAML");
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
        assert_eq!(
            (c.database.url.0.as_str(), c.kv.url.0.as_str(), c.public.phone.as_str()),
            ("postgres://ns:s3cret@db/ns", "redis://kv", "wss://ns.example")
        );
        let both = [("NEXTAUTH_NS_KV_URI", "redis://one"), ("COUNTERSIGN_KV_URL", "redis://two")];
        assert!(load("", &both).expect_err("both").to_string().contains("one of them must go"));
    }

    #[test]
    fn wrong_values_are_refused_by_name() {
        let e = load("", &[("COUNTERSIGN_PHONE_HELLO_MS", "soon")]).expect_err("no number");
        assert_eq!(e.to_string(), "COUNTERSIGN_PHONE_HELLO_MS: soon is not a whole number");
        let e = load("[listen]\nrest = \"here\"", &[]).expect_err("no address").to_string();
        assert!(e.contains("c.toml: listen.rest (COUNTERSIGN_LISTEN_REST in the environment): "), "{e}");
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
        assert!(load("[public]\nphone = \"ws://id.example\"", &[]).expect("parses").check().is_err());
    }
}
