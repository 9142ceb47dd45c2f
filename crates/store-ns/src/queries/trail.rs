use countersign_domain_ns::{
    audit::{About, Class, Entry, Filter, Stamp},
    ports::{Kept, Page, Purged},
};
use countersign_ports::time::Time;
use countersign_protocol::ids::{AuditId, ClientId, RealmId};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Answer, Conn, WALK, factors, literal, shared};
use crate::{
    rows::{self, millis},
    schema::{endings, holds, outcomes, redemptions, trail},
};

/// Adds a row to the trail in the transaction that it describes, and records the keyed request that
/// caused it.
pub(crate) async fn append(c: &mut Conn, stamp: &Stamp, action: &str, about: &About) -> Answer<()> {
    let values = (
        trail::id.eq(stamp.id.0.to_vec()),
        trail::realm.eq(about.realm.map(|r| r.0.to_vec())),
        trail::at.eq(millis(stamp.now)),
        trail::actor.eq(stamp.who.actor.text()),
        trail::action.eq(action.to_owned()),
        trail::object.eq(about.object.clone()),
        trail::client.eq(about.client.or(stamp.who.client).map(|c| c.0.to_vec())),
        trail::user_id.eq(about.user_id.clone()),
        trail::detail.eq(about.detail.clone()),
        trail::class.eq(Class::of(action, about).code()),
    );
    diesel::insert_into(trail::table).values(values).execute(c).await?;
    if let Some(mark) = stamp.who.mark {
        shared::remember_request(c, &mark.id, &mark.hash, millis(stamp.now)).await?;
    }
    Ok(())
}

/// Whether this keyed request has been served before, even if what it made no longer exists.
pub(crate) async fn done_before(c: &mut Conn, stamp: &Stamp) -> Answer<bool> {
    match stamp.who.mark {
        Some(mark) => Ok(request(c, &mark.id).await?.is_some()),
        None => Ok(false),
    }
}

pub(crate) async fn request(c: &mut Conn, id: &[u8; 16]) -> Answer<Option<[u8; 32]>> {
    let hash = shared::request(c, id).await?;
    hash.map(|h| rows::At { table: "requests", row: id }.fixed(&h)).transpose()
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = trail)]
struct Row {
    seq: Option<i64>,
    id: Vec<u8>,
    realm: Option<Vec<u8>>,
    at: i64,
    actor: String,
    action: String,
    object: String,
    client: Option<Vec<u8>>,
    user_id: Option<String>,
    detail: Option<String>,
}

impl TryFrom<Row> for Entry {
    type Error = countersign_store::StoreError;
    fn try_from(r: Row) -> Result<Self, Self::Error> {
        let place = rows::At { table: "trail", row: &r.id };
        let about = About {
            realm: place.fixed_option(r.realm.as_ref())?.map(RealmId),
            client: place.fixed_option(r.client.as_ref())?.map(ClientId),
            object: r.object,
            user_id: r.user_id,
            detail: r.detail,
        };
        Ok(Self {
            seq: r.seq.and_then(|seq| u64::try_from(seq).ok()).unwrap_or(0),
            id: AuditId(place.fixed(&r.id)?),
            at: rows::time(r.at),
            actor: r.actor,
            action: r.action,
            about,
        })
    }
}

/// The filter whose index is walked. Rows that the others leave out are looked at, too.
enum Walked<'a> {
    User(&'a str),
    Object(&'a str),
    Client(ClientId),
    Kind(&'a str),
    /// A whole realm, or everything.
    All,
}

impl<'a> Walked<'a> {
    /// Chooses the filter that usually finds least. Indexes begin with the realm.
    fn by(f: &'a Filter) -> Self {
        match (f.realm, &f.user_id, &f.object, f.client, &f.action) {
            (None, ..) => Self::All,
            (_, Some(user), ..) => Self::User(user),
            (_, _, Some(object), ..) => Self::Object(object),
            (_, _, _, Some(client), _) => Self::Client(client),
            (.., Some(action)) => Self::Kind(action.split('.').next().unwrap_or(action)),
            _ => Self::All,
        }
    }

    /// Whether the other filters leave out rows of this one.
    fn leaves_out(&self, f: &Filter) -> bool {
        let filters = [f.user_id.is_some(), f.object.is_some(), f.client.is_some(), f.action.is_some()];
        let most = match self {
            Self::All => 0,
            // The kind is the whole action, or its first part only.
            Self::Kind(kind) => usize::from(f.action.as_deref() == Some(*kind)),
            _ => 1,
        };
        filters.into_iter().filter(|given| *given).count() > most
    }
}

/// The rows that are walked, in their order, with this selection.
macro_rules! walked {
    ($f:expr, $after:expr, $by:expr, $select:expr) => {{
        let mut query =
            trail::table.filter(trail::seq.gt($after)).order(trail::seq).select($select).into_boxed();
        if let Some(realm) = $f.realm {
            query = query.filter(trail::realm.eq(realm.0.to_vec()));
        }
        match $by {
            Walked::User(user) => query.filter(trail::user_id.eq((*user).to_owned())),
            Walked::Object(object) => query.filter(trail::object.eq((*object).to_owned())),
            Walked::Client(client) => query.filter(trail::client.eq(client.0.to_vec())),
            Walked::Kind(kind) => query.filter(trail::kind.eq((*kind).to_owned())),
            Walked::All => query,
        }
    }};
}

pub(crate) async fn events(c: &mut Conn, f: &Filter) -> Answer<Page<Entry, u64>> {
    let after = i64::try_from(f.after).unwrap_or(i64::MAX);
    let by = Walked::by(f);
    let last: Option<i64> = if by.leaves_out(f) {
        let last = walked!(f, after, &by, trail::seq.assume_not_null()).offset(WALK - 1);
        last.first(c).await.optional()?
    } else {
        None
    };
    let mut query = walked!(f, after, &by, Row::as_select()).limit(i64::from(f.limit));
    if let Some(last) = last {
        query = query.filter(trail::seq.le(last));
    }
    if let Some(client) = f.client {
        query = query.filter(trail::client.eq(client.0.to_vec()));
    }
    if let Some(user) = &f.user_id {
        query = query.filter(trail::user_id.eq(user.clone()));
    }
    if let Some(object) = &f.object {
        query = query.filter(trail::object.eq(object.clone()));
    }
    if let Some(action) = &f.action {
        query = query.filter(
            trail::action
                .eq(action.clone())
                .or(trail::action.like(format!("{}.%", literal(action))).escape('!')),
        );
    }
    let found: Vec<Row> = query.load(c).await?;
    let found = found.into_iter().map(Entry::try_from).collect::<Answer<Vec<_>>>()?;
    Ok(Page::new(found, f.limit, |e| e.seq, last.and_then(|seq| u64::try_from(seq).ok())))
}

pub(crate) async fn last(c: &mut Conn, realm: Option<RealmId>) -> Answer<u64> {
    let placed = trail::table.filter(trail::seq.is_not_null());
    let mut query = placed.order(trail::seq.desc()).select(trail::seq.assume_not_null()).into_boxed();
    if let Some(realm) = realm {
        query = query.filter(trail::realm.eq(realm.0.to_vec()));
    }
    let last: Option<i64> = query.first(c).await.optional()?;
    Ok(last.and_then(|seq| u64::try_from(seq).ok()).unwrap_or(0))
}

/// Maximum number of rows of each kind deleted in one transaction, so that other writers need not
/// wait long.
const BATCH: i64 = 500;

pub(crate) async fn purge(c: &mut Conn, realm: Option<RealmId>, before: Kept) -> Answer<Purged> {
    let classes = [
        (Class::Unclaimed, before.unclaimed),
        (Class::Security, before.security),
        (Class::Evidence, before.evidence),
    ];
    let mut gone = Purged::default();
    for (class, before) in classes {
        gone.events += purge_rows(c, realm, class, before).await?;
    }
    // Requests belong to no realm in particular.
    match realm {
        Some(realm) => {
            gone.outcomes += purge_outcomes(c, realm, false, before.evidence).await?;
            gone.outcomes += purge_outcomes(c, realm, true, before.unclaimed).await?;
        }
        None => {
            gone.requests = shared::purge_requests(c, millis(before.requests)).await?;
            gone.attestations = factors::purge_spent(c, before.attestations).await?;
        }
    }
    Ok(gone)
}

async fn purge_rows(c: &mut Conn, realm: Option<RealmId>, class: Class, before: Time) -> Answer<usize> {
    let old = trail::table.filter(trail::class.eq(class.code())).filter(trail::at.lt(millis(before)));
    let mut old = old.order(trail::at).select(trail::id).limit(BATCH).into_boxed();
    old = match realm {
        Some(realm) => old.filter(trail::realm.eq(realm.0.to_vec())),
        None => old.filter(trail::realm.is_null()),
    };
    // Rows about users under a legal hold stay.
    let held = holds::table
        .filter(holds::realm.nullable().eq(trail::realm))
        .filter(holds::user_id.nullable().eq(trail::user_id));
    old = old.filter(diesel::dsl::not(diesel::dsl::exists(held.select(holds::user_id))));
    let old: Vec<Vec<u8>> = old.load(c).await?;
    Ok(diesel::delete(trail::table.filter(trail::id.eq_any(old))).execute(c).await?)
}

/// Deletes old outcomes: those that no account claimed, or all.
async fn purge_outcomes(c: &mut Conn, realm: RealmId, unclaimed: bool, before: Time) -> Answer<usize> {
    let key = realm.0.to_vec();
    let over =
        outcomes::table.filter(outcomes::realm.eq(key.clone())).filter(outcomes::ends_at.lt(millis(before)));
    // In the order of the index, so that it is used where few rows are old.
    let mut over = over.order(outcomes::ends_at).select(outcomes::id).limit(BATCH).into_boxed();
    if unclaimed {
        over = over.filter(outcomes::account.is_null());
    }
    let held = holds::table
        .filter(holds::realm.eq(outcomes::realm))
        .filter(holds::user_id.nullable().eq(outcomes::user_id));
    over = over.filter(diesel::dsl::not(diesel::dsl::exists(held.select(holds::user_id))));
    let over: Vec<Vec<u8>> = over.load(c).await?;
    for id in &over {
        diesel::delete(redemptions::table.find((key.clone(), id.clone()))).execute(c).await?;
        diesel::delete(endings::table.find((key.clone(), id.clone()))).execute(c).await?;
        diesel::delete(outcomes::table.find((key.clone(), id.clone()))).execute(c).await?;
    }
    Ok(over.len())
}
