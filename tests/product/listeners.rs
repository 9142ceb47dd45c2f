//! What is served where: listeners as the settings define them.

use std::{
    io::{Read, Write},
    os::unix::{fs::PermissionsExt, net::UnixStream},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use crate::support::{Pod, Stage};

/// Returns the answer to a GET over a Unix socket.
fn get(socket: &Path, path: &str) -> String {
    ask(socket, path, "Connection: close\r\n")
}

fn ask(socket: &Path, path: &str, headers: &str) -> String {
    let mut stream = UnixStream::connect(socket).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn settings(dir: &Path, text: &str) -> String {
    let file = dir.join("settings.toml");
    std::fs::write(&file, text.replace("DIR", dir.to_str().unwrap())).unwrap();
    file.to_str().unwrap().to_owned()
}

/// Returns the error of a start with these settings, which must fail.
fn refused(text: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let file = settings(dir.path(), text);
    let data = dir.path().join("data");
    let mut countersign = Command::new(env!("CARGO_BIN_EXE_countersign"));
    let out = countersign.args(["ns", "--config", &file, "--data"]).arg(data).output().unwrap();
    assert_eq!(out.status.code(), Some(1));
    let said = String::from_utf8(out.stderr).unwrap();
    assert_eq!(said.lines().count(), 1, "{said}");
    said
}

const ALL: &str = r#"
[[listener]]
name = "web"
resources = ["rest", "page", "admin"]
binds = ["127.0.0.1:0", { unix = "DIR/web.sock", mode = "0660" }]

[[listener]]
name = "files"
resources = ["assets"]
binds = ["127.0.0.1:0"]

[[listener]]
name = "phones"
resources = ["phone"]
binds = [{ tcp = "127.0.0.1:0" }, { unix = "DIR/phones.sock" }]
"#;

#[tokio::test]
async fn resources_share_a_listener_have_one_of_their_own_and_listen_on_unix_sockets() {
    let dir = tempfile::tempdir().unwrap();
    let pod = Pod::with(&["--config", &settings(dir.path(), ALL)], &[]);
    let stage = Stage::set(&pod).await;
    let phone = stage.phone("alice").await;
    stage.approved(&mut phone.connect().await).await;
    let (rest, page) = (pod.url("rest"), pod.url("page"));
    assert_eq!(rest, pod.url("admin"), "they share it");
    assert_eq!(
        rest.trim_start_matches("http://"),
        page.trim_start_matches("ws://").trim_end_matches("/page")
    );
    let web = dir.path().join("web.sock");
    assert_eq!(std::fs::metadata(&web).unwrap().permissions().mode() & 0o777, 0o660);
    assert!(get(&web, "/livez").ends_with("ok\n"));
    assert!(get(&web, "/v1/realms").starts_with("HTTP/1.1 401 "));
    assert!(get(&web, "/countersign-login.js").starts_with("HTTP/1.1 404 "), "the files are elsewhere");
    let phones = dir.path().join("phones.sock");
    assert_eq!(std::fs::metadata(&phones).unwrap().permissions().mode() & 0o777, 0o600);
    let upgrade =
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let answer = ask(&phones, "/elsewhere/sigmai", &format!("Connection: Upgrade\r\n{upgrade}"));
    assert!(answer.ends_with("no phone socket here\n"), "{answer}");
}

/// Returns a command that does what systemd does (sd_listen_fds(3)) for one socket named `web` at
/// this address: it opens the socket, prints its port, and becomes the program.
fn systemd(address: &str, dir: &Path) -> Command {
    const SYSTEMD: &str = "import os, socket, sys\n\
        s = socket.socket()\n\
        s.bind((sys.argv[1], 0))\n\
        s.listen()\n\
        print(s.getsockname()[1], flush=True)\n\
        os.dup2(s.fileno(), 3)\n\
        os.set_inheritable(3, True)\n\
        os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()), LISTEN_FDNAMES='web')\n\
        os.execv(sys.argv[2], sys.argv[2:])\n";
    let text =
        ALL.replace("\"127.0.0.1:0\", { unix = \"DIR/web.sock\", mode = \"0660\" }", "{ systemd = \"web\" }");
    let file = settings(dir, &text);
    let mut systemd = Command::new("python3");
    systemd.args([
        "-c",
        SYSTEMD,
        address,
        env!("CARGO_BIN_EXE_countersign"),
        "ns",
        "--config",
        &file,
        "--data",
    ]);
    systemd.arg(dir.join("data"));
    systemd
}

#[tokio::test]
async fn a_socket_that_systemd_opened_is_listened_on() {
    let dir = tempfile::tempdir().unwrap();
    let mut systemd =
        systemd("127.0.0.1", dir.path()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut port = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(systemd.stdout.take().unwrap()), &mut port)
        .unwrap();
    // The kernel holds the connection until the program accepts it.
    let answer = reqwest::Client::builder().timeout(Duration::from_secs(60)).build().unwrap();
    let answer = answer.get(format!("http://127.0.0.1:{}/livez", port.trim())).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "ok\n");
    systemd.kill().unwrap();
    systemd.wait().unwrap();
}

#[test]
fn a_socket_that_systemd_opened_beyond_this_machine_is_held_to_the_same_rules() {
    let dir = tempfile::tempdir().unwrap();
    let out = systemd("0.0.0.0", dir.path()).output().unwrap();
    let said = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(1), "{said}");
    assert!(
        said.contains("listener \"web\": 0.0.0.0:") && said.contains("plaintext beyond this machine"),
        "{said}"
    );
}

#[test]
fn listeners_that_make_no_sense_are_refused_in_one_line_with_file_and_key() {
    for (from, to, why) in [
        ("\"admin\"", "\"amdin\"", "settings.toml: listener \"web\": unknown variant `amdin`"),
        ("name = \"files\"", "nane = \"files\"", "settings.toml: listener number 2: unknown field `nane`"),
        ("name = \"files\"", "name = \"web\"", "listener \"web\": another listener has the same name"),
        (
            "[\"assets\"]",
            "[\"assets\", \"rest\"]",
            "listener \"files\": rest is served by another listener already",
        ),
        ("[\"assets\"]", "[\"demo\"]", "no listener serves assets"),
        (", \"admin\"]", "]", "no listener serves admin: add \"admin\" to the resources of a [[listener]]"),
        ("[\"assets\"]", "[\"assets\", \"demo\"]", "listener \"files\": this process does not serve demo"),
        ("[\"phone\"]", "[\"phone\", \"demo\"]", "listener \"phones\": phone is not HTTP"),
        ("[\"assets\"]", "[]", "listener \"files\": set both resources (what it serves) and binds (where)"),
        ("{ tcp = \"127.0.0.1:0\" }", "\"127.0.0.1\"", "no address with a port: write 127.0.0.1:8080"),
        ("{ tcp = \"127.0.0.1:0\" }", "{ tcp = \"0.0.0.0:0\" }", "would speak plaintext beyond this machine"),
        ("{ tcp = \"127.0.0.1:0\" }", "{ socket = \"x\" }", "a bind has no socket"),
        ("mode = \"0660\"", "mode = \"rw\"", "mode is a text of octal digits"),
        ("DIR/phones.sock", "DIR/web.sock", "listener \"phones\": unix:"),
        ("DIR/web.sock", "DIR/nowhere/web.sock", "cannot listen on unix:"),
        (
            "{ unix = \"DIR/phones.sock\" }",
            "{ systemd = \"x\" }",
            "cannot listen on systemd:x (listener \"phones\")",
        ),
        (
            "name = \"files\"",
            "name = \"files\"\ntls = { certificate_file = \"x\" }",
            "set both listener \"files\": tls.certificate_file and listener \"files\": tls.key_file",
        ),
    ] {
        assert!(ALL.contains(from), "{from}");
        let said = refused(&ALL.replacen(from, to, 1));
        assert!(said.contains(why), "{to}: {said}");
    }
    let both = refused(&format!("[listen]\nrest = \"127.0.0.1:0\"\n{ALL}"));
    assert!(both.contains("listen.rest and [[listener]] both say where something listens"), "{both}");
    let no_list = refused("listener = 3");
    assert!(no_list.contains("write [[listener]], once for each"), "{no_list}");
}

#[tokio::test]
async fn the_example_of_listeners_works_as_it_stands() {
    let dir = tempfile::tempdir().unwrap();
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/config/listeners.example.toml");
    let sockets = ["page.sock", "phone.sock"];
    let text = sockets.iter().fold(std::fs::read_to_string(example).unwrap(), |text, socket| {
        text.replace(&format!("unix = \"{socket}\""), &format!("unix = \"DIR/{socket}\""))
    });
    let pod = Pod::role("ns", &dir.path().join("data"), &["--config", &settings(dir.path(), &text)], &[]);
    assert_eq!(pod.url("phone"), "wss://login.example/ns/sigmai");
    assert!(get(&dir.path().join("page.sock"), "/countersign-login.js").starts_with("HTTP/1.1 200 "));
    assert_eq!(pod.admin("/readyz").await.0, 200);
}

#[test]
fn the_files_of_browsers_are_written_for_a_web_server() {
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("www");
    let mut countersign = Command::new(env!("CARGO_BIN_EXE_countersign"));
    let out = countersign.args(["assets", "export"]).arg(&to).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let said = String::from_utf8(out.stdout).unwrap();
    assert!(said.contains("/app  ") && said.lines().count() == 7, "{said}");
    let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("web");
    for file in ["countersign-login.js", "login/channel.js", "vendor/uqr.mjs", "app.html"] {
        assert_eq!(std::fs::read(to.join(file)).unwrap(), std::fs::read(web.join(file)).unwrap(), "{file}");
    }
}
