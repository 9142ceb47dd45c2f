//! Requests that commands make for a connected account; they are serialised when a running `watch`
//! serves them.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use countersign_sdk::{
    Account, Answer, Command, HistoryEntry, Link, LoginId, LoginState, Prompt, RefuseReason, What,
};
use serde::{Deserialize, Serialize};

use crate::{Online, PhoneError, PhoneState, now, phones, state::Pending};

/// Prefix of [`Pending::link`] for a login that was claimed without a code: a directed or a started
/// one.
const DIRECTED: &str = "directed:";

/// A request to a connected account.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Ask {
    /// Claim a login by an opened link, by a scanned code, or, if it is directed at the account, by
    /// its id (`directed:ID`).
    Claim {
        link: String,
        scanned: bool,
    },
    /// Start a login at this client.
    Start {
        client: String,
    },
    /// Decide a claimed login: refuse it for a reason, or approve it, with the browser's number if
    /// the login asks for one.
    Decide {
        login: String,
        refuse: Option<String>,
        #[serde(default)]
        number: Option<String>,
    },
    LogoutAll,
    Devices,
    /// `rename`, `block`, `unblock` or `delete` one of the user's phones.
    Manage {
        account: String,
        action: String,
        name: Option<String>,
    },
    NewPhones,
    /// Vouch for a new phone with the number it shows; without a number, reject it.
    Vouch {
        enrolment: String,
        number: Option<String>,
    },
    Logout {
        login: String,
    },
    List,
}

/// What the user is shown of a claimed login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    pub login: String,
    pub realm: String,
    pub client: String,
    pub text: Option<String>,
    pub browser: Option<String>,
    pub place: Option<String>,
    pub expires_at: u64,
    /// URL that the browser opens after a login claimed by link was approved.
    pub return_url: Option<String>,
    pub return_token: Option<String>,
    /// Number of digits that the user types from the browser, if the login asks for a number.
    pub number: Option<u64>,
    /// URL to which the app hands over a login that it started itself.
    pub callback_url: Option<String>,
}

/// One of the user's phones, or a new phone that waits to be vouched for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhoneLine {
    pub id: String,
    pub name: String,
    pub app: String,
    pub state: String,
    pub since: u64,
}

/// One login in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    pub login: String,
    pub state: String,
    pub client: String,
    pub since: u64,
}

/// The answer to an [`Ask`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum Reply {
    Claimed(Shown),
    Decided {
        login: String,
        state: String,
        return_to: Option<String>,
    },
    Done,
    Logins {
        logins: Vec<Line>,
    },
    Phones {
        phones: Vec<PhoneLine>,
    },
    /// Code, text and exit code of an error.
    Failed {
        code: String,
        text: String,
        exit: u8,
    },
}

impl From<&PhoneError> for Reply {
    fn from(e: &PhoneError) -> Self {
        Self::Failed { code: e.code().to_owned(), text: e.to_string(), exit: e.exit_code() }
    }
}

fn shown(p: &Prompt) -> Shown {
    Shown {
        login: p.login.to_string(),
        realm: p.realm_name.clone(),
        client: p.client_name.clone(),
        text: p.text.clone(),
        browser: p.browser.clone(),
        place: p.place.clone(),
        expires_at: p.expires_at,
        return_url: return_to(p),
        return_token: p.return_token.as_ref().map(|t| URL_SAFE_NO_PAD.encode(t.0)),
        number: p.number,
        callback_url: p.callback_url.clone(),
    }
}

fn return_to(p: &Prompt) -> Option<String> {
    p.return_to.as_ref().map(|(url, token)| format!("{url}#cs_return={}", URL_SAFE_NO_PAD.encode(token.0)))
}

/// Returns the account that a request concerns.
///
/// # Errors
/// When the phone has no such account or login, or the link or login id cannot be parsed.
pub fn account_for(state: &PhoneState, ask: &Ask) -> Result<Account, PhoneError> {
    let wallet = state.wallet()?;
    let none = || PhoneError::Usage("this phone has no account for that; enrol first".to_owned());
    match ask {
        Ask::Claim { link, .. } if link.starts_with(DIRECTED) => {
            wallet.accounts.last().cloned().ok_or_else(none)
        }
        Ask::Claim { link, .. } => {
            let realm = match Link::parse(link)? {
                Link::Qr(qr) => qr.realm,
                Link::Login(link) => link.realm,
                Link::Enrol(_) => {
                    return Err(PhoneError::Usage("this is an enrolment link; use `enrol`".to_owned()));
                }
            };
            wallet.of_realm(realm).cloned().ok_or_else(none)
        }
        Ask::Decide { login, .. } => {
            let pending = state.pending(login_id(login)?).ok_or_else(|| {
                PhoneError::Usage("no such login waits on this phone; `pending` lists them".to_owned())
            })?;
            wallet.account(&pending.account).cloned().ok_or_else(none)
        }
        _ => wallet.accounts.last().cloned().ok_or_else(none),
    }
}

fn login_id(text: &str) -> Result<LoginId, PhoneError> {
    text.parse().map_err(|_| PhoneError::Usage(format!("{text} is not a login id")))
}

/// Performs a request on this connection.
///
/// # Errors
/// When the server refuses, the connection fails or the state directory cannot be written.
pub async fn perform(
    online: &mut Online,
    state: &PhoneState,
    account: &Account,
    ask: &Ask,
) -> Result<Reply, PhoneError> {
    match ask {
        Ask::Claim { link, scanned } => {
            let prompt = claim(online, link, *scanned).await?;
            state.put_pending(&Pending {
                login: prompt.login.to_string(),
                account: account.id.clone(),
                link: link.clone(),
            })?;
            Ok(Reply::Claimed(shown(&prompt)))
        }
        Ask::Start { client } => {
            let Answer::Prompt(prompt) = online.do_it(&Command::start_login(client)).await? else {
                return Err(PhoneError::NotTheServer);
            };
            let link = format!("{DIRECTED}{}", prompt.login);
            state.put_pending(&Pending {
                login: prompt.login.to_string(),
                account: account.id.clone(),
                link,
            })?;
            Ok(Reply::Claimed(shown(&prompt)))
        }
        Ask::Decide { login, refuse, number } => {
            decide(online, state, account, login_id(login)?, (refuse.as_deref(), number.as_deref())).await
        }
        Ask::LogoutAll => {
            online.do_it(&Command::logout_all()).await?;
            note(state, account, What::LoggedOut, None)?;
            Ok(Reply::Done)
        }
        Ask::Devices | Ask::Manage { .. } | Ask::NewPhones | Ask::Vouch { .. } => {
            phones::perform(online, ask).await
        }
        Ask::Logout { login } => {
            let login = login_id(login)?;
            online.do_it(&Command::logout(login)).await?;
            note(state, account, What::LoggedOut, Some((login, None)))?;
            Ok(Reply::Done)
        }
        Ask::List => match online.do_it(&Command::list()).await? {
            Answer::Logins(found) => {
                let line = |(login, state, client, since): (LoginId, LoginState, String, u64)| Line {
                    login: login.to_string(),
                    state: state.as_str().to_owned(),
                    client,
                    since,
                };
                Ok(Reply::Logins { logins: found.into_iter().map(line).collect() })
            }
            _ => Err(PhoneError::NotTheServer),
        },
    }
}

async fn claim(online: &mut Online, link: &str, scanned: bool) -> Result<Prompt, PhoneError> {
    if let Some(login) = link.strip_prefix(DIRECTED) {
        return match online.do_it(&Command::directed(login_id(login)?)).await? {
            Answer::Prompt(prompt) => Ok(*prompt),
            _ => Err(PhoneError::NotTheServer),
        };
    }
    let link = Link::parse(link)?;
    let (command, otherwise) = if scanned {
        (Command::scanned(&link), "this is no login code; open it as a link instead of scanning it")
    } else {
        (
            Command::opened(&link),
            "this is the text of a QR code, which is never opened as a link: scan it (--qr FILE, or \
                --scanned for what a scanner read)",
        )
    };
    let command = command.ok_or_else(|| PhoneError::Usage(otherwise.to_owned()))?;
    match online.do_it(&command).await? {
        Answer::Prompt(prompt) => Ok(*prompt),
        _ => Err(PhoneError::NotTheServer),
    }
}

async fn decide(
    online: &mut Online,
    state: &PhoneState,
    account: &Account,
    login: LoginId,
    (refuse, number): (Option<&str>, Option<&str>),
) -> Result<Reply, PhoneError> {
    let pending = state.pending(login).ok_or_else(|| {
        PhoneError::Usage("no such login waits on this phone; `pending` lists them".to_owned())
    })?;
    // Claiming again returns the exact bytes that are to be signed.
    let scanned = matches!(Link::parse(&pending.link), Ok(Link::Qr(_)));
    let prompt = match claim(online, &pending.link, scanned).await {
        Err(e @ PhoneError::Refused(_)) => {
            state.drop_pending(login);
            return Err(e);
        }
        other => other?,
    };
    let command = match refuse {
        // The server allows one try for the number: approving without it would refuse the login.
        None if prompt.number.is_some() && number.is_none() => {
            return Err(PhoneError::Usage(
                "the browser shows a number for this login; give it with --number".to_owned(),
            ));
        }
        None => Command::approve_with(&prompt, number.filter(|_| prompt.number.is_some())),
        Some(reason) => Command::refuse(
            &prompt,
            RefuseReason::parse(reason)
                .ok_or_else(|| PhoneError::Usage("the reason is declined or not_me".to_owned()))?,
        ),
    };
    let Answer::Decided { state: now_is, .. } = online.do_it(&command).await? else {
        return Err(PhoneError::NotTheServer);
    };
    state.drop_pending(login);
    let approved = now_is == LoginState::Approved;
    note(
        state,
        account,
        if approved { What::Approved } else { What::Refused },
        Some((login, Some(prompt.client_name.clone()))),
    )?;
    Ok(Reply::Decided {
        login: login.to_string(),
        state: now_is.as_str().to_owned(),
        return_to: return_to(&prompt).filter(|_| approved),
    })
}

/// Appends an entry to the phone's history.
///
/// # Errors
/// When it cannot be written.
pub fn note(
    state: &PhoneState,
    account: &Account,
    what: What,
    login: Option<(LoginId, Option<String>)>,
) -> Result<(), PhoneError> {
    let (login, client_name) = login.map_or((None, None), |(id, client)| (Some(id.to_string()), client));
    state
        .change(|w| w.note(HistoryEntry { at: now(), account: account.id.clone(), what, login, client_name }))
}

/// Connects and performs a request; used when no `watch` runs.
///
/// # Errors
/// When the server refuses, the connection fails or the state directory cannot be written.
pub async fn alone(state: &PhoneState, account: &Account, ask: &Ask) -> Result<Reply, PhoneError> {
    let keys: Arc<dyn countersign_sdk::KeyStore + Send + Sync> = state.keys.clone();
    let mut online = Online::connect(account, keys).await?;
    state.change(|w| w.note_state(&account.id, online.account_state))?;
    perform(&mut online, state, account, ask).await
}
