//! `enrol`: an account from an enrolment link, with a second factor where the realm asks for one.

use countersign_channel::{p256, random};
use countersign_sdk::{
    FactorProof, FactorWish, KeyHandle, KeyStore, Link, PinState, ReqId, TrustedApp, What,
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
    let key = state.keys.generate()?;
    let enrolled = match join(state, &link, (id, device), &key, pin, out).await {
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

async fn join(
    state: &PhoneState,
    link: &countersign_protocol::link::EnrolLink,
    (app, device): (&str, &str),
    key: &KeyHandle,
    (sfs, pin): (Option<&str>, &PinFile),
    out: Out,
) -> Result<Enrolled, PhoneError> {
    let joining = Joining::open(link, state.keys.clone(), key.clone()).await?;
    let proof = match &joining.factor {
        None => None,
        Some((FactorWish::Optional, _)) if sfs.is_none() && state.wallet()?.sfs.is_none() => None,
        Some((_, asked)) => {
            let (r, ctx) = asked.context(&p256::thumbprint(&state.keys.public(key)?));
            let mut sfs = SfsOnline::connect(&factor::device(state, sfs)?, state.keys.clone()).await?;
            let pin = if sfs.status.state == PinState::None {
                out.hint("this realm asks for a PIN; set one for this phone");
                let pin = new_pin(pin.pin_file.as_deref(), sfs.status.min_digits, out)?;
                done(sfs.set(&pin).await?)?;
                pin
            } else {
                prompt::pin(pin.pin_file.as_deref(), "PIN: ", out)?
            };
            let proven = sfs.prove_and_attest(&pin, None, ctx).await?;
            Some((proven.factor, FactorProof { attestation: proven.attestation, keys: proven.keys, r }))
        }
    };
    let mut enrolled = joining.accept((app, device), ReqId(random()), proof.as_ref().map(|(_, p)| p)).await?;
    enrolled.account.factor = proof.map(|(factor, _)| factor.to_string());
    Ok(enrolled)
}
