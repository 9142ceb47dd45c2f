use async_trait::async_trait;
use std::collections::BTreeMap;

use countersign_domain_ns::{
    account::Account,
    audit::Stamp,
    authority::Lineage,
    enrolment::Enrolment,
    factor::{Factor, Spent},
    further::{Admission, Past, UserHash},
    ports::{AccountQuery, Page, People, UserQuery},
    user::{Hold, User},
};
use countersign_ports::{Fault, time::Time};
use countersign_protocol::{
    codes::AccountState,
    ids::{AccountId, ClientId, EnrolmentId, Jkt, LoginId, RealmId},
};

use super::{NsStore, change, read, scan};

#[async_trait]
impl People for NsStore {
    async fn put_user(&self, user: &User, stamp: &Stamp) -> Result<User, Fault> {
        let (user, stamp) = (user.clone(), stamp.clone());
        change!(self, |c| q::users::put(c, &user, &stamp))
    }

    async fn user(&self, realm: RealmId, user_id: &str) -> Result<Option<User>, Fault> {
        let user_id = user_id.to_owned();
        read!(self, |c| q::users::get(c, realm, &user_id))
    }

    async fn users(&self, realm: RealmId, query: &UserQuery) -> Result<Page<User, (Time, String)>, Fault> {
        let query = query.clone();
        scan!(self, |c| q::user_list::list(c, realm, &query))
    }

    async fn delete_user(&self, realm: RealmId, user_id: &str, stamp: &Stamp) -> Result<Option<bool>, Fault> {
        let (user_id, stamp) = (user_id.to_owned(), stamp.clone());
        change!(self, |c| q::users::delete(c, realm, &user_id, &stamp))
    }

    async fn attributes(&self, realm: RealmId, user_id: &str) -> Result<BTreeMap<String, String>, Fault> {
        let user_id = user_id.to_owned();
        read!(self, |c| q::attributes::get(c, realm, &user_id))
    }

    async fn set_attributes(
        &self,
        realm: RealmId,
        user_id: &str,
        change: &BTreeMap<String, Option<String>>,
        stamp: &Stamp,
    ) -> Result<Option<bool>, Fault> {
        let (user_id, change, stamp) = (user_id.to_owned(), change.clone(), stamp.clone());
        change!(self, |c| q::attributes::set(c, realm, &user_id, &change, &stamp))
    }

    async fn add_enrolment(&self, enrolment: &Enrolment, stamp: &Stamp) -> Result<bool, Fault> {
        let (enrolment, stamp) = (enrolment.clone(), stamp.clone());
        change!(self, |c| q::enrolments::add(c, &enrolment, &stamp))
    }

    async fn enrolment(&self, realm: RealmId, id: EnrolmentId) -> Result<Option<Enrolment>, Fault> {
        read!(self, |c| q::enrolments::get(c, realm, id))
    }

    async fn enrolment_by_code(
        &self,
        realm: RealmId,
        code_hash: &[u8; 32],
    ) -> Result<Option<Enrolment>, Fault> {
        let code_hash = *code_hash;
        read!(self, |c| q::enrolments::by_code(c, realm, &code_hash))
    }

    async fn enrolments_to_vouch(&self, realm: RealmId, user_id: &str) -> Result<Vec<Enrolment>, Fault> {
        let user_id = user_id.to_owned();
        read!(self, |c| q::enrolments::to_vouch(c, realm, &user_id))
    }

    async fn enrolments(
        &self,
        realm: RealmId,
        client: Option<ClientId>,
        before: Option<(Time, EnrolmentId)>,
        limit: u32,
    ) -> Result<Vec<Enrolment>, Fault> {
        scan!(self, |c| q::enrolments::list(c, realm, client, before, i64::from(limit)))
    }

    async fn recoveries(&self, realm: RealmId, user_id: &str) -> Result<Vec<(Option<Lineage>, Time)>, Fault> {
        let user_id = user_id.to_owned();
        scan!(self, |c| q::accounts::recoveries(c, realm, &user_id))
    }

    async fn past(&self, realm: RealmId, user_id: &str, hash: UserHash) -> Result<Past, Fault> {
        let user_id = user_id.to_owned();
        read!(self, |c| q::accounts::past(c, realm, &user_id, hash))
    }

    async fn redeem_enrolment(
        &self,
        after: &Enrolment,
        account: &Account,
        admission: Option<&Admission>,
        factor: Option<(&Factor, Spent)>,
        hash: UserHash,
        stamp: &Stamp,
    ) -> Result<bool, Fault> {
        let (after, account, admission, stamp) =
            (after.clone(), account.clone(), admission.cloned(), stamp.clone());
        let factor = factor.map(|(factor, spent)| (factor.clone(), spent));
        change!(self, |c| q::enrolments::redeem(
            c,
            &after,
            &account,
            (admission.as_ref(), factor.as_ref()),
            hash,
            &stamp
        ))
    }

    async fn move_enrolment(
        &self,
        before: &Enrolment,
        after: &Enrolment,
        admission: Option<&Admission>,
        hash: UserHash,
        stamp: &Stamp,
    ) -> Result<bool, Fault> {
        let (before, after, admission, stamp) =
            (before.clone(), after.clone(), admission.cloned(), stamp.clone());
        change!(self, |c| q::enrolments::change(c, &before, &after, admission.as_ref(), hash, &stamp))
    }

    async fn account(&self, realm: RealmId, id: AccountId) -> Result<Option<Account>, Fault> {
        read!(self, |c| q::accounts::get(c, realm, id))
    }

    async fn account_by_jkt(&self, realm: RealmId, jkt: &Jkt) -> Result<Option<Account>, Fault> {
        let jkt = *jkt;
        read!(self, |c| q::accounts::by_jkt(c, realm, &jkt))
    }

    async fn accounts(
        &self,
        realm: RealmId,
        query: &AccountQuery,
    ) -> Result<Page<Account, (Time, AccountId)>, Fault> {
        let query = query.clone();
        read!(self, |c| q::account_list::list(c, realm, &query))
    }

    async fn move_account(
        &self,
        account: &Account,
        to: AccountState,
        hash: UserHash,
        stamp: &Stamp,
    ) -> Result<Option<Vec<LoginId>>, Fault> {
        let (account, stamp) = (account.clone(), stamp.clone());
        change!(self, |c| q::accounts::change(c, &account, to, hash, &stamp))
    }

    async fn saw_phones(&self, realm: RealmId, id: AccountId, came: u32) -> Result<(), Fault> {
        let came = i32::try_from(came).unwrap_or(i32::MAX);
        change!(self, |c| q::accounts::saw_phones(c, realm, id, came))
    }

    async fn rename_account(
        &self,
        realm: RealmId,
        id: AccountId,
        device: &str,
        stamp: &Stamp,
    ) -> Result<bool, Fault> {
        let (device, stamp) = (device.to_owned(), stamp.clone());
        change!(self, |c| q::accounts::rename(c, realm, id, &device, &stamp))
    }

    async fn note_app_version(
        &self,
        realm: RealmId,
        id: AccountId,
        version: Option<&str>,
    ) -> Result<(), Fault> {
        let version = version.map(str::to_owned);
        change!(self, |c| q::accounts::note_app_version(c, realm, id, version))
    }

    async fn factor(&self, realm: RealmId, account: AccountId) -> Result<Option<Factor>, Fault> {
        read!(self, |c| q::factors::get(c, realm, account))
    }

    async fn sfs_key_list(&self, root: &Jkt) -> Result<Option<String>, Fault> {
        let root = *root;
        read!(self, |c| q::factors::key_list(c, &root))
    }

    async fn raise_sfs_key_list(&self, root: &Jkt, seq: u64, list: &str) -> Result<(), Fault> {
        let (root, list) = (*root, list.to_owned());
        change!(self, |c| q::factors::raise_key_list(c, &root, seq, &list))
    }

    async fn add_hold(&self, hold: &Hold, stamp: &Stamp) -> Result<bool, Fault> {
        let (hold, stamp) = (hold.clone(), stamp.clone());
        change!(self, |c| q::holds::add(c, &hold, &stamp))
    }

    async fn hold(&self, realm: RealmId, user_id: &str) -> Result<Option<Hold>, Fault> {
        let user_id = user_id.to_owned();
        read!(self, |c| q::holds::get(c, realm, &user_id))
    }

    async fn holds(&self, realm: RealmId, after: Option<&str>, limit: u32) -> Result<Vec<Hold>, Fault> {
        let after = after.map(str::to_owned);
        scan!(self, |c| q::holds::list(c, realm, after, i64::from(limit)))
    }

    async fn lift_hold(&self, realm: RealmId, user_id: &str, stamp: &Stamp) -> Result<bool, Fault> {
        let (user_id, stamp) = (user_id.to_owned(), stamp.clone());
        change!(self, |c| q::holds::lift(c, realm, &user_id, &stamp))
    }
}
