//! The port, method by method: pick the database, run the one query body.

use std::path::Path;

use async_trait::async_trait;
use countersign_domain::{
    Fault,
    account::Account,
    api_key::ApiKey,
    audit,
    audit::Stamp,
    client::Client,
    enrolment::Enrolment,
    login::{EndedBy, Outcome, Record},
    ports::{Recorded, Redeemed, Store},
    realm::SealedRealm,
    user::User,
};
use countersign_protocol::{
    codes::AccountState,
    ids::{AccountId, ApiKeyId, ClientId, EnrolmentId, Jkt, LoginId, RealmId},
};
use countersign_store::{StoreError, lite::Lite, migrate};
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use futures_util::FutureExt;

use crate::sqlite::q;

const SQLITE: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite/ns");

/// Reading threads beside the writer.
const READERS: usize = 2;

/// NS's store. SQLite for now; the other databases become further variants with the same query body.
#[derive(Clone)]
pub struct NsStore {
    lite: Lite,
}

impl NsStore {
    /// Migrates the file and opens it. Blocks while it migrates.
    ///
    /// # Errors
    /// When the file cannot be used or migrated.
    pub fn open_sqlite(path: &Path) -> Result<Self, StoreError> {
        migrate::sqlite(path, SQLITE)?;
        Ok(Self { lite: Lite::open(path, READERS)? })
    }
}

/// Logged where it is handled; here it only changes its type.
fn fault(e: StoreError) -> Fault {
    Fault(e.to_string())
}

/// Runs a read by key of the query body with owned arguments.
macro_rules! read {
    ($self:ident, |$c:ident| $call:expr) => {
        $self.lite.read(move |$c| async move { $call.await }.boxed()).await.map_err(fault)
    };
}

/// Runs a read of many rows with owned arguments.
macro_rules! scan {
    ($self:ident, |$c:ident| $call:expr) => {
        $self.lite.scan(move |$c| async move { $call.await }.boxed()).await.map_err(fault)
    };
}

/// Runs a write of the query body with owned arguments.
macro_rules! write {
    ($self:ident, |$c:ident| $call:expr) => {
        $self.lite.write(move |$c| async move { $call.await }.boxed()).await.map_err(fault)
    };
}

#[async_trait]
impl Store for NsStore {
    async fn ping(&self) -> Result<(), Fault> {
        self.lite.writes().map_err(fault)?;
        scan!(self, |c| q::realms::ping(c))
    }

    async fn add_realm(&self, realm: &SealedRealm, stamp: &Stamp) -> Result<bool, Fault> {
        let (realm, stamp) = (realm.clone(), stamp.clone());
        write!(self, |c| q::realms::add(c, &realm, &stamp))
    }
    async fn realms(&self) -> Result<Vec<SealedRealm>, Fault> {
        scan!(self, |c| q::realms::all(c))
    }

    async fn add_client(&self, client: &Client, stamp: &Stamp) -> Result<bool, Fault> {
        let (client, stamp) = (client.clone(), stamp.clone());
        write!(self, |c| q::clients::add(c, &client, &stamp))
    }
    async fn client(&self, realm: RealmId, id: ClientId) -> Result<Option<Client>, Fault> {
        read!(self, |c| q::clients::get(c, realm, id))
    }
    async fn clients(&self, realm: RealmId) -> Result<Vec<Client>, Fault> {
        scan!(self, |c| q::clients::list(c, realm))
    }
    async fn delete_client(&self, realm: RealmId, id: ClientId, stamp: &Stamp) -> Result<bool, Fault> {
        let stamp = stamp.clone();
        write!(self, |c| q::clients::delete(c, realm, id, &stamp))
    }

    async fn add_api_key(&self, key: &ApiKey, stamp: &Stamp) -> Result<bool, Fault> {
        let (key, stamp) = (key.clone(), stamp.clone());
        write!(self, |c| q::api_keys::add(c, &key, &stamp))
    }
    async fn api_key_by_hash(&self, hash: &[u8; 32]) -> Result<Option<ApiKey>, Fault> {
        let hash = *hash;
        read!(self, |c| q::api_keys::by_hash(c, &hash))
    }
    async fn api_key(&self, id: ApiKeyId) -> Result<Option<ApiKey>, Fault> {
        read!(self, |c| q::api_keys::get(c, id))
    }
    async fn api_keys(&self, realm: Option<RealmId>) -> Result<Vec<ApiKey>, Fault> {
        scan!(self, |c| q::api_keys::list(c, realm))
    }
    async fn delete_api_key(&self, id: ApiKeyId, stamp: &Stamp) -> Result<bool, Fault> {
        let stamp = stamp.clone();
        write!(self, |c| q::api_keys::delete(c, id, &stamp))
    }

    async fn put_user(&self, user: &User, stamp: &Stamp) -> Result<User, Fault> {
        let (user, stamp) = (user.clone(), stamp.clone());
        write!(self, |c| q::users::put(c, &user, &stamp))
    }
    async fn user(&self, realm: RealmId, user_id: &str) -> Result<Option<User>, Fault> {
        let user_id = user_id.to_owned();
        read!(self, |c| q::users::get(c, realm, &user_id))
    }
    async fn users(&self, realm: RealmId) -> Result<Vec<User>, Fault> {
        scan!(self, |c| q::users::list(c, realm))
    }
    async fn delete_user(&self, realm: RealmId, user_id: &str, stamp: &Stamp) -> Result<bool, Fault> {
        let (user_id, stamp) = (user_id.to_owned(), stamp.clone());
        write!(self, |c| q::users::delete(c, realm, &user_id, &stamp))
    }

    async fn add_enrolment(&self, enrolment: &Enrolment, stamp: &Stamp) -> Result<(), Fault> {
        let (enrolment, stamp) = (enrolment.clone(), stamp.clone());
        write!(self, |c| q::enrolments::add(c, &enrolment, &stamp))
    }
    async fn enrolment(&self, realm: RealmId, id: EnrolmentId) -> Result<Option<Enrolment>, Fault> {
        read!(self, |c| q::enrolments::get(c, realm, id))
    }
    async fn enrolment_by_code(&self, realm: RealmId, code_hash: &[u8; 32]) -> Result<Option<Enrolment>, Fault> {
        let code_hash = *code_hash;
        read!(self, |c| q::enrolments::by_code(c, realm, &code_hash))
    }
    async fn redeem_enrolment(&self, after: &Enrolment, account: &Account, stamp: &Stamp) -> Result<bool, Fault> {
        let (after, account, stamp) = (after.clone(), account.clone(), stamp.clone());
        write!(self, |c| q::enrolments::redeem(c, &after, &account, &stamp))
    }
    async fn move_enrolment(
        &self,
        before: &Enrolment,
        after: &Enrolment,
        account: Option<AccountState>,
        stamp: &Stamp,
    ) -> Result<bool, Fault> {
        let (before, after, stamp) = (before.clone(), after.clone(), stamp.clone());
        write!(self, |c| q::enrolments::change(c, &before, &after, account, &stamp))
    }

    async fn account(&self, realm: RealmId, id: AccountId) -> Result<Option<Account>, Fault> {
        read!(self, |c| q::accounts::get(c, realm, id))
    }
    async fn account_by_jkt(&self, realm: RealmId, jkt: &Jkt) -> Result<Option<Account>, Fault> {
        let jkt = *jkt;
        read!(self, |c| q::accounts::by_jkt(c, realm, &jkt))
    }
    async fn accounts(&self, realm: RealmId, user_id: Option<&str>) -> Result<Vec<Account>, Fault> {
        let user_id = user_id.map(str::to_owned);
        scan!(self, |c| q::accounts::list(c, realm, user_id))
    }
    async fn move_account(
        &self,
        realm: RealmId,
        id: AccountId,
        from: AccountState,
        to: AccountState,
        stamp: &Stamp,
    ) -> Result<Option<Vec<LoginId>>, Fault> {
        let stamp = stamp.clone();
        write!(self, |c| q::accounts::change(c, realm, id, from, to, &stamp))
    }

    async fn record_outcome(&self, outcome: &Outcome, stamp: &Stamp) -> Result<Recorded, Fault> {
        let (outcome, stamp) = (outcome.clone(), stamp.clone());
        write!(self, |c| q::logins::record_outcome(c, &outcome, &stamp))
    }
    async fn outcome(&self, realm: RealmId, login: LoginId) -> Result<Option<Record>, Fault> {
        read!(self, |c| q::logins::get(c, realm, login))
    }
    async fn redeem(&self, realm: RealmId, login: LoginId, account: AccountId, stamp: &Stamp) -> Result<Redeemed, Fault> {
        let stamp = stamp.clone();
        write!(self, |c| q::logins::redeem(c, realm, login, account, &stamp))
    }
    async fn end_login(&self, realm: RealmId, login: LoginId, by: EndedBy, stamp: &Stamp) -> Result<bool, Fault> {
        let stamp = stamp.clone();
        write!(self, |c| q::logins::end(c, realm, login, by, &stamp))
    }
    async fn running_logins(&self, realm: RealmId, account: AccountId) -> Result<Vec<Record>, Fault> {
        // Lifetimes are judged by the flows; here only what has ended for good is left out.
        scan!(self, |c| q::logins::running(c, realm, account, countersign_domain::time::Time(0)))
    }

    async fn audit(&self, realm: Option<RealmId>, limit: u32) -> Result<Vec<audit::Entry>, Fault> {
        scan!(self, |c| q::audit::newest(c, realm, i64::from(limit)))
    }
}
