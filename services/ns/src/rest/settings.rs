//! A realm's settings, from and to JSON.

use countersign_api::{
    Confirm as ConfirmDto, FurtherPhones as FurtherDto, Limit as LimitDto, Limits as LimitsDto,
    NumberMatch as NumberMatchDto, RealmSettings as Dto,
};
use countersign_domain_ns::{
    enrolment::Confirm,
    limits::{Limit, Limits},
    realm::{FurtherPhones, Kept, NumberMatch, RealmSettings},
};
use countersign_edge::problem::ApiProblem;

use super::factors;
use crate::auth::Caller;

const DAY: u64 = 86_400;

pub(super) fn confirm_dto(c: Confirm) -> ConfirmDto {
    match c {
        Confirm::Number => ConfirmDto::Number,
        Confirm::Admin => ConfirmDto::Admin,
        Confirm::Phone => ConfirmDto::Phone,
        Confirm::None => ConfirmDto::None,
    }
}

pub(super) fn confirm(c: ConfirmDto) -> Confirm {
    match c {
        ConfirmDto::Number => Confirm::Number,
        ConfirmDto::Admin => Confirm::Admin,
        ConfirmDto::Phone => Confirm::Phone,
        ConfirmDto::None => Confirm::None,
    }
}

pub(super) fn dto(s: &RealmSettings) -> Dto {
    let NumberMatch { qr, link, directed } = s.number_match;
    Dto {
        login_secs: Some(s.login_secs),
        redeem_secs: Some(s.redeem_secs),
        session_secs: Some(s.session_secs),
        enrolment_secs: Some(s.enrolment_secs),
        silence_secs: Some(s.silence_secs),
        number_match: Some(NumberMatchDto { qr: Some(qr), link: Some(link), directed: Some(directed) }),
        enrolment_confirm: Some(s.enrolment_confirm.iter().copied().map(confirm_dto).collect()),
        listed_apps_only: Some(s.listed_apps_only),
        second_factor: Some(factors::need_dto(s.second_factor)),
        enrolment_factor: Some(factors::enrolment_dto(s.enrolment_factor)),
        limits: Some(limits_dto(&s.limits)),
        further_phones: Some(match s.further_phones {
            FurtherPhones::PhoneOrAdmin => FurtherDto::PhoneOrAdmin,
            FurtherPhones::Admin => FurtherDto::Admin,
            FurtherPhones::Number => FurtherDto::Number,
        }),
        further_phone_secs: Some(s.further_phone_secs),
        trail_days: Some(s.kept_trail_days()),
        outcome_days: Some(s.kept_outcome_days()),
        unclaimed_hours: Some(s.unclaimed_hours),
        trail_floor_days: Some(s.trail_floor_days),
        outcome_floor_days: Some(s.outcome_floor_days),
    }
}

fn limits_dto(l: &Limits) -> LimitsDto {
    let dto = |l: Limit| Some(LimitDto { most: l.most, secs: l.secs });
    LimitsDto {
        initiator: dto(l.initiator),
        user: dto(l.user),
        account: dto(l.account),
        client: dto(l.client),
        address: dto(l.address),
        quarantine_secs: Some(l.quarantine_secs),
        address_accounts: Some(l.address_accounts.max(2)),
        address_secs: Some(l.address_secs),
        wary_secs: Some(l.wary_secs),
        accusations: dto(l.accusations),
    }
}

fn set(place: &mut u64, given: Option<u64>, pointer: &str, least: u64, most: u64) -> Result<(), ApiProblem> {
    let Some(n) = given else { return Ok(()) };
    if !(least..=most).contains(&n) {
        return Err(ApiProblem::invalid(&format!("/settings/{pointer}"), format!("{least} to {most}")));
    }
    *place = n;
    Ok(())
}

/// Returns the settings with the given members changed.
pub(super) fn changed(before: &RealmSettings, given: &Dto) -> Result<RealmSettings, ApiProblem> {
    let mut s = before.clone();
    set(&mut s.login_secs, given.login_secs, "login_secs", 30, 900)?;
    set(&mut s.redeem_secs, given.redeem_secs, "redeem_secs", 10, 900)?;
    set(&mut s.session_secs, given.session_secs, "session_secs", 60, 30 * DAY)?;
    set(&mut s.enrolment_secs, given.enrolment_secs, "enrolment_secs", 60, 30 * DAY)?;
    // Unless it is off (0), the silence must be long enough for three pings of a phone.
    if given.silence_secs == Some(0) {
        s.silence_secs = 0;
    } else {
        set(&mut s.silence_secs, given.silence_secs, "silence_secs", 15, DAY)?;
    }
    set(&mut s.further_phone_secs, given.further_phone_secs, "further_phone_secs", 3600, 30 * DAY)?;
    kept(&mut s, given)?;
    if let Some(further) = given.further_phones {
        s.further_phones = match further {
            FurtherDto::PhoneOrAdmin => FurtherPhones::PhoneOrAdmin,
            FurtherDto::Admin => FurtherPhones::Admin,
            FurtherDto::Number => FurtherPhones::Number,
        };
    }
    if let Some(NumberMatchDto { qr, link, directed }) = given.number_match {
        let now = s.number_match;
        s.number_match = NumberMatch {
            qr: qr.unwrap_or(now.qr),
            link: link.unwrap_or(now.link),
            directed: directed.unwrap_or(now.directed),
        };
    }
    if let Some(ways) = &given.enrolment_confirm {
        if ways.is_empty() {
            return Err(ApiProblem::invalid(
                "/settings/enrolment_confirm",
                "at least one way, or no phone can enrol",
            ));
        }
        s.enrolment_confirm.clear();
        for way in ways.iter().copied().map(confirm) {
            if !s.enrolment_confirm.contains(&way) {
                s.enrolment_confirm.push(way);
            }
        }
    }
    if let Some(only) = given.listed_apps_only {
        s.listed_apps_only = only;
    }
    if let Some(need) = &given.second_factor {
        s.second_factor = factors::need("/settings/second_factor", need)?;
    }
    if let Some(factor) = given.enrolment_factor {
        s.enrolment_factor = factors::enrolment(factor);
    }
    if let Some(l) = &given.limits {
        s.limits = limits(s.limits, l)?;
    }
    Ok(s)
}

fn kept(s: &mut RealmSettings, given: &Dto) -> Result<(), ApiProblem> {
    set(&mut s.trail_days, given.trail_days, "trail_days", 1, 3650)?;
    set(&mut s.outcome_days, given.outcome_days, "outcome_days", 1, 3650)?;
    set(&mut s.unclaimed_hours, given.unclaimed_hours, "unclaimed_hours", 1, 8760)?;
    set(&mut s.trail_floor_days, given.trail_floor_days, "trail_floor_days", 1, 3650)?;
    set(&mut s.outcome_floor_days, given.outcome_floor_days, "outcome_floor_days", 1, 3650)
}

/// Checks that the caller may set these retention times.
pub(super) fn may_keep(
    caller: &Caller,
    before: &RealmSettings,
    after: &RealmSettings,
) -> Result<(), ApiProblem> {
    before.may_become(after, caller.who().authority()).map_err(|why| match why {
        Kept::Floor(name) => ApiProblem::forbidden().because(format!("only a root key may lower {name}")),
        Kept::Below(name, floor) => ApiProblem::invalid(
            &format!("/settings/{name}"),
            format!("at least {floor}, the realm's floor, which only a root key may lower"),
        ),
    })
}

fn limits(mut l: Limits, given: &LimitsDto) -> Result<Limits, ApiProblem> {
    let places = [
        (&mut l.initiator, given.initiator, "initiator"),
        (&mut l.user, given.user, "user"),
        (&mut l.account, given.account, "account"),
        (&mut l.client, given.client, "client"),
        (&mut l.address, given.address, "address"),
        (&mut l.accusations, given.accusations, "accusations"),
    ];
    for (place, given, name) in places {
        set(&mut place.most, given.map(|l| l.most), &format!("limits/{name}/most"), 1, 1_000_000)?;
        set(&mut place.secs, given.map(|l| l.secs), &format!("limits/{name}/secs"), 1, DAY)?;
    }
    set(&mut l.quarantine_secs, given.quarantine_secs, "limits/quarantine_secs", 1, 7 * DAY)?;
    set(&mut l.address_accounts, given.address_accounts, "limits/address_accounts", 2, 64)?;
    set(&mut l.address_secs, given.address_secs, "limits/address_secs", 1, 7 * DAY)?;
    set(&mut l.wary_secs, given.wary_secs, "limits/wary_secs", 1, DAY)?;
    Ok(l)
}
