use countersign_domain_ns::enrolment::{Confirm, Enrolment, EnrolmentState, Redeemed};
use countersign_protocol::ids::{AccountId, ClientId, EnrolmentId, Jkt, RealmId, ReqId};
use countersign_store::StoreError;
use diesel::prelude::*;

use super::{At, millis, time};
use crate::schema::enrolments;

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = enrolments, treat_none_as_default_value = false)]
pub(crate) struct EnrolmentRow {
    realm: Vec<u8>,
    id: Vec<u8>,
    client: Vec<u8>,
    user_id: String,
    code_hash: Vec<u8>,
    confirm: String,
    created_at: i64,
    expires_at: i64,
    state: String,
    tries_left: i32,
    account: Option<Vec<u8>>,
    jkt: Option<Vec<u8>>,
    req_id: Option<Vec<u8>>,
    device: Option<String>,
    number: Option<String>,
    approval: Option<String>,
    created_by: Option<String>,
    factor_of: Option<Vec<u8>>,
}

impl From<&Enrolment> for EnrolmentRow {
    fn from(e: &Enrolment) -> Self {
        let r = e.redeemed.as_ref();
        Self {
            realm: e.realm.0.to_vec(),
            id: e.id.0.to_vec(),
            client: e.client.0.to_vec(),
            user_id: e.user_id.clone(),
            code_hash: e.code_hash.to_vec(),
            confirm: e.confirm.as_str().to_owned(),
            created_at: millis(e.created_at),
            expires_at: millis(e.expires_at),
            state: e.state.as_str().to_owned(),
            tries_left: i32::try_from(e.tries_left).unwrap_or(0),
            account: r.map(|r| r.account.0.to_vec()),
            jkt: r.map(|r| r.jkt.0.to_vec()),
            req_id: r.map(|r| r.req_id.0.to_vec()),
            device: r.map(|r| r.device.clone()),
            number: r.and_then(|r| r.number.clone()),
            approval: e.approval.clone(),
            created_by: e.created_by.clone(),
            factor_of: e.factor_of.map(|a| a.0.to_vec()),
        }
    }
}

impl TryFrom<EnrolmentRow> for Enrolment {
    type Error = StoreError;
    fn try_from(r: EnrolmentRow) -> Result<Self, StoreError> {
        let at = At { table: "enrolments", row: &r.id };
        let redeemed = match (&r.account, &r.jkt, &r.req_id, r.device) {
            (Some(account), Some(jkt), Some(req_id), Some(device)) => Some(Redeemed {
                account: AccountId(at.fixed(account)?),
                jkt: Jkt(at.fixed(jkt)?),
                req_id: ReqId(at.fixed(req_id)?),
                device,
                number: r.number,
            }),
            _ => None,
        };
        Ok(Self {
            id: EnrolmentId(at.fixed(&r.id)?),
            realm: RealmId(at.fixed(&r.realm)?),
            client: ClientId(at.fixed(&r.client)?),
            code_hash: at.fixed(&r.code_hash)?,
            confirm: Confirm::parse(&r.confirm).ok_or_else(|| at.bad("confirm"))?,
            state: EnrolmentState::parse(&r.state).ok_or_else(|| at.bad("state"))?,
            user_id: r.user_id,
            created_at: time(r.created_at),
            expires_at: time(r.expires_at),
            tries_left: u32::try_from(r.tries_left).unwrap_or(0),
            redeemed,
            approval: r.approval,
            created_by: r.created_by,
            factor_of: r.factor_of.map(|a| at.fixed(&a)).transpose()?.map(AccountId),
        })
    }
}
