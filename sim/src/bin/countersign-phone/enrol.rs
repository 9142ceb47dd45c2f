//! `enrol`: an account from an enrolment link, with a second factor where the realm asks for one,
//! or a second factor for an account that this phone has.

use countersign_channel::{p256, random};
use countersign_sdk::{
    FactorAsked, FactorProof, FactorWish, KeyHandle, KeyStore, Link, PinState, ReqId, TrustedApp, What,
};
use countersign_sim::{
    PhoneError, PhoneState, ask,
    factor::{self, SfsOnline, done},
    online::{Enrolled, Joining},
};
use serde_json::json;

use crate::{
    Out,
    pin::{PinFile, new_pin},
    prompt,
};

pub(crate) async fn enrol(
    state: &PhoneState,
    link: &str,
    device: &str,
    app: Option<&TrustedApp>,
    pin: (Option<&str>, &PinFile),
    out: Out,
) -> Result<(), PhoneError> {
    let Link::Enrol(link) = Link::parse(link)? else {
        return Err(PhoneError::Usage("this is no enrolment link; for a login use `login`".to_owned()));
    };
    if let Some(app) = app {
        app.check(&link, countersign_sim::now())?;
    }
    let id = app.map_or(countersign_sim::app::OPEN, TrustedApp::id);
    let joining = Joining::open(&link, state.keys.clone()).await?;
    if let Some(named) = joining.account {
        let own = state.wallet()?.accounts.into_iter().find(|a| a.id == named.to_string());
        let none = "this link gives a PIN to an account that this phone does not have";
        let own = own.ok_or_else(|| PhoneError::Usage(none.to_owned()))?;
        let enrolled = join(state, joining, (id, device), &own.key, pin, out).await?;
        tell(&enrolled, "A PIN for", out);
        return Ok(());
    }
    let key = state.keys.generate()?;
    let enrolled = match join(state, joining, (id, device), &key, pin, out).await {
        Ok(enrolled) => enrolled,
        Err(e) => {
            state.keys.forget(&key)?;
            return Err(e);
        }
    };
    state.change(|w| w.accounts.push(enrolled.account.clone()))?;
    ask::note(state, &enrolled.account, What::Enrolled, None)?;
    tell(&enrolled, "Enrolled as", out);
    Ok(())
}

fn tell(enrolled: &Enrolled, what: &str, out: Out) {
    let account = &enrolled.account;
    let body = json!({"account": account.id, "user": account.user, "realm": account.realm_name,
        "client": enrolled.client_name, "state": account.state, "number": enrolled.number});
    out.say(&body, || {
        let first = format!("{what} {} at {}.", account.user, account.realm_name);
        match &enrolled.number {
            Some(number) => format!("{first}\nType this number where you got the link: {number}"),
            None => first,
        }
    });
}

async fn join(
    state: &PhoneState,
    joining: Joining,
    (app, device): (&str, &str),
    key: &KeyHandle,
    (sfs, pin): (Option<&str>, &PinFile),
    out: Out,
) -> Result<Enrolled, PhoneError> {
    let proof = match &joining.factor {
        None => None,
        Some((FactorWish::Optional, _)) if sfs.is_none() && state.wallet()?.sfs.is_none() => None,
        Some((_, asked)) => Some(prove(state, asked, key, (sfs, pin), out).await?),
    };
    joining.accept(key, (app, device), ReqId(random()), proof.as_ref()).await
}

/// Proves the PIN of this phone, which is set first if there is none.
async fn prove(
    state: &PhoneState,
    asked: &FactorAsked,
    key: &KeyHandle,
    (sfs, pin): (Option<&str>, &PinFile),
    out: Out,
) -> Result<FactorProof, PhoneError> {
    let (r, ctx) = asked.context(&p256::thumbprint(&state.keys.public(key)?));
    let mut sfs = SfsOnline::connect(&factor::device(state, sfs)?, state.keys.clone()).await?;
    let pin = if sfs.status.state == PinState::None {
        if pin.pin_file.is_none() {
            out.hint("this realm asks for a PIN; set one for this phone");
        }
        let pin = new_pin(pin.pin_file.as_deref(), sfs.status.min_digits, out)?;
        done(sfs.set(&pin).await?)?;
        pin
    } else {
        prompt::pin(pin.pin_file.as_deref(), "PIN: ", out)?
    };
    let proven = sfs.prove_and_attest(&pin, None, ctx).await?;
    Ok(FactorProof { attestation: proven.attestation, keys: proven.keys, r })
}
