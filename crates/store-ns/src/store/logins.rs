use async_trait::async_trait;
use countersign_domain_ns::{
    audit::Stamp,
    login::{EndedBy, Initiator, Outcome, Record},
    ports::{Logins, Page, Recorded, Redeemed},
};
use countersign_ports::{Fault, time::Time};
use countersign_protocol::ids::{AccountId, ClientId, LoginId, RealmId};

use super::{NsStore, change, read, scan};

#[async_trait]
impl Logins for NsStore {
    async fn record_outcome(&self, outcome: &Outcome, stamp: &Stamp) -> Result<Recorded, Fault> {
        let (outcome, stamp) = (outcome.clone(), stamp.clone());
        change!(self, |c| q::logins::record_outcome(c, &outcome, &stamp))
    }

    async fn outcome(&self, realm: RealmId, login: LoginId) -> Result<Option<Record>, Fault> {
        read!(self, |c| q::logins::get(c, realm, login))
    }

    async fn redeem(&self, approved: &Outcome, account: AccountId, stamp: &Stamp) -> Result<Redeemed, Fault> {
        let (approved, stamp) = (approved.clone(), stamp.clone());
        change!(self, |c| q::logins::redeem(c, &approved, account, &stamp))
    }

    async fn redeemed_by(&self, realm: RealmId, login: LoginId, request: &[u8; 16]) -> Result<bool, Fault> {
        let request = *request;
        read!(self, |c| q::logins::redeemed_by(c, realm, login, &request))
    }

    async fn end_login(
        &self,
        realm: RealmId,
        login: LoginId,
        by: EndedBy,
        stamp: &Stamp,
    ) -> Result<bool, Fault> {
        let stamp = stamp.clone();
        change!(self, |c| q::logins::end(c, realm, login, by, &stamp))
    }

    async fn running_logins(
        &self,
        realm: RealmId,
        account: AccountId,
        now: Time,
    ) -> Result<Vec<Record>, Fault> {
        scan!(self, |c| q::logins::running(c, realm, account, now))
    }

    async fn running_logins_of_user(
        &self,
        realm: RealmId,
        user_id: &str,
        client: Option<ClientId>,
        now: Time,
    ) -> Result<Vec<Record>, Fault> {
        let user_id = user_id.to_owned();
        scan!(self, |c| q::logins::running_of_user(c, realm, &user_id, client, now))
    }

    async fn end_logins_of_user(
        &self,
        realm: RealmId,
        user_id: &str,
        client: Option<ClientId>,
        stamp: &Stamp,
    ) -> Result<Vec<LoginId>, Fault> {
        let (user_id, stamp) = (user_id.to_owned(), stamp.clone());
        change!(self, |c| q::logins::end_of_user(c, realm, &user_id, client, &stamp))
    }

    async fn initiators_of_user(&self, realm: RealmId, user_id: &str) -> Result<Vec<Initiator>, Fault> {
        let user_id = user_id.to_owned();
        scan!(self, |c| q::logins::initiators_of_user(c, realm, &user_id))
    }

    async fn outcomes_of_user(
        &self,
        realm: RealmId,
        user_id: &str,
        after: Option<(Time, LoginId)>,
        limit: u32,
    ) -> Result<Page<Record, (Time, LoginId)>, Fault> {
        let user_id = user_id.to_owned();
        scan!(self, |c| q::logins::of_user(c, realm, &user_id, after, limit))
    }
}
