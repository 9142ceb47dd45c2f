//! One server for the tests of all processes. A process that uses it holds a shared lock on a file;
//! a shell script waits until no process does, and then ends the server.

use std::{
    fs::{self, File, OpenOptions},
    os::unix::fs::MetadataExt,
    path::PathBuf,
    process::{Command, Stdio},
};

use crate::{
    SharedServer,
    kinds::{Kind, free_port},
};

/// The shell script. Its arguments are the file that users lock, the file that starters lock, the
/// file that contains the port, the server's directory, and its process id.
const CARETAKER: &str = r#"
while :; do
    if [ ! -e "$1" ]; then kill "$5"; exit; fi
    flock -x "$1" true
    sleep 10
    exec 9>"$2"; flock -x 9
    if flock -n -x "$1" true; then
        rm -f "$3"; kill "$5"; while kill -0 "$5" 2>/dev/null; do sleep 0.1; done; rm -rf "$4"
        exit
    fi
    exec 9>&-
done"#;

/// A file in the user's own folder, because another user cannot open files made by this one.
fn file(name: &str) -> PathBuf {
    let user = fs::metadata("/proc/self").unwrap().uid();
    let dir = std::env::temp_dir().join(format!("countersign-test-servers-{user}"));
    fs::create_dir_all(&dir).unwrap();
    dir.join(name)
}

fn open(path: &PathBuf) -> File {
    OpenOptions::new().create(true).truncate(false).write(true).open(path).unwrap()
}

/// Whether the programs of this kind are installed. In CI they must be.
pub(crate) fn installed(kind: Kind) -> bool {
    let Err(missing) = kind.programs() else { return true };
    assert!(std::env::var_os("CI").is_none(), "{missing} is missing: run `make tools`");
    eprintln!("skipped: {missing} is missing; run `make tools`");
    false
}

#[expect(clippy::zombie_processes, reason = "server and caretaker outlive this process")]
pub(crate) fn take(kind: Kind) -> Option<SharedServer> {
    if !installed(kind) {
        return None;
    }
    let (users, starters, note) = (
        file(&format!("{}.users", kind.name())),
        file(&format!("{}.lock", kind.name())),
        file(&format!("{}.port", kind.name())),
    );
    let starter = open(&starters);
    starter.lock().unwrap();
    let in_use = open(&users);
    in_use.lock_shared().unwrap();
    let there = fs::read_to_string(&note).ok().and_then(|text| {
        let (port, dir) = text.trim().split_once(' ')?;
        kind.answers(port.parse().ok()?).then(|| (port.parse().unwrap(), PathBuf::from(dir)))
    });
    let (port, dir) = there.unwrap_or_else(|| {
        let (port, dir) = (free_port(), kind.prepare());
        let pid = kind.launch(&dir, port, &[]).id();
        fs::write(&note, format!("{port} {}", dir.display())).unwrap();
        let mut caretaker = Command::new("setsid");
        caretaker
            .args(["sh", "-c", CARETAKER, "caretaker"])
            .args([&users, &starters, &note, &dir])
            .arg(pid.to_string());
        caretaker.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        (port, dir)
    });
    Some(SharedServer { kind, port, ca: dir.join("ca.pem"), _in_use: in_use })
}
