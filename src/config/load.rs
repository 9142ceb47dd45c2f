//! Loads settings from a file and the environment.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use toml::{Table, Value};

use super::{
    Config, aliases,
    listener::{Listener, address},
    names::{PREFIX, is_service_link, nearest, twin},
    ranges,
};
use crate::secret_files;

/// Why the settings are not accepted. No text contains a secret.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("{0}: {1}")]
    File(String, String),
    /// The file that names it, the name, and a known one that is similar.
    #[error("{place}there is no setting {1}{nearest}",
        place = .0.as_ref().map(|file| format!("{file}: ")).unwrap_or_default(),
        nearest = .2.as_ref().map(|n| format!("; did you mean {n}?")).unwrap_or_default())]
    Unknown(Option<String>, String, Option<String>),
    #[error("{0}: {1}")]
    Value(String, String),
    #[error("{0}")]
    Unsafe(String),
}

/// A value, and where it comes from, for messages.
struct Given {
    path: String,
    value: Value,
    from: String,
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
        let known = leaves(&table).into_iter().collect();
        let (listener, mut all) = file.map(|path| in_file(path, &known)).transpose()?.unwrap_or_default();
        all.extend(in_environment(environment, &known)?);
        let mut said = BTreeSet::new();
        for Given { path, value, from } in all {
            judge(&path, &value).map_err(|why| ConfigError::Value(from, why))?;
            set(&mut table, &path, value);
            said.insert(path);
        }
        let config: Self = Value::Table(table).try_into().map_err(|e: toml::de::Error| {
            ConfigError::Value("settings".to_owned(), e.message().to_owned())
        })?;
        Ok(Self { listener, said, ..config })
    }
}

/// The settings in a file.
fn in_file(path: &Path, known: &BTreeMap<String, Value>) -> Result<(Vec<Listener>, Vec<Given>), ConfigError> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|e| {
        let why = match e.kind() {
            std::io::ErrorKind::InvalidData => "is not in UTF-8: save it as UTF-8 text".to_owned(),
            _ => e.to_string(),
        };
        ConfigError::File(name.clone(), why)
    })?;
    let parsed = text.parse::<Table>();
    // The parser's own text shows the line, which may contain a password.
    let mut given = parsed.map_err(|e| ConfigError::File(name.clone(), syntax(&e, &text)))?;
    let listener = given.remove("listener").map(|all| listeners(&name, all)).transpose()?.unwrap_or_default();
    let mut found = Vec::new();
    for (key, value) in leaves(&given) {
        if !known.contains_key(&key) {
            let names: Vec<_> = known.keys().cloned().collect();
            let near = nearest(&key, &names);
            return Err(ConfigError::Unknown(Some(name), key, near));
        }
        let value = match value {
            Value::String(text) => Value::String(text.trim().to_owned()),
            other => other,
        };
        let from = format!("{name}: {key} ({} in the environment)", twin(&key));
        found.push(Given { path: key, value, from });
    }
    Ok((listener, found))
}

/// What is wrong with a TOML file, and where.
fn syntax(e: &toml::de::Error, text: &str) -> String {
    let line =
        e.span().and_then(|span| text.get(..span.start)).map(|before| before.matches('\n').count() + 1);
    line.map_or_else(|| e.message().to_owned(), |line| format!("line {line}: {}", e.message()))
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

/// The settings in the environment, under our names and nextAuth's.
fn in_environment(
    environment: impl Iterator<Item = (String, String)>,
    known: &BTreeMap<String, Value>,
) -> Result<Vec<Given>, ConfigError> {
    let environment: BTreeMap<String, String> = environment.collect();
    let mut found: BTreeMap<String, Given> = BTreeMap::new();
    for (name, text) in &environment {
        if let Some(given) = ours(name, text, known)? {
            // The setting and its file.
            if let Some(other) = found.get(&given.path) {
                return Err(ConfigError::Value(
                    name.clone(),
                    format!("{} is set, too; one of them must go", other.from),
                ));
            }
            found.insert(given.path.clone(), given);
        }
    }
    for (theirs, text) in &environment {
        let Some((path, text)) = aliases::carry(theirs, text)? else { continue };
        let value = typed(known.get(path), &text).map_err(|why| ConfigError::Value(theirs.clone(), why))?;
        if found.get(path).is_some_and(|other| other.value != value) {
            return Err(ConfigError::Value(
                theirs.clone(),
                format!("{} is set, too, to something else; one of them must go", found[path].from),
            ));
        }
        found.insert(path.to_owned(), Given { path: path.to_owned(), value, from: theirs.clone() });
    }
    Ok(found.into_values().collect())
}

/// The setting that one of our variables means; `None` if the variable is not ours.
fn ours(name: &str, text: &str, known: &BTreeMap<String, Value>) -> Result<Option<Given>, ConfigError> {
    if !name.starts_with(PREFIX) {
        return Ok(None);
    }
    let text = text.trim();
    let of_file = |path: &&&str| name == format!("{}_FILE", twin(path));
    let (path, text, from) = if let Some(path) = known.keys().find(|path| twin(path) == name) {
        (path.clone(), text.to_owned(), format!("{name} ({path})"))
    } else if let Some(path) = SECRETS.iter().find(of_file) {
        ((*path).to_owned(), secret_file(name, text)?, format!("{name} = {text}"))
    } else if is_service_link(name, text) {
        return Ok(None);
    } else {
        let names: Vec<_> = known.keys().map(|path| twin(path)).collect();
        return Err(ConfigError::Unknown(None, name.to_owned(), nearest(name, &names)));
    };
    let refuse = |why: &str| Err(ConfigError::Value(from.clone(), why.to_owned()));
    let quoted = |quote| text.len() > 1 && text.starts_with(quote) && text.ends_with(quote);
    if quoted('"') || quoted('\'') {
        return refuse("the value is in quotes, which are part of it here; leave them out");
    }
    if text.is_empty() && SECRETS.contains(&path.as_str()) {
        return refuse("is set to nothing; set a value, or do not set it");
    }
    let value = typed(known.get(&path), &text).map_err(|why| ConfigError::Value(from.clone(), why))?;
    Ok(Some(Given { path, value, from }))
}

/// Settings that may contain a password; `…_FILE` names a file that contains the value.
const SECRETS: [&str; 4] = ["database.url", "kv.url", "kv.sentinel_password", "sfs_database.url"];

/// The content of a file that a variable names, without blanks and line breaks around it.
///
/// # Errors
/// When it cannot be read, or contains nothing: its maker failed, and the default, which is a
/// database of this pod alone, is not what was meant.
pub(super) fn secret_file(name: &str, path: &str) -> Result<String, ConfigError> {
    let refuse = |why: String| ConfigError::File(format!("{name} = {path}"), why);
    let held = secret_files::read(Path::new(path)).map_err(|e| refuse(e.to_string()))?;
    match held.trim_start_matches('\u{feff}').trim() {
        "" => Err(refuse("the file is empty".to_owned())),
        text => Ok(text.to_owned()),
    }
}

/// Tries a value alone among defaults, so that the error is about this one.
fn judge(path: &str, value: &Value) -> Result<(), String> {
    if let Some(number) = value.as_integer() {
        ranges::check(path, number)?;
    }
    let mut alone = Table::new();
    let Some((section, key)) = path.split_once('.') else { return Ok(()) };
    if let ("listen", true, Some(text)) = (section, key != "allow_plaintext", value.as_str()) {
        address(text)?;
    }
    alone.insert(section.to_owned(), Value::Table(Table::from_iter([(key.to_owned(), value.clone())])));
    Value::Table(alone).try_into::<Config>().map(drop).map_err(|e| e.message().to_owned())
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

fn set(table: &mut Table, path: &str, value: Value) {
    if let Some((section, key)) = path.split_once('.')
        && let Some(Value::Table(keys)) = table.get_mut(section)
    {
        keys.insert(key.to_owned(), value);
    }
}

/// Converts the text to the type of the setting's default.
fn typed(default: Option<&Value>, text: &str) -> Result<Value, String> {
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

#[cfg(test)]
mod tests;
