//! How each kind of server is found, started and addressed.

use std::{
    fs::{self, File},
    hash::{BuildHasher, Hasher, RandomState},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use crate::{Certificates, run, tool};

const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Postgres,
    Mariadb,
    Redis,
}

/// The path of a program, in any of the directories where Debian installs it.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let mut places: Vec<PathBuf> =
        std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).collect();
    places.push("/usr/sbin".into());
    let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|e| e.path().join("bin"))
        .collect();
    versions.sort();
    places.extend(versions.into_iter().rev());
    places.into_iter().map(|place| place.join(name)).find(|path| path.exists())
}

/// A port for a server that is started later: free now, and below the range that outgoing
/// connections use.
///
/// # Panics
/// When none is free.
#[must_use]
pub fn free_port() -> u16 {
    // Each caller starts at a random port, so that two of them do not find the same one.
    let begin = RandomState::new().build_hasher().finish();
    let all = (0..12_000).map(|n| 20_000 + u16::try_from(begin.wrapping_add(n) % 12_000).unwrap());
    all.into_iter().find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).expect("a free port")
}

pub(crate) fn is_root() -> bool {
    run(tool("id").arg("-u")).trim() == "0"
}

/// A command that runs the client of a server, or a program that prepares one.
fn command(name: &str) -> Command {
    tool(program(name).unwrap())
}

impl Kind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Mariadb => "mariadb",
            Self::Redis => "redis",
        }
    }

    /// Checks that all programs are installed; the error is the name of a missing one.
    pub(crate) fn programs(self) -> Result<(), &'static str> {
        let wanted: &[&'static str] = match self {
            Self::Postgres => &["initdb", "postgres", "psql", "openssl", "flock", "setsid"],
            Self::Mariadb => &["mariadbd", "mariadb-install-db", "mariadb", "openssl", "flock", "setsid"],
            Self::Redis => &["redis-server", "redis-cli", "openssl", "flock", "setsid"],
        };
        wanted.iter().find(|name| program(name).is_none()).map_or(Ok(()), |name| Err(name))
    }

    pub(crate) fn answers(self, port: u16) -> bool {
        match self {
            Self::Postgres => command("psql")
                .arg(postgres_url(port, "postgres"))
                .args(["-c", "SELECT 1"])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .is_ok_and(|s| s.success()),
            Self::Redis => redis_cli(port).arg("ping").output().is_ok_and(|o| o.stdout.starts_with(b"PONG")),
            Self::Mariadb => {
                TcpStream::connect(("127.0.0.1", port)).is_ok()
                    && mariadb(port).args(["-e", "SELECT 1"]).output().is_ok_and(|o| o.status.success())
            }
        }
    }

    /// Makes a directory with certificates and an empty database in it.
    pub(crate) fn prepare(self) -> PathBuf {
        let dir = tempfile::Builder::new()
            .prefix(&format!("countersign-test-{}-", self.name()))
            .tempdir()
            .unwrap()
            .keep();
        let _files = Certificates::make(&dir);
        match self {
            Self::Postgres => initdb(&dir),
            Self::Mariadb => install_db(&dir),
            Self::Redis => {}
        }
        dir
    }

    /// Starts the server in this directory; returns when it answers.
    pub(crate) fn launch(self, dir: &Path, port: u16, more: &[&str]) -> Child {
        let mut server = match self {
            Self::Postgres => postgres(dir, port),
            Self::Mariadb => mariadbd(dir, port),
            Self::Redis => redis(dir, port),
        };
        let log = || File::options().create(true).append(true).open(dir.join("log")).unwrap();
        let mut child = server.args(more).stdin(Stdio::null()).stdout(log()).stderr(log()).spawn().unwrap();
        let until = Instant::now() + PATIENCE;
        while !self.answers(port) {
            if Instant::now() > until {
                child.kill().unwrap();
                child.wait().unwrap();
                panic!(
                    "{} does not start: {}",
                    self.name(),
                    fs::read_to_string(dir.join("log")).unwrap_or_default()
                );
            }
            sleep(Duration::from_millis(50));
        }
        child
    }

    pub(crate) fn make_database(self, port: u16, name: &str) -> String {
        match self {
            Self::Postgres => {
                self.tell(port, "postgres", &format!("CREATE DATABASE {name}"));
                postgres_url(port, name)
            }
            Self::Mariadb => {
                self.tell(port, "mysql", &format!("CREATE DATABASE {name} CHARACTER SET latin1"));
                format!("mysql://ns:secret@127.0.0.1:{port}/{name}")
            }
            // Redis' databases do not separate pub/sub, so tests use different keys instead.
            Self::Redis => format!("redis://127.0.0.1:{port}/0"),
        }
    }

    pub(crate) fn tell(self, port: u16, database: &str, sql: &str) -> String {
        match self {
            Self::Postgres => run(command("psql").arg(postgres_url(port, database)).args([
                "-v",
                "ON_ERROR_STOP=1",
                "-qAtc",
                sql,
            ])),
            Self::Mariadb => run(mariadb(port).args(["-N", "-e", sql, database])),
            Self::Redis => run(redis_cli(port).args(["-n", database]).args(sql.split(' '))),
        }
    }
}

fn postgres_url(port: u16, database: &str) -> String {
    format!("postgres://ns:secret@127.0.0.1:{port}/{database}")
}

fn mariadb(port: u16) -> Command {
    let mut client = command("mariadb");
    client
        .args(["--no-defaults", "--protocol=tcp", "--host=127.0.0.1", "--user=ns", "--password=secret"])
        .arg(format!("--port={port}"));
    client
}

/// A command that does not run as root, because PostgreSQL refuses to; also returns the user it
/// switches to, if it does. It has a session of its own, so that it outlives a test that is killed.
fn as_other(name: &str) -> (Option<&'static str>, Command) {
    let other = is_root()
        .then(|| if run(tool("getent").arg("passwd")).contains("postgres:") { "postgres" } else { "nobody" });
    let mut server = Command::new("setsid");
    if let Some(user) = other {
        server.args(["setpriv", "--reuid", user, "--clear-groups"]).current_dir("/");
    }
    server.arg(program(name).unwrap());
    (other, server)
}

fn initdb(dir: &Path) {
    fs::write(dir.join("password"), "secret").unwrap();
    let (other, mut initdb) = as_other("initdb");
    if let Some(other) = other {
        run(tool("chown").arg("-R").arg(other).arg(dir));
    }
    initdb.args([
        "--username=ns",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C.UTF-8",
        "--no-sync",
    ]);
    run(initdb.arg(format!("--pwfile={}", dir.join("password").display())).arg("-D").arg(dir.join("data")));
}

fn postgres(dir: &Path, port: u16) -> Command {
    let (_, mut server) = as_other("postgres");
    server.arg("-D").arg(dir.join("data")).arg("-p").arg(port.to_string()).arg("-k").arg(dir);
    let file = |name: &str| dir.join(name).display().to_string();
    for set in [
        "listen_addresses=127.0.0.1".to_owned(),
        "max_connections=400".to_owned(),
        "fsync=off".to_owned(),
        "full_page_writes=off".to_owned(),
        "ssl=on".to_owned(),
        format!("ssl_cert_file={}", file("server.pem")),
        format!("ssl_key_file={}", file("server.key")),
        format!("ssl_ca_file={}", file("ca.pem")),
    ] {
        server.arg("-c").arg(set);
    }
    server
}

fn whoever_runs_this() -> String {
    format!("--user={}", run(tool("id").arg("-un")).trim())
}

fn install_db(dir: &Path) {
    let data = format!("--datadir={}", dir.join("data").display());
    let install = ["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"];
    run(command("mariadb-install-db").args(install).arg(whoever_runs_this()).arg(data));
    let init = "CREATE USER IF NOT EXISTS ns@'%' IDENTIFIED BY 'secret';\nGRANT ALL ON *.* TO ns@'%' WITH \
        GRANT OPTION;\n";
    fs::write(dir.join("init.sql"), init).unwrap();
}

fn mariadbd(dir: &Path, port: u16) -> Command {
    let mut server = Command::new("setsid");
    server.arg(program("mariadbd").unwrap()).args([
        "--no-defaults",
        &whoever_runs_this(),
        "--bind-address=127.0.0.1",
        "--skip-name-resolve",
    ]);
    server.args([
        "--innodb-flush-log-at-trx-commit=0",
        "--innodb-doublewrite=0",
        "--max-connections=400",
        "--skip-log-bin",
    ]);
    server.arg(format!("--datadir={}", dir.join("data").display())).arg(format!("--port={port}"));
    for (option, name) in [
        ("socket", "socket"),
        ("init-file", "init.sql"),
        ("ssl-cert", "server.pem"),
        ("ssl-key", "server.key"),
        ("ssl-ca", "ca.pem"),
    ] {
        server.arg(format!("--{option}={}", dir.join(name).display()));
    }
    server
}

fn redis_cli(port: u16) -> Command {
    let mut client = command("redis-cli");
    client.args(["-h", "127.0.0.1", "-p"]).arg(port.to_string());
    client
}

fn redis(dir: &Path, port: u16) -> Command {
    let mut server = Command::new("setsid");
    server
        .arg(program("redis-server").unwrap())
        .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir"])
        .arg(dir);
    server.arg("--port").arg(port.to_string());
    server
}
