//! Claiming and deciding logins.

use std::io::IsTerminal;

use countersign_channel::p256;
use countersign_sdk::{Account, FactorProof, KeyStore};
use countersign_sim::{
    PhoneError, PhoneState,
    ask::{self, Ask, Reply},
    factor::{self, SfsOnline},
};
use serde_json::json;

use crate::{
    Out, checked,
    pin::PinFile,
    prompt::{self, describe, question, typed},
    request,
};

pub(crate) async fn login(
    state: &PhoneState,
    ask: Ask,
    yes: Option<bool>,
    (number, pin): (Option<String>, &PinFile),
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
    decide(state, &shown.login, refuse.as_deref(), (number, pin), out).await
}

pub(crate) async fn start(
    state: &PhoneState,
    client: &str,
    pin: &PinFile,
    out: Out,
) -> Result<(), PhoneError> {
    let ask = Ask::Start { client: client.to_owned() };
    let account = ask::account_for(state, &ask)?;
    let Reply::Claimed(shown) = checked(request(state, &account, &ask).await?, out)? else {
        return Err(PhoneError::NotTheServer);
    };
    out.say(&json!({"claimed": shown}), || describe(&shown, &account, false));
    decide(state, &shown.login, None, (None, pin), out).await?;
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

pub(crate) async fn decide(
    state: &PhoneState,
    id: &str,
    refuse: Option<&str>,
    (number, pin): (Option<String>, &PinFile),
    out: Out,
) -> Result<(), PhoneError> {
    let ask = |factor| {
        let refuse = refuse.map(str::to_owned);
        Ask::Decide { login: id.to_owned(), refuse, number: number.clone(), factor }
    };
    let account = ask::account_for(state, &ask(None))?;
    let factor = if refuse.is_none() { second_factor(state, id, &account, pin, out).await? } else { None };
    let ask = ask(factor);
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

/// Proves the second factor that a claimed login asks for, if it does.
async fn second_factor(
    state: &PhoneState,
    id: &str,
    account: &Account,
    pin: &PinFile,
    out: Out,
) -> Result<Option<FactorProof>, PhoneError> {
    let Some(asked) = id.parse().ok().and_then(|id| state.pending(id)).and_then(|p| p.factor) else {
        return Ok(None);
    };
    let (r, ctx) = asked.context(&p256::thumbprint(&state.keys.public(&account.key)?));
    let mut sfs = SfsOnline::connect(&factor::device(state, None)?, state.keys.clone()).await?;
    let pin = prompt::pin(pin.pin_file.as_deref(), "PIN: ", out)?;
    let proven = sfs.prove_and_attest(&pin, asked.factor(), ctx).await?;
    Ok(Some(FactorProof { attestation: proven.attestation, keys: proven.keys, r }))
}
