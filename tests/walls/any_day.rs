//! The test suite passes on any machine and any day: these tests look for what could make it depend
//! on either. `make test-later` shows that it really does not.

use std::{
    fs,
    path::{Path, PathBuf},
};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Ways to read the time of day other than through the port `Clock` (ADR 0019).
const OTHER_CLOCKS: [&str; 6] =
    ["'TIME'", "CURRENT_TIMESTAMP", "NOW()", "dsl::now", "Utc::now()", "OffsetDateTime::now"];

/// Returns the first other clock that a text uses. Rust is case-sensitive, and `now()` may be our
/// own clock's; SQL and Lua are compared in capitals.
fn asks_another_clock(text: &str, rust: bool) -> Option<&'static str> {
    let text = if rust { text.to_owned() } else { text.to_uppercase() };
    OTHER_CLOCKS.into_iter().find(|how| text.contains(how))
}

fn files(below: &Path, extensions: &[&str], found: &mut Vec<PathBuf>) {
    for path in fs::read_dir(below).unwrap().map(|e| e.unwrap().path()) {
        if path.is_dir() {
            files(&path, extensions, found);
        } else if path.extension().is_some_and(|e| extensions.iter().any(|wanted| e == *wanted)) {
            found.push(path);
        }
    }
}

#[test]
fn nothing_of_ours_asks_another_clock_for_the_time_of_day() {
    let mut ours = Vec::new();
    for folder in ["actors", "crates", "migrations", "services", "src"] {
        files(&Path::new(ROOT).join(folder), &["rs", "sql", "lua"], &mut ours);
    }
    assert!(ours.len() > 200, "{}", ours.len());
    for file in ours {
        let text = fs::read_to_string(&file).unwrap();
        let rust = file.extension().is_some_and(|e| e == "rs");
        assert_eq!(asks_another_clock(&text, rust), None, "{}", file.display());
    }
    assert!(
        asks_another_clock("local t = redis.call('time')", false).is_some()
            && asks_another_clock("SET seen = now()", false).is_some()
    );
    assert!(asks_another_clock("sql_query(\"SELECT NOW()\")", true).is_some());
    assert_eq!(asks_another_clock("let now = self.clock.now();", true), None);
}

/// Returns the lines that are neither empty nor comments.
fn told(file: &str) -> Vec<String> {
    let text = fs::read_to_string(Path::new(ROOT).join(file)).unwrap();
    text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#')).map(str::to_owned).collect()
}

#[test]
fn what_is_installed_for_the_tests_has_the_same_version_on_every_day() {
    let pinned = told(".ci/constraints.txt");
    assert!(pinned.len() > 20 && pinned.iter().all(|l| l.contains("==")), "{pinned:#?}");
    // PyPI ignores case in names, and treats `-` and `_` alike.
    let plain = |line: &String| line.to_lowercase().replace('_', "-");
    let known: Vec<String> = pinned.iter().map(plain).collect();
    for line in [told(".ci/requirements.txt"), told("tests/python/requirements.txt")].concat() {
        assert!(known.contains(&plain(&line)), "{line} is not in .ci/constraints.txt");
    }
    let json = |file: &str| -> serde_json::Value {
        serde_json::from_str(&fs::read_to_string(Path::new(ROOT).join(file)).unwrap()).unwrap()
    };
    let (wanted, locked) = (json("tests/node/package.json"), json("tests/node/package-lock.json"));
    assert_eq!(
        locked["packages"][""]["dependencies"], wanted["dependencies"],
        "run npm install in tests/node"
    );
    for (name, version) in json("examples/typescript/package.json")["devDependencies"].as_object().unwrap() {
        assert_eq!(
            wanted["dependencies"][name], *version,
            "the example's {name} is the one it is tested with"
        );
    }
}

/// Tests call their tools in the locale C, because in a Turkish locale, `kill -CONT` of procps is
/// an invalid argument.
#[test]
fn tools_are_called_in_a_locale_that_every_machine_has() {
    let mut ours = Vec::new();
    for folder in ["bench", "chaos", "crates/testkit", "sim", "tests"] {
        files(&Path::new(ROOT).join(folder), &["rs"], &mut ours);
    }
    let direct = |text: &str| {
        ["kill", "pkill", "openssl", "id", "getent", "ps"].into_iter().find(|tool| {
            // Whatever name the file gives to `std::process::Command`.
            let call = ["::new(\"", tool, "\")"].concat();
            text.split(&call).skip(1).any(|after| !after.starts_with(".env(\"LC_ALL\", \"C\")"))
        })
    };
    for file in &ours {
        let text = fs::read_to_string(file).unwrap();
        assert_eq!(direct(&text), None, "{}: call it by countersign_testkit::tool", file.display());
    }
    let fixture = ["Program::new(", "\"kill\")"].concat();
    assert!(direct(&fixture).is_some() && ours.len() > 50);
}
