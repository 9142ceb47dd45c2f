//! `countersign-phone`: one virtual phone at a terminal.

mod cli;

use std::{
    io::{IsTerminal, Write},
    path::Path,
    process::ExitCode,
};

use clap::Parser;
use cli::{Cli, Cmd};
use countersign_channel::random;
use countersign_sdk::{Account, KeyStore, Link, ReqId, TrustedApp, What};
use countersign_sim::{
    Online, PhoneError, PhoneState, agent, app,
    ask::{self, Ask, Reply, Shown},
    qr,
};
use serde_json::{Value, json};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => {
            let _nobody_reads = e.print();
            return ExitCode::from(if e.use_stderr() { 2 } else { 0 });
        }
    };
    let out = Out { json: cli.json };
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return ExitCode::FAILURE;
    };
    let local = tokio::task::LocalSet::new();
    match runtime.block_on(local.run_until(run(&cli, out))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            out.error(&e);
            ExitCode::from(e.exit_code())
        }
    }
}

#[derive(Clone, Copy)]
struct Out {
    json: bool,
}

impl Out {
    fn say(self, value: &Value, text: impl FnOnce() -> String) {
        let line = if self.json { value.to_string() } else { text() };
        let _nobody_reads = writeln!(std::io::stdout(), "{line}");
    }

    /// Writes a hint for a person at a terminal; nothing with `--json`.
    fn hint(self, text: &str) {
        if !self.json {
            let _nobody_reads = writeln!(std::io::stderr(), "countersign-phone: {text}");
        }
    }

    fn error(self, e: &PhoneError) {
        let line = if self.json {
            json!({"error": e.code(), "text": e.to_string()}).to_string()
        } else {
            format!("countersign-phone: {e}")
        };
        let _nobody_reads = writeln!(std::io::stderr(), "{line}");
    }
}

async fn run(cli: &Cli, out: Out) -> Result<(), PhoneError> {
    let state = open(cli)?;
    match &cli.command {
        Cmd::Enrol { link, device, app_config, publisher } => {
            let app = app_config
                .as_ref()
                .zip(publisher.as_ref())
                .map(|(file, publisher)| app::trusted(file, publisher))
                .transpose()?;
            enrol(&state, link, device, app.as_ref(), out).await
        }
        Cmd::Login { link, qr, scanned, yes, later, number } => {
            let (text, scanned) = code(link.as_deref(), qr.as_deref(), *scanned, out).await?;
            let yes = if *later { Some(false) } else { yes.then_some(true) };
            login(&state, Ask::Claim { link: text, scanned }, yes, number.clone(), out).await
        }
        Cmd::Take { id, yes, number } => {
            let ask = Ask::Claim { link: format!("directed:{id}"), scanned: false };
            login(&state, ask, yes.then_some(true), number.clone(), out).await
        }
        Cmd::Start { client } => start(&state, client, out).await,
        Cmd::Pending => pending(&state, out).await,
        Cmd::Approve { id, number } => decide(&state, id, None, number.clone(), out).await,
        Cmd::Refuse { id, reason } => decide(&state, id, Some(reason), None, out).await,
        Cmd::Accounts => accounts(&state, out),
        Cmd::Logout { everywhere: true, .. } => {
            simple(&state, Ask::LogoutAll, out, "Logged out everywhere.").await
        }
        Cmd::Logout { id, .. } => logout(&state, id.as_deref(), out).await,
        Cmd::Phones => phones(&state, Ask::Devices, out).await,
        Cmd::NewPhones => phones(&state, Ask::NewPhones, out).await,
        Cmd::Phone { action, account, name } => {
            let ask = Ask::Manage { account: account.clone(), action: action.clone(), name: name.clone() };
            simple(&state, ask, out, "Done.").await
        }
        Cmd::Vouch { enrolment, number } => {
            let said =
                if number.is_some() { "The new phone is in." } else { "The new phone was turned away." };
            simple(&state, Ask::Vouch { enrolment: enrolment.clone(), number: number.clone() }, out, said)
                .await
        }
        Cmd::History => history(&state, out),
        Cmd::Watch => {
            let say = move |a: &Account, event: &str, body: Value| {
                out.say(&json!({"event": event, "account": a.id, "body": body}), || {
                    format!("{} at {}: {event} {body}", a.user, a.realm_name)
                })
            };
            agent::watch(&state, say).await
        }
    }
}

fn accounts(state: &PhoneState, out: Out) -> Result<(), PhoneError> {
    for a in state.wallet()?.accounts {
        let told = json!({"account": a.id, "user": a.user, "realm": a.realm_name, "state": a.state});
        out.say(&told, || format!("{}  {} at {} ({})", a.id, a.user, a.realm_name, a.state));
    }
    Ok(())
}

fn history(state: &PhoneState, out: Out) -> Result<(), PhoneError> {
    for h in state.wallet()?.history {
        let client = h.client_name.clone().unwrap_or_default();
        out.say(&json!(h), || format!("{}  {:?}  {client}", h.at, h.what));
    }
    Ok(())
}

fn open(cli: &Cli) -> Result<PhoneState, PhoneError> {
    if !cli.state.exists() && !matches!(cli.command, Cmd::Enrol { .. }) {
        return Err(PhoneError::Usage(format!(
            "there is no phone in {}; enrol makes one",
            cli.state.display()
        )));
    }
    if let Some(ca) = &cli.ca {
        countersign_sim::tls::trust(ca)?;
    }
    PhoneState::open(&cli.state)
}

/// Returns the text of the link or code, and whether it was scanned.
async fn code(
    link: Option<&str>,
    qr: Option<&Path>,
    scanned: bool,
    out: Out,
) -> Result<(String, bool), PhoneError> {
    match (link, qr) {
        (Some(link), _) => Ok((link.to_owned(), scanned)),
        // With `--json` a script calls, and it has written the picture already.
        (None, Some(path)) if out.json => Ok((qr::read_png(path)?, true)),
        (None, Some(path)) => {
            let say = || out.hint(&format!("waiting for a new {}; take the screenshot now", path.display()));
            Ok((qr::wait_for_png(path, say).await?, true))
        }
        (None, None) => Err(PhoneError::Usage("give a link or --qr FILE".to_owned())),
    }
}

async fn enrol(
    state: &PhoneState,
    link: &str,
    device: &str,
    app: Option<&TrustedApp>,
    out: Out,
) -> Result<(), PhoneError> {
    let Link::Enrol(link) = Link::parse(link)? else {
        return Err(PhoneError::Usage("this is a login link; use `login`".to_owned()));
    };
    if let Some(app) = app {
        app.check(&link, countersign_sim::now())?;
    }
    let id = app.map_or(countersign_sim::app::OPEN, TrustedApp::id);
    let key = state.keys.generate()?;
    let enrolled =
        match Online::enrol_as(id, &link, state.keys.clone(), key.clone(), ReqId(random()), device).await {
            Ok(enrolled) => enrolled,
            Err(e) => {
                state.keys.forget(&key)?;
                return Err(e);
            }
        };
    let account = enrolled.account;
    state.change(|w| w.accounts.push(account.clone()))?;
    ask::note(state, &account, What::Enrolled, None)?;
    let body = json!({"account": account.id, "user": account.user, "realm": account.realm_name,
        "client": enrolled.client_name, "state": account.state, "number": enrolled.number});
    out.say(&body, || match &enrolled.number {
        Some(number) => {
            format!(
                "Enrolled as {} at {}.\nType this number where you got the link: {number}",
                account.user, account.realm_name
            )
        }
        None => format!("Enrolled as {} at {}.", account.user, account.realm_name),
    });
    Ok(())
}

/// Performs a request through a running `watch`, or on its own connection if none runs.
async fn request(state: &PhoneState, account: &Account, ask: &Ask) -> Result<Reply, PhoneError> {
    match agent::ask_agent(state, account, ask).await? {
        Some(reply) => Ok(reply),
        None => ask::alone(state, account, ask).await,
    }
}

/// Passes a reply on; if it is a failure, exits with the exit code it carries.
#[expect(clippy::disallowed_methods, reason = "nothing is held here that would need an end in good order")]
fn checked(reply: Reply, out: Out) -> Result<Reply, PhoneError> {
    match reply {
        Reply::Failed { code, text, exit } => {
            let line = if out.json {
                json!({"error": code, "text": text}).to_string()
            } else {
                format!("countersign-phone: {text}")
            };
            let _nobody_reads = writeln!(std::io::stderr(), "{line}");
            std::process::exit(i32::from(exit));
        }
        reply => Ok(reply),
    }
}

/// Runs a command whose only answer is "done".
async fn simple(state: &PhoneState, ask: Ask, out: Out, text: &str) -> Result<(), PhoneError> {
    let account = ask::account_for(state, &ask)?;
    checked(request(state, &account, &ask).await?, out)?;
    out.say(&json!({"done": true}), || text.to_owned());
    Ok(())
}

async fn phones(state: &PhoneState, ask: Ask, out: Out) -> Result<(), PhoneError> {
    let account = ask::account_for(state, &ask)?;
    let Reply::Phones { phones } = checked(request(state, &account, &ask).await?, out)? else {
        return Err(PhoneError::NotTheServer);
    };
    for p in phones {
        out.say(&json!(p), || format!("{}  {}  {} ({})", p.id, p.state, p.name, p.app));
    }
    Ok(())
}

async fn start(state: &PhoneState, client: &str, out: Out) -> Result<(), PhoneError> {
    let ask = Ask::Start { client: client.to_owned() };
    let account = ask::account_for(state, &ask)?;
    let Reply::Claimed(shown) = checked(request(state, &account, &ask).await?, out)? else {
        return Err(PhoneError::NotTheServer);
    };
    out.say(&json!({"claimed": shown}), || describe(&shown, &account, false));
    decide(state, &shown.login, None, None, out).await?;
    let (login, token, url) = (
        &shown.login,
        shown.return_token.clone().unwrap_or_default(),
        shown.callback_url.clone().unwrap_or_default(),
    );
    out.say(&json!({"login": login, "return_token": token, "callback_url": url}), || {
        format!("Hand over to {url}: login {login} with return token {token}")
    });
    Ok(())
}

async fn login(
    state: &PhoneState,
    ask: Ask,
    yes: Option<bool>,
    number: Option<String>,
    out: Out,
) -> Result<(), PhoneError> {
    let account = ask::account_for(state, &ask)?;
    let Reply::Claimed(shown) = checked(request(state, &account, &ask).await?, out)? else {
        return Err(PhoneError::NotTheServer);
    };
    let at_terminal = std::io::stdin().is_terminal() && !out.json;
    out.say(&json!({"claimed": shown}), || {
        describe(&shown, &account, at_terminal && yes != Some(false) && number.is_none())
    });
    let answer = match yes.or(number.is_some().then_some(true)) {
        Some(approve) => approve.then_some(None),
        None if at_terminal => question(out)?,
        None => None,
    };
    let Some(refuse) = answer else {
        let with = if shown.number.is_some() { " --number NN" } else { "" };
        out.say(&json!({"waiting": shown.login}), || {
            format!("Waiting: approve {0}{with} or refuse {0}", shown.login)
        });
        return Ok(());
    };
    let asks = shown.number.is_some() && refuse.is_none() && number.is_none() && at_terminal;
    let number = if asks { Some(typed("The number in the browser: ")?.trim().to_owned()) } else { number };
    decide(state, &shown.login, refuse.as_deref(), number, out).await
}

/// Describes a claimed login; `asks` is whether the user will be prompted for the number.
fn describe(s: &Shown, account: &Account, asks: bool) -> String {
    let mut lines = vec![format!("{} wants to know that you are {} at {}.", s.client, account.user, s.realm)];
    lines.extend(s.text.iter().map(|t| format!("  “{t}”")));
    lines.extend(s.browser.iter().map(|b| format!("  from {b}")));
    lines.extend(s.place.iter().map(|p| format!("  near {p}")));
    let how = if asks { "type it here" } else { "approve with --number" };
    lines.extend(s.number.map(|_| format!("  The browser shows a number: {how}.")));
    lines.join("\n")
}

/// Prompts for a decision: `Some(None)` approves, `Some(Some(reason))` refuses, `None` is later.
fn question(out: Out) -> Result<Option<Option<String>>, PhoneError> {
    loop {
        let line = typed("Approve? [y]es, [n]o, not [m]e, [l]ater: ")?;
        match line.trim() {
            "y" | "yes" => return Ok(Some(None)),
            "n" | "no" => return Ok(Some(Some("declined".to_owned()))),
            "m" | "me" => return Ok(Some(Some("not_me".to_owned()))),
            "l" | "later" => return Ok(None),
            _ if line.is_empty() => return Ok(None),
            _ => out.say(&Value::Null, || "Please answer y, n, m or l.".to_owned()),
        }
    }
}

/// Prompts and reads a line with its line end; returns an empty string at the end of the input.
fn typed(prompt: &str) -> Result<String, PhoneError> {
    let _nobody_reads = write!(std::io::stdout(), "{prompt}").and_then(|()| std::io::stdout().flush());
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).map_err(|e| PhoneError::File("terminal".to_owned(), e))?;
    Ok(line)
}

async fn decide(
    state: &PhoneState,
    id: &str,
    refuse: Option<&str>,
    number: Option<String>,
    out: Out,
) -> Result<(), PhoneError> {
    let ask = Ask::Decide { login: id.to_owned(), refuse: refuse.map(str::to_owned), number };
    let account = ask::account_for(state, &ask)?;
    let reply = checked(request(state, &account, &ask).await?, out)?;
    let Reply::Decided { login, state: now_is, return_to } = reply else {
        return Err(PhoneError::NotTheServer);
    };
    out.say(&json!({"login": login, "state": now_is, "return_to": return_to}), || match &return_to {
        Some(url) => format!("Login {now_is}. Open this in the browser you came from:\n{url}"),
        None => format!("Login {now_is}."),
    });
    // A user whose approval failed must not take it for a success.
    if refuse.is_none() && now_is != "approved" { Err(PhoneError::NotApproved(now_is)) } else { Ok(()) }
}

async fn pending(state: &PhoneState, out: Out) -> Result<(), PhoneError> {
    for account in state.wallet()?.accounts {
        let reply = checked(request(state, &account, &Ask::List).await?, out)?;
        let Reply::Logins { logins } = reply else { continue };
        for l in logins {
            out.say(
                &json!({"account": account.id, "login": l.login, "state": l.state, "client": l.client,
                "since": l.since}),
                || format!("{}  {}  {}", l.login, l.state, l.client),
            );
        }
    }
    Ok(())
}

async fn logout(state: &PhoneState, id: Option<&str>, out: Out) -> Result<(), PhoneError> {
    let mut ended = 0;
    for account in state.wallet()?.accounts {
        let reply = checked(request(state, &account, &Ask::List).await?, out)?;
        let Reply::Logins { logins } = reply else { continue };
        for l in logins.iter().filter(|l| l.state == "approved" && id.is_none_or(|id| id == l.login)) {
            checked(request(state, &account, &Ask::Logout { login: l.login.clone() }).await?, out)?;
            out.say(&json!({"logged_out": l.login}), || format!("Logged out of {}.", l.client));
            ended += 1;
        }
    }
    match (ended, id) {
        (0, Some(_)) => return Err(PhoneError::Usage("no such login is running".to_owned())),
        (0, None) => out.say(&json!({"logged_out": null}), || "Nothing is running.".to_owned()),
        _ => {}
    }
    Ok(())
}
