//! Walls: which crate may not depend on which. Each wall has one reason, and an example that breaks
//! it.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use serde_json::Value;

/// Crate → the crates that its manifest names, without dev-dependencies.
type Floor = BTreeMap<String, Vec<String>>;

/// A dependency that a manifest must not name. [`strangers`] checks chains of dependencies.
struct Wall {
    who: fn(&str) -> bool,
    never: fn(&str) -> bool,
    why: &'static str,
    /// A crate and a dependency that break it.
    breach: (&'static str, &'static str),
}

/// The services; `GENERAL` are the crates that serve all of them.
const SERVICES: [&str; 7] = ["ns", "sfs", "mc", "idp", "mgmt", "demo", "bridge"];
const GENERAL: [&str; 10] =
    ["actors-shell", "api", "channel", "edge", "kv", "pin", "ports", "protocol", "server-url", "store"];

/// Returns the service that a crate belongs to, if any, as in `countersign-ns` or
/// `countersign-store-ns`.
fn service(name: &str) -> Option<&str> {
    let room = name.strip_prefix("countersign-")?;
    let last = room.rsplit('-').next()?;
    SERVICES.contains(&last).then_some(last)
}

/// Returns every chain of dependencies that leads from a crate to the crate of a service that it
/// must not know.
fn strangers(floor: &Floor) -> Vec<String> {
    let mut found = Vec::new();
    for name in floor.keys() {
        let room = name.strip_prefix("countersign-").unwrap_or(name);
        let mine = service(name);
        if mine.is_none() && !GENERAL.contains(&room) {
            continue;
        }
        let mut chains = vec![vec![name.as_str()]];
        let mut seen = BTreeSet::new();
        while let Some(chain) = chains.pop() {
            for next in floor.get(*chain.last().unwrap()).into_iter().flatten().filter(|d| ours(d)) {
                let longer = [&chain[..], &[next.as_str()]].concat();
                match service(next) {
                    Some(theirs) if Some(theirs) != mine => found.push(longer.join(" → ")),
                    _ if seen.insert(next) => chains.push(longer),
                    _ => {}
                }
            }
        }
    }
    found
}

fn one_of(names: &'static [&'static str]) -> impl Fn(&str) -> bool {
    move |n| names.contains(&n)
}

fn ours(n: &str) -> bool {
    n.starts_with("countersign")
}

/// Whether a crate is never part of a phone: the program, actors, rules, stores, services.
fn server_room(name: &str) -> bool {
    let room = name.strip_prefix("countersign-").unwrap_or(name);
    let kinds = ["actors-", "domain-", "kv", "store"];
    ["countersign", "edge", "ports"].contains(&room)
        || kinds.iter().any(|kind| room.starts_with(kind))
        || SERVICES.contains(&room)
}

static WALLS: &[Wall] = &[
    Wall {
        who: |n| n.starts_with("countersign-actors"),
        never: |d| {
            one_of(&[
                "actix-web",
                "actix-web-actors",
                "actix-http",
                "actix-server",
                "tokio-tungstenite",
                "diesel",
                "diesel-async",
                "redis",
                "bb8-redis",
                "openssl",
                "reqwest",
            ])(d)
        },
        why: "the heart knows neither HTTP nor SQL nor Redis nor TLS",
        breach: ("countersign-actors-ns", "diesel"),
    },
    Wall {
        who: |n| !n.starts_with("countersign-actors") && n != "countersign-ns",
        never: |d| one_of(&["actix", "actix-web-actors"])(d),
        why: "nobody but the heart and the page socket names actors; everybody else holds handles",
        breach: ("countersign-edge", "actix"),
    },
    Wall {
        who: |n| n.starts_with("countersign-domain-") || n == "countersign-ports",
        never: |d| {
            one_of(&[
                "tokio",
                "actix-rt",
                "actix",
                "actix-web",
                "futures-util",
                "diesel",
                "redis",
                "reqwest",
                "rand",
                "chrono",
                "time",
            ])(d)
        },
        why: "rules know no runtime, IO, wall clock or RNG",
        breach: ("countersign-domain-ns", "tokio"),
    },
    Wall {
        who: |n| one_of(&["countersign-protocol", "countersign-channel", "countersign-pin"])(n),
        never: |d| {
            one_of(&[
                "tokio",
                "actix-rt",
                "actix-web",
                "tokio-tungstenite",
                "futures-util",
                "async-trait",
                "socket2",
            ])(d)
        },
        why: "the phone links them too: no sockets, no async",
        breach: ("countersign-channel", "tokio"),
    },
    Wall {
        who: |n| SERVICES.iter().any(|s| n == format!("countersign-{s}")),
        never: |d| {
            one_of(&["diesel", "diesel-async", "redis", "bb8-redis"])(d)
                || d.starts_with("countersign-store")
                || d.starts_with("countersign-kv")
        },
        why: "services never name SQL or Redis",
        breach: ("countersign-ns", "countersign-store-ns"),
    },
    Wall {
        who: |n| one_of(&["countersign-demo", "countersign-idp", "countersign-mgmt"])(n),
        never: |d| ours(d) && d != "countersign-api",
        why: "customers of NS use its REST API and nothing else",
        breach: ("countersign-demo", "countersign-domain-ns"),
    },
    Wall {
        who: |n| one_of(&["countersign-sdk", "countersign-sim"])(n),
        never: server_room,
        why: "the phone never sees a server room",
        breach: ("countersign-sdk", "countersign-domain-ns"),
    },
    Wall {
        // The benchmark compares with the commits of a bare SQLite.
        who: |n| !n.starts_with("countersign-store") && n != "countersign-bench",
        never: |d| {
            one_of(&[
                "diesel",
                "diesel-async",
                "diesel_migrations",
                "libsqlite3-sys",
                "mysql_async",
                "tokio-postgres",
            ])(d)
        },
        why: "SQL stays in the stores",
        breach: ("countersign-edge", "diesel"),
    },
    Wall {
        who: |n| n != "countersign-edge",
        never: |d| one_of(&["openssl", "tokio-openssl", "actix-tls"])(d),
        why: "TLS of our own listeners lives at the edge; outwards it is rustls",
        breach: ("countersign-store", "openssl"),
    },
    Wall {
        who: |n| !one_of(&["countersign-kv", "countersign-kv-ns"])(n),
        never: |d| one_of(&["redis", "bb8-redis"])(d),
        why: "Redis stays behind the KV ports",
        breach: ("countersign", "redis"),
    },
    Wall {
        who: |n| n != "countersign-channel",
        never: |d| d == "snow",
        why: "one crate drives Noise",
        breach: ("countersign-sdk", "snow"),
    },
    Wall {
        who: |n| n != "countersign-pin",
        never: |d| d == "opaque-ke",
        why: "one crate drives OPAQUE",
        breach: ("countersign-domain-sfs", "opaque-ke"),
    },
    Wall {
        who: |n| n.starts_with("countersign-store"),
        never: |d| d.starts_with("countersign-kv"),
        why: "truth and live state do not know each other",
        breach: ("countersign-store-ns", "countersign-kv"),
    },
    Wall {
        who: |n| n.starts_with("countersign-kv"),
        never: |d| d.starts_with("countersign-store"),
        why: "truth and live state do not know each other",
        breach: ("countersign-kv", "countersign-store"),
    },
    Wall {
        who: |n| !one_of(&["countersign", "countersign-bench"])(n),
        never: |d| d == "countersign",
        why: "nobody looks back up at the program",
        breach: ("countersign-ns", "countersign"),
    },
    Wall {
        who: |n| !one_of(&["countersign-bench", "countersign-chaos"])(n),
        never: |d| one_of(&["countersign-testkit", "countersign-bench", "countersign-chaos"])(d),
        why: "what starts servers to measure or break them is never part of the program",
        breach: ("countersign-kv", "countersign-testkit"),
    },
    Wall {
        who: ours,
        never: |d| one_of(&["isahc", "a2", "ring", "native-tls", "pqcrypto-kyber", "clatter"])(d),
        why: "weighed and left out (unmaintained, duplicate or unsafe)",
        breach: ("countersign-edge", "ring"),
    },
    Wall {
        who: |n| {
            ["common", "utils", "helpers", "core", "manager", "data"]
                .iter()
                .any(|w| n == format!("countersign-{w}"))
        },
        never: |_| true,
        why: "a room is named after what it does",
        breach: ("countersign-utils", "serde"),
    },
];

fn breaches(floor: &Floor) -> Vec<String> {
    let mut found = Vec::new();
    for wall in WALLS {
        for (name, dependencies) in floor.iter().filter(|(n, _)| (wall.who)(n)) {
            for d in dependencies.iter().filter(|d| (wall.never)(d)) {
                found.push(format!("{name} names {d}: {}", wall.why));
            }
        }
    }
    found
}

fn house() -> Floor {
    let out = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--offline",
            "--manifest-path",
            concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"),
        ])
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let metadata: Value = serde_json::from_slice(&out.stdout).unwrap();
    let dependencies = |p: &Value| {
        p["dependencies"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|d| d["kind"] != "dev")
            .map(|d| d["name"].as_str().unwrap().to_owned())
            .collect()
    };
    metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| (p["name"].as_str().unwrap().to_owned(), dependencies(p)))
        .collect()
}

#[test]
fn every_wall_stands() {
    let house = house();
    assert!(house.len() > 10, "the house was read: {house:?}");
    assert_eq!(breaches(&house), Vec::<String>::new());
}

#[test]
fn no_service_reaches_another_and_what_serves_all_reaches_none_through_any_chain() {
    assert_eq!(strangers(&house()), Vec::<String>::new());
}

#[test]
fn a_chain_to_another_service_is_seen_however_long_it_is() {
    let mut floor = house();
    floor.entry("countersign-edge".to_owned()).or_default().push("countersign-new".to_owned());
    floor.insert("countersign-new".to_owned(), vec!["countersign-newer".to_owned()]);
    floor.insert("countersign-newer".to_owned(), vec!["countersign-domain-ns".to_owned()]);
    let chain = "countersign-edge → countersign-new → countersign-newer → countersign-domain-ns";
    assert!(strangers(&floor).iter().any(|c| c == chain), "{:?}", strangers(&floor));

    let mut floor = house();
    floor.insert(
        "countersign-sfs".to_owned(),
        vec!["countersign-edge".to_owned(), "countersign-new".to_owned()],
    );
    floor.insert("countersign-new".to_owned(), vec!["countersign-kv-ns".to_owned()]);
    assert_eq!(strangers(&floor), ["countersign-sfs → countersign-new → countersign-kv-ns"]);
}

#[test]
fn every_wall_is_seen_to_break() {
    for wall in WALLS {
        let (name, dependency) = wall.breach;
        let mut floor = house();
        floor.entry(name.to_owned()).or_default().push(dependency.to_owned());
        let found = breaches(&floor);
        assert!(
            found.iter().any(|b| b == &format!("{name} names {dependency}: {}", wall.why)),
            "{name} naming {dependency} went unnoticed: {found:?}"
        );
    }
}
