use countersign_domain::login::{Claim, EndedBy, Outcome, Record};
use countersign_protocol::{
    codes::LoginState,
    ids::{AccountId, ReqId},
};
use countersign_store::StoreError;
use diesel::prelude::*;

use super::{At, millis, time};
use crate::schema::outcomes;

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = outcomes)]
pub(crate) struct OutcomeRow {
    realm: Vec<u8>,
    pub(crate) id: Vec<u8>,
    state: i32,
    reason: Option<String>,
    account: Option<Vec<u8>>,
    user_id: Option<String>,
    by_link: bool,
    decision: Option<String>,
    req_id: Option<Vec<u8>>,
    decided_at: i64,
    redeem_by: i64,
    ends_at: i64,
    login: String,
}

impl OutcomeRow {
    pub(crate) fn new(o: &Outcome) -> Result<Self, StoreError> {
        Ok(Self {
            realm: o.login.realm.0.to_vec(),
            id: o.login.id.0.to_vec(),
            state: i32::from(o.state.code()),
            reason: o.reason.clone(),
            account: o.claim.as_ref().map(|c| c.account.0.to_vec()),
            user_id: o.claim.as_ref().map(|c| c.user_id.clone()),
            by_link: o.claim.as_ref().is_some_and(|c| c.by_link),
            decision: o.decision.clone(),
            req_id: o.req_id.map(|r| r.0.to_vec()),
            decided_at: millis(o.decided_at),
            redeem_by: millis(o.redeem_by),
            ends_at: millis(o.ends_at),
            login: serde_json::to_string(&o.login).map_err(|_| At { table: "outcomes", row: &o.login.id.0 }.bad("login"))?,
        })
    }
}

/// An outcome row with what the other two tables say about it.
pub(crate) fn record(r: OutcomeRow, redeemed: bool, ended_by: Option<&str>) -> Result<Record, StoreError> {
    let at = At { table: "outcomes", row: &r.id };
    let claim = match (&r.account, r.user_id) {
        (Some(account), Some(user_id)) => Some(Claim { account: AccountId(at.fixed(account)?), user_id, by_link: r.by_link }),
        _ => None,
    };
    let outcome = Outcome {
        login: serde_json::from_str(&r.login).map_err(|_| at.bad("login"))?,
        state: u16::try_from(r.state).ok().and_then(LoginState::from_code).ok_or_else(|| at.bad("state"))?,
        reason: r.reason,
        claim,
        decision: r.decision,
        req_id: at.fixed_option(r.req_id.as_ref())?.map(ReqId),
        decided_at: time(r.decided_at),
        redeem_by: time(r.redeem_by),
        ends_at: time(r.ends_at),
    };
    let ended = ended_by.map(|by| EndedBy::parse(by).ok_or_else(|| at.bad("ended_by"))).transpose()?;
    Ok(Record { outcome, redeemed, ended })
}
