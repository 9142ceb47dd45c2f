//! docs/tutorial.md, done by a reader who follows it to the letter: in a shell, in a second
//! terminal, and in a browser.
//!
//! HTML comments in the tutorial state what readers do not type: what to do in the browser, what to
//! copy. A `…` in an output matches any text; a `…` in a command stands for what was copied last.

use std::{
    collections::VecDeque,
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::{fs::symlink, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::Duration,
};

use countersign_api::Ready;

use crate::support::{Browser, in_ci, program};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// Every step ends within a second; a loaded machine gets more time.
const PATIENCE: Duration = Duration::from_secs(60);
/// Marks the end of a command's output; the exit status follows.
const END: &str = "--- end of command ";
const SHADOW: &str = "document.querySelector('countersign-login')?.shadowRoot";

/// One step of a reader.
#[derive(Debug)]
enum Step {
    /// A command, and what it prints.
    Run(String, Vec<String>),
    /// The text of an HTML comment.
    Note(String),
    /// A code block that is no transcript.
    Listing(String),
}

/// Parses the tutorial into steps.
fn steps(text: &str) -> Vec<Step> {
    let (mut steps, mut lines) = (Vec::new(), text.lines());
    while let Some(line) = lines.next() {
        if let Some(note) = line.strip_prefix("<!-- ") {
            steps.push(Step::Note(note.strip_suffix(" -->").expect("a note on one line").to_owned()));
        }
        let Some(language) = line.strip_prefix("```") else { continue };
        let block: Vec<&str> = lines.by_ref().take_while(|l| *l != "```").collect();
        if language != "console" {
            steps.push(Step::Listing(block.join("\n") + "\n"));
            continue;
        }
        for line in block {
            match (line.strip_prefix("$ "), steps.last_mut()) {
                (Some(command), _) => steps.push(Step::Run(command.to_owned(), Vec::new())),
                (None, Some(Step::Run(_, output))) => output.push(line.to_owned()),
                (None, _) => panic!("no command prints {line:?}"),
            }
        }
    }
    steps
}

/// Whether a text matches a pattern, in which `…` stands for any text, of one line or several.
fn fits(text: &str, pattern: &str) -> bool {
    let mut parts = pattern.split('…');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// The addresses in the tutorial, each with that of this test.
struct Ports(Vec<(&'static str, String)>);

impl Ports {
    /// Replaces the tutorial's addresses by those of this test.
    fn here(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (told, here)| text.replace(told, here))
    }

    /// Replaces this test's addresses by those of the tutorial.
    fn told(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (told, here)| text.replace(here, told))
    }
}

/// A terminal: a shell and its output.
struct Terminal {
    shell: Child,
    keyboard: ChildStdin,
    screen: Receiver<String>,
}

impl Terminal {
    fn open(folder: &Path) -> Self {
        let mut shell = Command::new("bash");
        // The shell gets its own process group, so that closing the terminal ends everything in it.
        shell
            .args(["--norc", "--noprofile"])
            .current_dir(folder)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut shell = shell.spawn().unwrap();
        let mut keyboard = shell.stdin.take().unwrap();
        writeln!(keyboard, "exec 2>&1; set -o pipefail").unwrap();
        let (said, screen) = mpsc::channel();
        let lines = BufReader::new(shell.stdout.take().unwrap()).lines();
        thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| said.send(line)));
        Self { shell, keyboard, screen }
    }

    fn line(&self) -> String {
        self.screen.recv_timeout(PATIENCE).expect("the terminal says something")
    }

    /// Runs a command, waits for at least `least` lines, and returns the output and the exit
    /// status.
    fn run(&mut self, command: &str, least: usize) -> (Vec<String>, String) {
        // The command gets an empty input: from the shell's own input it could read the commands
        // after it.
        writeln!(self.keyboard, "{{ {command}\n}} </dev/null; echo '{END}'$?").unwrap();
        let (mut lines, mut status) = (Vec::new(), None);
        while status.is_none() || lines.len() < least {
            let line = self.line();
            match line.split_once(END) {
                Some((before, code)) => {
                    status = Some(code.to_owned());
                    lines.extend((!before.is_empty()).then(|| before.to_owned()));
                }
                None => lines.push(line.trim_end().to_owned()),
            }
        }
        (lines, status.unwrap_or_default())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = countersign_testkit::tool("kill")
            .args(["-KILL", "--", &format!("-{}", self.shell.id())])
            .stderr(Stdio::null())
            .status();
        let _ = self.shell.wait();
    }
}

/// A reader who follows the tutorial.
struct Reader {
    browser: Browser,
    terminal: Terminal,
    server: Option<Terminal>,
    ports: Ports,
    /// What was copied and has not been used yet.
    copied: VecDeque<String>,
    /// The last line of the last output.
    last_line: String,
    /// A note that changes what is done next.
    pending: Option<String>,
    ran: usize,
    folder: tempfile::TempDir,
}

impl Reader {
    /// Prepares as much of a clone of the repository as the tutorial needs. Returns `None` without
    /// a browser.
    async fn with_a_clone() -> Option<Self> {
        let browser = Browser::open().await?;
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("target")).unwrap();
        symlink(program("countersign-phone").parent().unwrap(), folder.path().join("target/debug")).unwrap();
        let ports =
            Ports(vec![("127.0.0.1:8001", format!("127.0.0.1:{}", countersign_testkit::free_port()))]);
        let terminal = Terminal::open(folder.path());
        let (copied, last_line) = (VecDeque::new(), String::new());
        Some(Self {
            browser,
            terminal,
            server: None,
            ports,
            copied,
            last_line,
            pending: None,
            ran: 0,
            folder,
        })
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn follow(&mut self, step: Step) {
        match (step, self.pending.take()) {
            (Step::Listing(text), Some(note)) => self.look_at(&text, &note),
            (Step::Listing(text), None) => panic!("of which file is this?\n{text}"),
            (Step::Run(command, output), Some(note)) if note == "terminal: server" => {
                self.start_server(&command, &output)
            }
            (Step::Run(command, output), photograph) => {
                self.run(&command, &output, photograph.as_deref()).await
            }
            (Step::Note(note), None) => self.note(note).await,
            (Step::Note(note), Some(before)) => {
                panic!("between {before:?} and {note:?} something is missing")
            }
        }
    }

    /// Checks that a listing is the same as the file, and copies it to the clone with this test's
    /// addresses.
    fn look_at(&self, text: &str, note: &str) {
        let name = note.strip_prefix("shows: ").expect("a listing shows a file");
        assert_eq!(
            fs::read_to_string(Path::new(ROOT).join(name)).unwrap(),
            text,
            "the tutorial does not show {name} as it is"
        );
        fs::create_dir_all(self.file(name).parent().unwrap()).unwrap();
        fs::write(self.file(name), self.ports.here(text)).unwrap();
    }

    fn start_server(&mut self, command: &str, output: &[String]) {
        let mut server = Terminal::open(self.folder.path());
        writeln!(server.keyboard, "exec {command} --ports auto").unwrap();
        let line = server.line();
        let ready = Ready::read(&self.file("data")).unwrap();
        let address = |url: Option<&String>| url.unwrap().split('/').nth(2).unwrap().to_owned();
        self.ports.0.extend([
            ("127.0.0.1:8080", address(ready.rest.as_ref())),
            ("127.0.0.1:9999", address(ready.page.as_ref())),
            ("127.0.0.1:8888", address(ready.phone.get("ns"))),
            ("127.0.0.1:9613", address(ready.admin.as_ref())),
        ]);
        self.compare(command, &[line], output);
        (self.server, self.ran) = (Some(server), self.ran + 1);
    }

    fn compare(&mut self, command: &str, said: &[String], told: &[String]) {
        let said = self.ports.told(&said.join("\n"));
        assert!(
            fits(&said, &told.join("\n")),
            "\n$ {command}\n--- prints\n{said}\n--- and the tutorial says\n{}",
            told.join("\n")
        );
        said.lines().next_back().unwrap_or_default().clone_into(&mut self.last_line);
    }

    /// Replaces each `…` by what was copied.
    fn fill(&mut self, text: &str) -> String {
        let mut filled = text.to_owned();
        for word in text.split([' ', '\'', '"']).filter(|word| word.contains('…')) {
            let copied = self.copied.pop_front().unwrap_or_else(|| panic!("nothing was copied for {text}"));
            assert!(fits(&copied, word), "{copied} does not look like {word}");
            filled = filled.replacen(word, &copied, 1);
        }
        filled
    }

    async fn run(&mut self, command: &str, told: &[String], photograph: Option<&str>) {
        let filled = self.fill(command);
        let filled = self.ports.here(&filled);
        let (mut said, mut status) = (Vec::new(), String::new());
        // A code is valid for five seconds, which may be too short on a loaded machine. Then
        // another screenshot is taken, as the tutorial says.
        for _try in 0..if photograph.is_some() { 10 } else { 1 } {
            if let Some(name) = photograph {
                self.browser.until(&format!("{SHADOW}?.querySelector('svg[part=qr] path[d]')")).await;
                self.browser.photograph(&self.file(name)).await;
            }
            (said, status) = self.terminal.run(&filled, told.len());
            if status == "0" {
                break;
            }
        }
        assert!(
            status == "0" || told.iter().any(|l| l.starts_with("countersign-phone: ")),
            "$ {filled}\n{}\n{status}",
            said.join("\n")
        );
        self.compare(&filled, &said, told);
        self.ran += 1;
    }

    async fn note(&mut self, note: String) {
        match note.split_once(": ").expect("who does what") {
            ("browser", what) => match what.split_once(' ').expect("the browser does something") {
                ("screenshot", name) => self.pending = Some(name.to_owned()),
                (verb, object) => self.browse(verb, object).await,
            },
            ("copies", "the last word") => {
                self.copied.push_back(self.last_line.rsplit(' ').next().unwrap().to_owned())
            }
            ("terminal", "Ctrl-C") => self.end_server(),
            _ => self.pending = Some(note),
        }
    }

    async fn browse(&mut self, verb: &str, object: &str) {
        let quoted = object.split_once('"').map_or_else(String::new, |(_, text)| {
            serde_json::Value::from(text.trim_end_matches('"')).to_string()
        });
        let visible = "!it.hidden && it.getClientRects().length";
        let find = |what: &str| {
            format!(
                "[document, {SHADOW}].flatMap((root) => [...root?.querySelectorAll('{what}') ?? []])
                   .find((it) => it.textContent.trim() === {quoted} && {visible})"
            )
        };
        match verb {
            "opens" => {
                let url = self.fill(object);
                self.browser.go(&self.ports.here(&url)).await;
                self.browser.until("customElements.get('countersign-login')").await;
            }
            "clicks" => {
                self.browser.until(&format!("((it) => it && (it.click(), true))({})", find("button"))).await;
            }
            "sees" => {
                let shown = format!(
                    "(document.body.innerText + ({SHADOW}?.querySelector('[part~=box]')?.innerText ?? ''))"
                );
                self.browser.until(&format!("{shown}.includes({quoted})")).await;
            }
            "copies" if object.starts_with("the link ") => self.copy(&format!("{}?.href", find("a"))).await,
            "copies" => {
                self.copy(&format!(
                    "((it) => it && it.nextElementSibling.firstChild.textContent)({})",
                    find("p")
                ))
                .await
            }
            other => panic!("browsers do not do {other:?}"),
        }
    }

    async fn copy(&mut self, expression: &str) {
        let copied = self.browser.until(expression).await;
        self.copied.push_back(self.ports.told(copied.as_str().unwrap()));
    }

    /// Presses Ctrl-C, and checks that the server ends in good order.
    fn end_server(&mut self) {
        let mut server = self.server.take().expect("a server runs");
        assert!(countersign_testkit::signal(server.shell.id(), "INT"));
        while server.screen.recv_timeout(PATIENCE).is_ok() {}
        assert!(server.shell.wait().unwrap().success());
    }
}

#[tokio::test]
async fn whoever_follows_the_tutorial_to_the_letter_sees_what_it_says() {
    let text = fs::read_to_string(Path::new(ROOT).join("docs/tutorial.md")).unwrap();
    let commands = text.lines().filter(|line| line.trim_start().starts_with("$ ")).count();
    for tool in ["curl", "jq", "python3"] {
        if Command::new(tool).arg("--version").stdout(Stdio::null()).status().is_err() {
            assert!(!in_ci(), "{tool} is missing: run `make tools`");
            eprintln!("skipped: no {tool}; run `make tools`");
            return;
        }
    }
    let Some(mut reader) = Reader::with_a_clone().await else { return };
    for step in steps(&text) {
        reader.follow(step).await;
    }
    assert_eq!(reader.ran, commands, "every command of the tutorial was run");
    assert!(reader.copied.is_empty() && reader.pending.is_none(), "{:?} {:?}", reader.copied, reader.pending);
    assert!(!reader.file("data").exists(), "it has tidied up");
}

#[test]
fn dots_in_the_tutorial_stand_for_anything_and_nothing_else_does() {
    for (text, pattern) in
        [("a", "a"), ("abc", "a…c"), ("a\nb\nc", "…\nb\n…"), ("x1y2z", "x…y…z"), ("", ""), ("ab", "ab…")]
    {
        assert!(fits(text, pattern), "{text:?} {pattern:?}");
    }
    for (text, pattern) in [("ab", "a"), ("ab", "…c"), ("acb", "a…b…b"), ("a", ""), ("", "a"), ("b", "…b…b")]
    {
        assert!(!fits(text, pattern), "{text:?} {pattern:?}");
    }
}
