use countersign_domain_ns::login::{Claim, EndedBy, Outcome, Record, Via};
use countersign_protocol::{
    codes::LoginState,
    ids::{AccountId, ReqId},
};
use countersign_store::StoreError;
use diesel::prelude::*;

use super::{At, millis, time};
use crate::schema::outcomes;

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = outcomes, treat_none_as_default_value = false)]
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
    via: Option<String>,
    claimed_at: Option<i64>,
    evidence: Option<String>,
}

impl OutcomeRow {
    pub(crate) fn new(o: &Outcome) -> Result<Self, StoreError> {
        Ok(Self {
            realm: o.login.realm.0.to_vec(),
            id: o.login.id.0.to_vec(),
            state: i32::from(o.state.code()),
            reason: o.reason.clone(),
            account: o.claim.as_ref().map(|c| c.account.0.to_vec()),
            // A login that no account claimed is stored under the user it was meant for.
            user_id: o.claim.as_ref().map(|c| c.user_id.clone()).or_else(|| o.login.expected_user.clone()),
            by_link: o.claim.as_ref().is_some_and(|c| c.via.returns()),
            decision: o.decision.clone(),
            req_id: o.req_id.map(|r| r.0.to_vec()),
            decided_at: millis(o.decided_at),
            redeem_by: millis(o.redeem_by),
            ends_at: millis(o.ends_at),
            login: serde_json::to_string(&o.login)
                .map_err(|_| At { table: "outcomes", row: &o.login.id.0 }.bad("login"))?,
            via: o.claim.as_ref().map(|c| c.via.as_str().to_owned()),
            claimed_at: o.claim.as_ref().map(|c| millis(c.at)),
            evidence: o
                .evidence
                .as_ref()
                .map(serde_json::to_string)
                .transpose()
                .map_err(|_| At { table: "outcomes", row: &o.login.id.0 }.bad("evidence"))?,
        })
    }
}

/// Combines an outcome's row with its redemption and its end.
pub(crate) fn record(
    r: OutcomeRow,
    redeemed: Option<i64>,
    ended: Option<(String, i64)>,
) -> Result<Record, StoreError> {
    let at = At { table: "outcomes", row: &r.id };
    let claim = match (&r.account, r.user_id) {
        (Some(account), Some(user_id)) => {
            // Rows of the previous release show only whether it was by link.
            let via = match &r.via {
                Some(via) => Via::parse(via).ok_or_else(|| at.bad("via"))?,
                None if r.by_link => Via::Link,
                None => Via::Qr,
            };
            let account = AccountId(at.fixed(account)?);
            Some(Claim {
                account,
                user_id,
                via,
                number: None,
                at: time(r.claimed_at.unwrap_or(r.decided_at)),
                factor: None,
            })
        }
        _ => None,
    };
    let outcome = Outcome {
        login: serde_json::from_str(&r.login).map_err(|_| at.bad("login"))?,
        state: u16::try_from(r.state).ok().and_then(LoginState::from_code).ok_or_else(|| at.bad("state"))?,
        reason: r.reason,
        claim,
        decision: r.decision,
        evidence: r
            .evidence
            .as_deref()
            .map(serde_json::from_str)
            .transpose()
            .map_err(|_| at.bad("evidence"))?,
        spent: None,
        req_id: at.fixed_option(r.req_id.as_ref())?.map(ReqId),
        decided_at: time(r.decided_at),
        redeem_by: time(r.redeem_by),
        ends_at: time(r.ends_at),
    };
    let ended = ended
        .map(|(by, when)| EndedBy::parse(&by).map(|by| (by, time(when))).ok_or_else(|| at.bad("ended_by")))
        .transpose()?;
    Ok(Record { outcome, redeemed: redeemed.map(time), ended })
}
