//! `countersign-phone`: one virtual phone at a terminal.

mod cli;
mod decide;
mod enrol;
mod pin;
mod prompt;

use std::{io::Write, path::Path, process::ExitCode};

use clap::Parser;
use cli::{Cli, Cmd};
use countersign_sdk::Account;
use countersign_sim::{
    PhoneError, PhoneState, agent, app,
    ask::{self, Ask, Reply},
    qr,
};
use pin::PinFile;
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
        Cmd::Enrol { link, device, app_config, publisher, sfs, pin } => {
            let app = app_config
                .as_ref()
                .zip(publisher.as_ref())
                .map(|(file, publisher)| app::trusted(file, publisher))
                .transpose()?;
            enrol::enrol(&state, link, device, app.as_ref(), (sfs.as_deref(), pin), out).await
        }
        Cmd::Login { link, qr, scanned, yes, later, number, pin } => {
            let (text, scanned) = code(link.as_deref(), qr.as_deref(), *scanned, out).await?;
            let yes = if *later { Some(false) } else { yes.then_some(true) };
            decide::login(&state, Ask::Claim { link: text, scanned }, yes, (number.clone(), pin), out).await
        }
        Cmd::Take { id, yes, number, pin } => {
            let ask = Ask::Claim { link: format!("directed:{id}"), scanned: false };
            decide::login(&state, ask, yes.then_some(true), (number.clone(), pin), out).await
        }
        Cmd::Start { client, pin } => decide::start(&state, client, pin, out).await,
        Cmd::Pending => pending(&state, out).await,
        Cmd::Approve { id, number, pin } => {
            decide::decide(&state, id, None, (number.clone(), pin), out).await
        }
        Cmd::Refuse { id, reason } => {
            decide::decide(&state, id, Some(reason), (None, &PinFile::default()), out).await
        }
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
        Cmd::Pin { command } => pin::run(&state, command, out).await,
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
    if !cli.state.exists() && !matches!(cli.command, Cmd::Enrol { .. } | Cmd::Pin { .. }) {
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

/// Performs a request through a running `watch`, or on its own connection if none runs.
pub(crate) async fn request(state: &PhoneState, account: &Account, ask: &Ask) -> Result<Reply, PhoneError> {
    match agent::ask_agent(state, account, ask).await? {
        Some(reply) => Ok(reply),
        None => ask::alone(state, account, ask).await,
    }
}

/// Passes a reply on; if it is a failure, exits with the exit code it carries.
#[expect(clippy::disallowed_methods, reason = "nothing is held here that would need an end in good order")]
pub(crate) fn checked(reply: Reply, out: Out) -> Result<Reply, PhoneError> {
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
