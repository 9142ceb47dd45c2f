//! Requests that commands make for a connected account; they are serialised when a running `watch`
//! serves them.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use countersign_sdk::{
    Account, Answer, Command, FactorProof, HistoryEntry, Link, LoginId, LoginState, Prompt, RefuseReason,
    What,
};

pub use crate::request::{Ask, Line, PhoneLine, Reply, Shown};
use crate::{Online, PhoneError, PhoneState, now, phones, state::Pending};

/// Prefix of [`Pending::link`] for a login that was claimed without a code: a directed or a started
/// one.
const DIRECTED: &str = "directed:";

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
        second_factor: p.factor.as_ref().map(|_| "pin".to_owned()),
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
                Link::Enrol(_) | Link::Sfs(_) => {
                    return Err(PhoneError::Usage(
                        "this is no login; for an enrolment link use `enrol`".to_owned(),
                    ));
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
                factor: prompt.factor.clone(),
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
                factor: prompt.factor.clone(),
            })?;
            Ok(Reply::Claimed(shown(&prompt)))
        }
        Ask::Decide { login, refuse, number, factor } => {
            let said = (refuse.as_deref(), number.as_deref(), factor.as_ref());
            decide(online, state, account, login_id(login)?, said).await
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
    (refuse, number, factor): (Option<&str>, Option<&str>, Option<&FactorProof>),
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
        None => {
            let approve = Command::approve_with(&prompt, number.filter(|_| prompt.number.is_some()));
            factor.cloned().map_or(approve.clone(), |proof| approve.with_factor(proof))
        }
        Some(reason) => Command::refuse(
            &prompt,
            RefuseReason::parse(reason).ok_or_else(|| {
                PhoneError::Usage("the reason is declined, not_me or no_second_factor".to_owned())
            })?,
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
