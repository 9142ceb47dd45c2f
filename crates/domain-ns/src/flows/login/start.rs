//! Starting logins, for a client or for a phone.

use countersign_protocol::{
    codes::{AccountState, LoginState},
    ids::{AccountId, ClientId, LoginId, ReqId},
};

use super::{
    Claimed, LINGER_SECS, Seen,
    claim::{challenge, gone, resume},
    live, look, read, write,
};
use crate::{
    Refused,
    account::Account,
    audit::Who,
    capability::{fingerprint, page_secret},
    client::Client,
    factor::{FactorChallenge, FactorNeed},
    flows::limits::Way,
    login::{Claim, Initiator, Login, LoginProgress, Target, Via},
    ports::{AccountQuery, Advanced, Ports, Versioned},
    realm::OpenRealm,
    refused::Stop,
};
use countersign_ports::{
    Fault,
    random::id_from,
    secret::{Secret, sha256},
    time::Time,
};

/// Most phones of a user that a login is announced to.
const MOST_PHONES: u32 = 20;

/// The login that a client asks for.
#[derive(Clone, Debug, Default)]
pub struct NewLogin {
    pub expected_user: Option<String>,
    pub text: Option<String>,
    pub browser: Option<String>,
    pub place: Option<String>,
    pub return_url: Option<String>,
    pub directed: Option<Directed>,
    /// What the client keeps in the browser's cookie.
    pub binding: Option<String>,
    /// The browser's address.
    pub address: Option<String>,
    pub number_match: bool,
    /// Whether no number is to be required, whatever the realm's settings say.
    pub number_off: bool,
    /// The second factor that this login needs, beside what the realm and the client ask for.
    pub second_factor: Option<FactorNeed>,
}

/// The user or account that a login is directed at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directed {
    target: Target,
    /// The phones to which it may be announced, each with the client that invited it.
    to: Vec<(AccountId, Option<ClientId>)>,
}

/// Finds the phones that a login is directed at. An unknown user or account is not an error, so
/// that callers cannot find out which exist.
///
/// # Errors
/// A fault of the store.
pub async fn direct(ports: &Ports, realm: &OpenRealm, target: Target) -> Result<Directed, Fault> {
    let accounts: Vec<Account> = match &target {
        Target::Account(id) => ports.store.account(realm.id(), *id).await?.into_iter().collect(),
        Target::User(user) => {
            let active = Some(AccountState::Active);
            let query = AccountQuery {
                user_id: Some(user.clone()),
                state: active,
                limit: MOST_PHONES,
                ..AccountQuery::default()
            };
            ports.store.accounts(realm.id(), &query).await?.items
        }
    };
    let now = ports.now();
    let to =
        accounts.into_iter().filter(|a| a.may_log_in(now).is_ok()).map(|a| (a.id, a.origin.client)).collect();
    Ok(Directed { target, to })
}

/// A login that was made, now or by the same keyed request before.
#[derive(Clone, Debug)]
pub struct Created {
    pub seen: Seen,
    /// The secret of its page token, of which only a hash is stored.
    pub page: Secret<32>,
}

/// Makes a login, and announces it to the phones it is directed at.
///
/// # Errors
/// [`Stop::Limited`], [`Refused::RequestChanged`], or a fault of a port.
pub async fn create(
    ports: &Ports,
    realm: &OpenRealm,
    client: &Client,
    new: NewLogin,
    who: Who,
) -> Result<Created, Stop> {
    if let Some(again) = made_before(ports, realm, client, who).await? {
        return Ok(again);
    }
    let print = |kind: &str, text: Option<&String>| text.map(|t| fingerprint(realm, kind, t));
    let initiator = Initiator {
        binding: print("binding", new.binding.as_ref()),
        address: print("address", new.address.as_ref()),
    };
    let now = ports.now();
    let id = LoginId(who.mark.map_or_else(|| ports.random.id(now), |mark| mark.id));
    let page = page_secret(realm, id);
    let (target, to) = new.directed.map_or_else(Default::default, |d| (Some(d.target), d.to));
    let directed_user = if let Some(Target::User(user)) = &target { Some(user.clone()) } else { None };
    let login = Login {
        id,
        realm: realm.id(),
        client: client.id,
        realm_name: realm.display_name().to_owned(),
        client_name: client.display_name.clone(),
        created_at: now,
        expires_at: now.plus_secs(realm.settings().login_secs),
        expected_user: new.expected_user.or(directed_user),
        text: new.text,
        browser: new.browser,
        place: new.place,
        return_url: new.return_url,
        page_hash: page.hash(),
        target,
        initiator,
        number_match: new.number_match,
        callback_url: None,
        request: who.mark.map(|mark| mark.hash),
        number_off: new.number_off,
        accepts: accepts(client),
        second_factor: FactorNeed::both(factor_of(realm, client), new.second_factor),
    };
    let to: Vec<AccountId> =
        to.into_iter().filter(|(_, invited_by)| login.accepts(*invited_by)).map(|(id, _)| id).collect();
    let target = login.target.clone();
    let way = Way::of_client(realm, client.id, initiator, target.as_ref());
    match way.begin(ports, login, &to).await? {
        Some(login) => Ok(Created { seen: Seen { login, state: LoginProgress::Pending }, page }),
        // The same keyed request, on another connection, was faster.
        None => made_before(ports, realm, client, who)
            .await?
            .ok_or_else(|| Fault::Inconsistent("a new login's id is taken".to_owned()).into()),
    }
}

async fn made_before(
    ports: &Ports,
    realm: &OpenRealm,
    client: &Client,
    who: Who,
) -> Result<Option<Created>, Stop> {
    let Some(mark) = who.mark else { return Ok(None) };
    let Some(seen) = look(ports, realm, LoginId(mark.id)).await? else { return Ok(None) };
    if seen.login.client != client.id || seen.login.request != Some(mark.hash) {
        return Err(Refused::RequestChanged.into());
    }
    let page = page_secret(realm, seen.login.id);
    Ok(Some(Created { seen, page }))
}

/// The login that a phone starts by itself.
fn in_app(
    realm: &OpenRealm,
    account: &Account,
    client: &Client,
    id: LoginId,
    callback_url: String,
    now: Time,
) -> Login {
    Login {
        id,
        realm: realm.id(),
        client: client.id,
        realm_name: realm.display_name().to_owned(),
        client_name: client.display_name.clone(),
        created_at: now,
        expires_at: now.plus_secs(realm.settings().login_secs),
        expected_user: Some(account.user_id.clone()),
        text: None,
        browser: None,
        place: None,
        return_url: None,
        page_hash: page_secret(realm, id).hash(),
        target: Some(Target::Account(account.id)),
        initiator: Initiator::default(),
        number_match: false,
        callback_url: Some(callback_url),
        request: None,
        number_off: false,
        accepts: accepts(client),
        second_factor: factor_of(realm, client),
    }
}

/// The second factor that every login at this client needs.
fn factor_of(realm: &OpenRealm, client: &Client) -> Option<FactorNeed> {
    FactorNeed::both(realm.settings().second_factor, client.second_factor)
}

/// A phone starts a login at a client by itself, and has it claimed at once. The same `req_id`
/// gives the same login.
///
/// # Errors
/// [`Refused::NotFound`] for a client that does not exist or does not take such logins;
/// [`Refused::EnrolmentNotAccepted`] for one that does not accept this phone; why the account may
/// not log in; [`Stop::Limited`]; a fault of a port.
pub async fn start_in_app(
    ports: &Ports,
    realm: &OpenRealm,
    account: &Account,
    (client, req_id): (&str, ReqId),
    cb: &[u8; 32],
) -> Result<Claimed, Stop> {
    let account = ports.store.account(account.realm, account.id).await?.ok_or(Refused::AccountDeleted)?;
    account.may_log_in(ports.now())?;
    let id = LoginId(id_from(&sha256(&[b"countersign/in-app/v1\0", &account.id.0[..], &req_id.0].concat())));
    let ttl = realm.settings().login_secs + LINGER_SECS;
    if let Some(there) = live(ports, id).await? {
        if there.v == LoginState::PENDING {
            // The first attempt stopped half way.
            let (login, _) = read(ports, id, &there)?;
            let factor = challenge(ports, &login, &account, cb).await?;
            let own = own_claim(&account, login.created_at, factor);
            let claimed = write(ports, &login, Some(&own), LoginState::CLAIMED);
            ports.live.claim(id, account.id, LoginState::PENDING, claimed, ttl).await?;
        }
        return resume(ports, realm, account.id, id).await;
    }
    if ports.store.outcome(realm.id(), id).await?.is_some() {
        return Err(gone(ports, realm, id).await?);
    }
    let client = ports.store.client_by_name(realm.id(), client).await?.ok_or(Refused::NotFound)?;
    let callback_url = client.callback_urls.first().ok_or(Refused::NotFound)?.clone();
    let now = ports.now();
    let login = in_app(realm, &account, &client, id, callback_url, now);
    if !login.accepts(account.origin.client) {
        return Err(Refused::EnrolmentNotAccepted.into());
    }
    let factor = challenge(ports, &login, &account, cb).await?;
    Way::of_phone(realm, account.id, client.id).begin(ports, login.clone(), &[]).await?;
    let claim = own_claim(&account, now, factor);
    // This loses only to the same request on another connection, which has made the same claim.
    let claimed = write(ports, &login, Some(&claim), LoginState::CLAIMED);
    match ports.live.claim(id, account.id, LoginState::PENDING, claimed, ttl).await? {
        Advanced::Done => Ok(Claimed { login, claim }),
        Advanced::Stale(there @ Versioned { v: LoginState::CLAIMED, .. }) => match read(ports, id, &there)? {
            (login, LoginProgress::Claimed(claim)) => Ok(Claimed { login, claim }),
            _ => Err(Refused::NotFound.into()),
        },
        Advanced::Stale(_) | Advanced::Missing => Err(Refused::NotFound.into()),
    }
}

/// The clients whose enrolments the client accepts, as the login stores them.
fn accepts(client: &Client) -> Vec<String> {
    client.accepts.iter().map(ToString::to_string).collect()
}

fn own_claim(account: &Account, at: Time, factor: Option<FactorChallenge>) -> Claim {
    Claim { account: account.id, user_id: account.user_id.clone(), via: Via::App, number: None, at, factor }
}
