//! Environment variables of nextAuth's servers, which are accepted so that an existing deployment
//! keeps working.
//!
//! Only names in the tables are used: others with the prefix `NEXTAUTH_` may belong to another
//! program (NextAuth.js).

mod ns;
mod sfs;

use super::ConfigError;

/// How a value is converted.
#[derive(Clone, Copy)]
enum Carry {
    AsIs,
    /// A URL. Its path and what follows are removed, because our URLs have other paths.
    Origin,
    /// A database's URL. Its parameters, which are for the other program's driver, are removed.
    Database,
    /// A log format; nextAuth calls the format that is not JSON `text`.
    Format,
    /// The path of a PEM file.
    File,
    /// The PEM itself, or the path of its file.
    Pem,
    /// The path of a file that contains the URL.
    InFile,
    DatabaseInFile,
}

/// nextAuth's name, our setting, and the conversion.
type Alias = (&'static str, &'static str, Carry);

/// Our setting and its value, if the name is in a table.
pub(super) fn carry(name: &str, text: &str) -> Result<Option<(&'static str, String)>, ConfigError> {
    let Some((_, path, how)) =
        [ns::TABLE, sfs::TABLE].into_iter().flatten().find(|(theirs, ..)| *theirs == name)
    else {
        return Ok(None);
    };
    let (text, in_file) = (text.trim(), || super::load::secret_file(name, text.trim()));
    let value = match how {
        Carry::AsIs => text.to_owned(),
        Carry::Origin => origin(text).to_owned(),
        Carry::Database => without_parameters(text).to_owned(),
        Carry::Format => if text == "json" { "json" } else { "pretty" }.to_owned(),
        Carry::Pem if text.contains("-----BEGIN") => {
            // The setting beside `…_file` takes the PEM itself.
            return Ok(Some((path.strip_suffix("_file").unwrap_or(path), text.to_owned())));
        }
        Carry::Pem | Carry::File => text.to_owned(),
        Carry::InFile => in_file()?,
        Carry::DatabaseInFile => without_parameters(&in_file()?).to_owned(),
    };
    Ok(Some((path, value)))
}

fn origin(url: &str) -> &str {
    let from = url.find("://").map_or(0, |at| at + 3);
    url[from..].find('/').map_or(url, |at| &url[..from + at])
}

fn without_parameters(url: &str) -> &str {
    url.split('?').next().unwrap_or(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_theirs_carries_to_a_setting_of_ours() {
        let all = toml::Value::try_from(super::super::Config::default()).expect("a table");
        for (name, path, _) in [ns::TABLE, sfs::TABLE].into_iter().flatten() {
            let (section, key) = path.split_once('.').expect("two parts");
            assert!(
                all.get(section).and_then(|s| s.get(key)).is_some(),
                "{name} carries to {path}, which is nothing"
            );
        }
    }

    #[test]
    fn values_mean_here_what_they_meant_there() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("uri");
        crate::secret_files::make(&file, b"mysql://u:p@db:3306/ns?loc=Local\n").expect("written");
        for (name, text, path, value) in [
            (
                "NEXTAUTH_DEFAULT_WEBSOCKET_URI",
                "wss://ns.example/ns/websocket",
                "public.page",
                "wss://ns.example",
            ),
            ("NEXTAUTH_DEFAULT_SIGMAI_URI", "wss://ns.example:8888", "public.phone", "wss://ns.example:8888"),
            (
                "NEXTAUTH_NS_DB_URI",
                "mysql://u:p@db:3306/ns?loc=Local",
                "database.url",
                "mysql://u:p@db:3306/ns",
            ),
            (
                "NEXTAUTH_NS_DB_URI_FILE",
                file.to_str().expect("a path"),
                "database.url",
                "mysql://u:p@db:3306/ns",
            ),
            ("NEXTAUTH_NS_KV_URI", "redis://kv:6379", "kv.url", "redis://kv:6379"),
            ("NEXTAUTH_NS_LOG_FORMAT", "text", "log.format", "pretty"),
            ("NEXTAUTH_NS_HTTP_TLS_KEY_FILE", "/run/key.pem", "rest_tls.key_file", "/run/key.pem"),
            (
                "NEXTAUTH_SFS_DB_URI",
                "postgres://sfs@db/sfs?sslmode=disable",
                "sfs_database.url",
                "postgres://sfs@db/sfs",
            ),
            (
                "NEXTAUTH_SFS_DB_URI_FILE",
                file.to_str().expect("a path"),
                "sfs_database.url",
                "mysql://u:p@db:3306/ns",
            ),
            ("NEXTAUTH_SFS_SIGMAI_TLS_KEY_FILE", "/run/key.pem", "phone_tls.key_file", "/run/key.pem"),
        ] {
            assert_eq!(carry(name, text).expect("fine"), Some((path, value.to_owned())), "{name}");
        }
        assert!(carry("NEXTAUTH_SECRET", "x").expect("not ours").is_none());
        for (name, path) in [
            ("NEXTAUTH_API_TLS_KEY", "rest_tls.key"),
            ("NEXTAUTH_NS_SIGMAI_TLS_KEY", "phone_tls.key"),
            ("NEXTAUTH_SFS_ADMIN_TLS_CERTIFICATE", "admin_tls.certificate"),
        ] {
            let pem = "-----BEGIN PRIVATE KEY-----";
            assert_eq!(carry(name, pem).expect("fine"), Some((path, pem.to_owned())), "{name}");
            let file = carry(name, "/run/key.pem").expect("fine").expect("a setting");
            assert_eq!(file, (&*format!("{path}_file"), "/run/key.pem".to_owned()), "{name}");
        }
    }
}
