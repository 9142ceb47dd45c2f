//! How logins begin: asked for by a client, or by a phone.

use countersign_protocol::{
    codes::AccountState,
    ids::{AccountId, LoginId, ReqId},
};

use super::{
    Claimed, LINGER_SECS, Seen,
    claim::{gone, resume},
    encode, look, read, write,
};
use crate::{
    Refused,
    account::{Account, may_log_in},
    audit::{About, Who},
    capability::{fingerprint, page_secret},
    client::Client,
    flows::limits::{Attempt, alert, let_in, let_in_app},
    login::{Claim, Initiator, Login, State, Target, Via},
    ports::{AccountQuery, Alert, Counter, CounterKind, Ports, Topic},
    random::id_from,
    realm::OpenRealm,
    refused::{Fault, Stop},
    secret::{Secret, sha256},
    time::Time,
};

/// A user's phones that are told of a login at most.
const MOST_PHONES: u32 = 20;

/// A client that lost an answer asks again within this time.
const REPEATED_SECS: u64 = 60;

/// What the client asks.
#[derive(Clone, Debug, Default)]
pub struct NewLogin {
    pub expected_user: Option<String>,
    pub text: Option<String>,
    pub browser: Option<String>,
    pub place: Option<String>,
    pub return_url: Option<String>,
    pub target: Option<Target>,
    /// What the client keeps in the browser's cookie.
    pub binding: Option<String>,
    /// The browser's address.
    pub address: Option<String>,
    pub number_match: bool,
}

/// A login that was made, now or by the same keyed request before.
#[derive(Clone, Debug)]
pub struct Created {
    pub seen: Seen,
    /// The secret of its page token, which is kept as a hash only.
    pub page: Secret<32>,
}

/// Makes a login, and tells the phones it is directed at.
///
/// # Errors
/// [`Stop::Limited`], [`Refused::RequestChanged`], or a fault of a port.
pub async fn create(ports: &Ports, realm: &OpenRealm, client: &Client, new: NewLogin, who: Who) -> Result<Created, Stop> {
    if let Some(again) = made_before(ports, realm, client, who).await? {
        return Ok(again);
    }
    let print = |kind: &str, text: Option<&String>| text.map(|t| fingerprint(realm, kind, t));
    let initiator = Initiator { binding: print("binding", new.binding.as_ref()), address: print("address", new.address.as_ref()) };
    let quiet = let_in(ports, realm, &Attempt { client: client.id, initiator, target: new.target.as_ref() }).await?;
    let now = ports.now();
    let id = LoginId(who.mark.map_or_else(|| ports.random.id(now), |mark| mark.id));
    let page = page_secret(realm, id);
    let directed_user = if let Some(Target::User(user)) = &new.target { Some(user.clone()) } else { None };
    let login = Login {
        id,
        realm: realm.realm.id,
        client: client.id,
        realm_name: realm.realm.display_name.clone(),
        client_name: client.display_name.clone(),
        created_at: now,
        expires_at: now.plus_secs(realm.realm.settings.login_secs),
        expected_user: new.expected_user.or(directed_user),
        text: new.text,
        browser: new.browser,
        place: new.place,
        return_url: new.return_url,
        page_hash: page.hash(),
        target: new.target,
        initiator,
        number_match: new.number_match,
        callback_url: None,
        request: who.mark.map(|mark| mark.hash),
    };
    let ttl = realm.realm.settings.login_secs + LINGER_SECS;
    if !ports.live.create(id, encode(&login, None), ttl).await? {
        // The same keyed request, on another connection, a moment earlier.
        return made_before(ports, realm, client, who).await?.ok_or_else(|| Fault("a new login's id is taken".to_owned()).into());
    }
    offer(ports, realm, &login, ttl, quiet).await?;
    Ok(Created { seen: Seen { login, state: State::Pending }, page })
}

async fn made_before(ports: &Ports, realm: &OpenRealm, client: &Client, who: Who) -> Result<Option<Created>, Stop> {
    let Some(mark) = who.mark else { return Ok(None) };
    let Some(seen) = look(ports, realm, LoginId(mark.id)).await? else { return Ok(None) };
    if seen.login.client != client.id || seen.login.request != Some(mark.hash) {
        return Err(Refused::RequestChanged.into());
    }
    if seen.state == State::Pending && ports.now() < seen.login.created_at.plus_secs(REPEATED_SECS) {
        // Should the first time have stopped before the phones were told.
        offer(ports, realm, &seen.login, realm.realm.settings.login_secs + LINGER_SECS, false).await?;
    }
    let page = page_secret(realm, seen.login.id);
    Ok(Some(Created { seen, page }))
}

/// The phones it waits for, told unless it is quiet. That nobody has this name is told to nobody.
async fn offer(ports: &Ports, realm: &OpenRealm, login: &Login, ttl: u64, quiet: bool) -> Result<(), Fault> {
    let accounts: Vec<Account> = match &login.target {
        None => return Ok(()),
        Some(Target::Account(id)) => ports.store.account(realm.realm.id, *id).await?.into_iter().collect(),
        Some(Target::User(user)) => {
            let active = Some(AccountState::Active);
            let query = AccountQuery { user_id: Some(user.clone()), state: active, limit: MOST_PHONES, ..AccountQuery::default() };
            ports.store.accounts(realm.realm.id, &query).await?
        }
    };
    for account in accounts.into_iter().filter(|a| may_log_in(a.state).is_ok()) {
        if ports.live.offers(account.id).await?.contains(&login.id) {
            continue;
        }
        ports.live.offer(account.id, login.id, ttl).await?;
        if !quiet && !annoyed(ports, realm, account.id).await? {
            ports.live.announce(Topic::Offered { to: account.id, login: login.id }, 1).await?;
        }
    }
    Ok(())
}

/// Whether this account has been shown enough unasked. What it is not shown it finds when it looks.
async fn annoyed(ports: &Ports, realm: &OpenRealm, account: AccountId) -> Result<bool, Fault> {
    let limit = realm.realm.settings.limits.account;
    let counter = Counter { realm: realm.realm.id, kind: CounterKind::Offers, key: account.0 };
    let count = ports.live.count(counter, limit.secs).await?;
    if count.n == limit.most + 1 {
        let about = About::of(realm.realm.id, account).detail(Some("offers"));
        alert(ports, Alert::Limited, about).await?;
    }
    Ok(count.n > limit.most)
}

/// A phone starts a login at a client by itself, and has it at once. The same `req_id` gives the same login.
///
/// # Errors
/// [`Refused::NotFound`] for a client that is not there or does not take such logins.
pub async fn start_in_app(ports: &Ports, realm: &OpenRealm, account: &Account, client: &str, req_id: ReqId) -> Result<Claimed, Stop> {
    let account = ports.store.account(account.realm, account.id).await?.ok_or(Refused::AccountDeleted)?;
    may_log_in(account.state)?;
    let id = LoginId(id_from(&sha256(&[b"countersign/in-app/v1\0", &account.id.0[..], &req_id.0].concat())));
    if let Some(there) = ports.live.read(id).await? {
        if there.v == 1 {
            // The first time stopped half way.
            let (login, _) = read(&there)?;
            ports.live.advance(id, 1, write(&login, Some(&own_claim(&account, login.created_at)), 2)).await?;
        }
        return resume(ports, realm, account.id, id).await;
    }
    if ports.store.outcome(realm.realm.id, id).await?.is_some() {
        return Err(gone(ports, realm, id).await?);
    }
    let client = ports.store.client_by_name(realm.realm.id, client).await?.ok_or(Refused::NotFound)?;
    let callback_url = client.callback_urls.first().ok_or(Refused::NotFound)?.clone();
    let_in_app(ports, realm, account.id, client.id).await?;
    let now = ports.now();
    let login = Login {
        id,
        realm: realm.realm.id,
        client: client.id,
        realm_name: realm.realm.display_name.clone(),
        client_name: client.display_name.clone(),
        created_at: now,
        expires_at: now.plus_secs(realm.realm.settings.login_secs),
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
    };
    let ttl = realm.realm.settings.login_secs + LINGER_SECS;
    let claim = own_claim(&account, now);
    ports.live.note_claim(account.id, id, ttl).await?;
    ports.live.create(id, encode(&login, None), ttl).await?;
    // Lost only to the same request on another connection: then what is there is the same.
    ports.live.advance(id, 1, write(&login, Some(&claim), 2)).await?;
    let there = ports.live.read(id).await?.ok_or(Refused::NotFound)?;
    match read(&there)? {
        (login, State::Claimed(claim)) => Ok(Claimed { login, claim }),
        _ => Err(Refused::NotFound.into()),
    }
}

fn own_claim(account: &Account, at: Time) -> Claim {
    Claim { account: account.id, user_id: account.user_id.clone(), via: Via::App, number: None, at }
}
