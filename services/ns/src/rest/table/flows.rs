//! Endpoints of logins and of the trail.

use countersign_api::{Event, Identity, List, Login, NewLogin, Redeem, Timeline};
use countersign_domain_ns::permission::Permission as P;
use countersign_edge::rest::endpoint::{Endpoint, endpoint};

use super::{
    super::{LongPoll, events, life, logins},
    GET, POST, route,
};
use crate::auth::Needs::{self, Everywhere, Feed, In};

pub(super) fn logins_() -> Vec<Endpoint<Needs>> {
    const EVENTS: &str = "/v1/realms/{realm}/logins/{login}/events";
    const TIMELINE: &str = "/v1/realms/{realm}/logins/{login}/timeline";
    const CANCEL: &str = "/v1/realms/{realm}/logins/{login}/cancel";
    const REDEEM: &str = "/v1/realms/{realm}/logins/{login}/redeem";
    const LOGOUT: &str = "/v1/realms/{realm}/logins/{login}/logout";
    const LOGIN: &str = "/v1/realms/{realm}/logins/{login}";
    vec![
        endpoint(POST, "/v1/realms/{realm}/logins", "createLogin", In(P::Logins), route!(logins::create))
            .says("Starts a login. Only this answer has what the browser needs.")
            .takes::<NewLogin>()
            .gives::<Login>(201)
            .refuses(&["rate_limited", "quarantined", "idempotency_key_reused"])
            .keyed(),
        endpoint(GET, LOGIN, "getLogin", In(P::Logins), route!(logins::get))
            .says("A login, at once or as soon as it changes.")
            .asks::<LongPoll>()
            .gives::<Login>(200),
        endpoint(GET, EVENTS, "streamLogin", In(P::Logins), route!(logins::events))
            .says("A login's states as they come, as server-sent events; ends after the last one.")
            .asks::<logins::After>()
            .streams::<Login>(200, "text/event-stream"),
        endpoint(GET, TIMELINE, "getTimeline", In(P::Logins), route!(life::timeline))
            .says("What happened to a login, for support; it names no user.")
            .gives::<Timeline>(200),
        endpoint(POST, CANCEL, "cancelLogin", In(P::Logins), route!(logins::cancel))
            .says("Cancels a login.")
            .gives::<Login>(200)
            .refuses(&["already_decided"]),
        endpoint(POST, REDEEM, "redeemLogin", In(P::Logins), route!(logins::redeem))
            .says("Exchanges an approved login for the identity, once.")
            .may_take::<Redeem>()
            .gives::<Identity>(200)
            .refuses(&[
                "not_approved",
                "already_redeemed",
                "wrong_return_token",
                "too_late",
                "account_not_active",
                "enrolment_not_accepted",
                "idempotency_key_reused",
            ])
            .keyed(),
        endpoint(POST, LOGOUT, "logout", In(P::Logins), route!(logins::logout))
            .says("Ends an approved login.")
            .gives::<Login>(200)
            .refuses(&["not_approved"]),
    ]
}

pub(super) fn trail() -> Vec<Endpoint<Needs>> {
    vec![
        endpoint(GET, "/v1/realms/{realm}/events", "listEvents", Feed, route!(events::list))
            .says(
                "Who did what in the realm, oldest first; a client's key sees its own objects, and what \
                ends them.",
            )
            .asks::<events::Search>()
            .gives::<List<Event>>(200),
        endpoint(GET, "/v1/realms/{realm}/events/stream", "streamEvents", Feed, route!(events::stream))
            .says(
                "The same as server-sent events, for as long as the connection lasts; resumes after \
                Last-Event-ID.",
            )
            .asks::<events::Pick>()
            .streams::<Event>(200, "text/event-stream"),
        endpoint(
            GET,
            "/v1/realms/{realm}/events/export",
            "exportEvents",
            In(P::Audit),
            route!(events::export),
        )
        .says("All matching events, one JSON object per line.")
        .asks::<events::Pick>()
        .streams::<Event>(200, "application/x-ndjson"),
        endpoint(GET, "/v1/events", "listGlobalEvents", Everywhere(P::Root), route!(events::list_global))
            .says("Who did what in all realms and outside of them.")
            .asks::<events::Search>()
            .gives::<List<Event>>(200),
    ]
}
