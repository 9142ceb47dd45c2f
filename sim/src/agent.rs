//! `watch`: keeps every account connected and serves the other commands over a Unix socket.

use std::{os::unix::fs::PermissionsExt, sync::Arc, time::Duration};

use countersign_channel::random;
use countersign_sdk::{Account, Command, Event};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    sync::{mpsc, oneshot},
    time::{Instant, sleep, sleep_until},
};

use crate::{
    Online, PhoneError, PhoneState,
    ask::{Ask, Reply, account_for, perform},
};

const SOCKET: &str = "agent.sock";
/// Longest request or answer on the socket, in bytes.
const MOST: u64 = 64 * 1024;
/// Least pause between two attempts to connect, and between two looks for new accounts.
const RETRY: Duration = Duration::from_secs(2);

#[derive(Serialize, Deserialize)]
struct Request {
    account: String,
    ask: Ask,
}

struct Job {
    ask: Ask,
    answer: oneshot::Sender<Reply>,
}

/// Sends a request to the running agent; returns `None` when none runs.
///
/// # Errors
/// When the agent closes the connection before it has sent a whole answer.
pub async fn ask_agent(
    state: &PhoneState,
    account: &Account,
    ask: &Ask,
) -> Result<Option<Reply>, PhoneError> {
    let path = state.file(SOCKET);
    let Ok(mut stream) = UnixStream::connect(&path).await else { return Ok(None) };
    let gone = |e: std::io::Error| PhoneError::File(path.display().to_string(), e);
    let request = serde_json::to_string(&Request { account: account.id.clone(), ask: ask.clone() })
        .map_err(|e| PhoneError::Usage(e.to_string()))?;
    stream.write_all(format!("{request}\n").as_bytes()).await.map_err(gone)?;
    let mut text = String::new();
    stream
        .take(MOST)
        .read_to_string(&mut text)
        .await
        .map_err(|e| PhoneError::File(path.display().to_string(), e))?;
    serde_json::from_str(&text).map(Some).map_err(|e| PhoneError::Usage(e.to_string()))
}

/// Runs until the process ends, and calls `say` with every event and its account.
///
/// # Errors
/// When another agent runs, the socket cannot be created or the wallet cannot be read.
pub async fn watch(
    state: &PhoneState,
    say: impl Fn(&Account, &str, serde_json::Value) + Clone + 'static,
) -> Result<(), PhoneError> {
    let path = state.file(SOCKET);
    if UnixStream::connect(&path).await.is_ok() {
        return Err(PhoneError::Usage("another `watch` runs on this directory".to_owned()));
    }
    let _left_by_a_dead_agent = std::fs::remove_file(&path);
    let io = |e: std::io::Error| PhoneError::File(path.display().to_string(), e);
    let listener = UnixListener::bind(&path).map_err(io)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).map_err(io)?;
    let mut desks: Vec<(String, mpsc::Sender<Job>)> = Vec::new();
    loop {
        for account in state.wallet()?.accounts {
            if !desks.iter().any(|(id, _)| *id == account.id) {
                let (jobs, inbox) = mpsc::channel(8);
                desks.push((account.id.clone(), jobs));
                tokio::task::spawn_local(keep(state.clone(), account, inbox, say.clone()));
            }
        }
        tokio::select! {
            came = listener.accept() => if let Ok((stream, _)) = came {
                tokio::task::spawn_local(serve(stream, state.clone(), desks.clone()));
            },
            // A new account may have been enrolled.
            () = sleep(RETRY) => {}
        }
    }
}

async fn serve(stream: UnixStream, state: PhoneState, desks: Vec<(String, mpsc::Sender<Job>)>) {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    if BufReader::new(read.take(MOST)).read_line(&mut line).await.is_err() {
        return;
    }
    let reply = match serde_json::from_str::<Request>(&line) {
        Ok(request) => hand_over(&state, &desks, request).await,
        Err(e) => (&PhoneError::Usage(e.to_string())).into(),
    };
    if let Ok(text) = serde_json::to_string(&reply) {
        let _asker_gone = write.write_all(text.as_bytes()).await;
    }
}

async fn hand_over(state: &PhoneState, desks: &[(String, mpsc::Sender<Job>)], request: Request) -> Reply {
    let offline =
        || Reply::from(&PhoneError::Unreachable("the watch has no connection right now".to_owned()));
    if let Err(e) = account_for(state, &request.ask) {
        return (&e).into();
    }
    let Some((_, desk)) = desks.iter().find(|(id, _)| *id == request.account) else { return offline() };
    let (answer, reply) = oneshot::channel();
    match desk.try_send(Job { ask: request.ask, answer }) {
        Ok(()) => reply.await.unwrap_or_else(|_| offline()),
        Err(_) => offline(),
    }
}

/// Keeps one account connected: reconnects after every disconnection that is not final.
async fn keep(
    state: PhoneState,
    account: Account,
    mut inbox: mpsc::Receiver<Job>,
    say: impl Fn(&Account, &str, serde_json::Value),
) {
    loop {
        let keys: Arc<dyn countersign_sdk::KeyStore + Send + Sync> = state.keys.clone();
        match Online::connect(&account, keys).await {
            Ok(mut online) => {
                let _full_disk = state.change(|w| w.note_state(&account.id, online.account_state));
                say(&account, "connected", serde_json::json!({"state": online.account_state.as_str()}));
                let why = stay(&state, &account, &mut online, &mut inbox, &say).await;
                say(
                    &account,
                    "disconnected",
                    serde_json::json!({"code": why.code(), "text": why.to_string()}),
                );
                if matches!(why.code(), "deleted" | "blocked" | "displaced") {
                    return;
                }
            }
            Err(why) => {
                say(
                    &account,
                    "disconnected",
                    serde_json::json!({"code": why.code(), "text": why.to_string()}),
                );
                if matches!(why, PhoneError::NotTheServer | PhoneError::Closed(_)) {
                    return;
                }
            }
        }
        sleep(RETRY + Duration::from_millis(u64::from(random::<1>()[0]) * 4)).await;
    }
}

async fn stay(
    state: &PhoneState,
    account: &Account,
    online: &mut Online,
    inbox: &mut mpsc::Receiver<Job>,
    say: &impl Fn(&Account, &str, serde_json::Value),
) -> PhoneError {
    let every = Duration::from_secs(online.ping_after.max(1));
    let mut ping_at = Instant::now() + every;
    loop {
        tokio::select! {
            event = online.next() => match event {
                Ok(Event::LoginChanged { login, state }) => say(account, "login",
                    serde_json::json!({"login": login.to_string(), "state": state.as_str()})),
                Ok(Event::AccountChanged(now_is)) => {
                    let _full_disk = state.change(|w| w.note_state(&account.id, now_is));
                    say(account, "account", serde_json::json!({"state": now_is.as_str()}));
                }
                Ok(Event::LoginOffered { login, client_name, .. }) => say(account, "offered",
                    serde_json::json!({"login": login.to_string(), "client": client_name})),
                Ok(Event::EnrolmentWaiting { enrolment, name }) => say(account, "new_phone",
                    serde_json::json!({"enrolment": enrolment.to_string(), "name": name})),
                Ok(Event::DeviceChanged(d)) => say(account, "phone",
                    serde_json::json!({"account": d.account.to_string(), "name": d.name,
                        "state": d.state.as_str()})),
                Ok(Event::Over(ended)) => return ended.into(),
                Ok(_) => {}
                Err(why) => return why,
            },
            job = inbox.recv() => if let Some(Job { ask, answer }) = job {
                let result = perform(online, state, account, &ask).await;
                let broken = matches!(&result,
                    Err(PhoneError::Unreachable(_) | PhoneError::Closed(_) | PhoneError::NotTheServer));
                let reply = result.as_ref().map_or_else(Reply::from, Clone::clone);
                let _asker_gone = answer.send(reply);
                if broken && let Err(why) = result {
                    return why;
                }
            },
            () = sleep_until(ping_at) => {
                ping_at = Instant::now() + every;
                if let Err(why) = online.do_it(&Command::Ping { nonce: 1 }).await {
                    return why;
                }
            }
        }
    }
}
