//! Frames that inform a phone about a login.

use countersign_domain_ns::{
    capability,
    flows::login::{Claimed, Seen},
    login::Via,
    realm::OpenRealm,
};
use countersign_protocol::{
    frames::{self, LoginEntry},
    ids::ReqId,
};

pub(super) fn answer(
    realm: &OpenRealm,
    req_id: ReqId,
    Claimed { login, claim }: &Claimed,
) -> frames::Claimed {
    let returns = claim.via.returns();
    frames::Claimed {
        req_id,
        login: login.id,
        context: login.context(),
        expires_at: login.expires_at.secs(),
        return_token: returns.then(|| capability::return_token(realm, login.id, claim.account)),
        return_url: login.return_url.clone().filter(|_| claim.via == Via::Link),
        number: claim.number.as_ref().map(|n| n.len() as u64),
        callback_url: login.callback_url.clone().filter(|_| claim.via == Via::App),
    }
}

pub(super) fn entry(seen: &Seen) -> LoginEntry {
    LoginEntry {
        login: seen.login.id,
        state: seen.state.public(),
        client_name: seen.login.client_name.clone(),
        since: seen.login.created_at.secs(),
    }
}
