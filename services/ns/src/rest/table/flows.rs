//! Logins, and the trail.

use countersign_api::{Event, Identity, List, Login, NewLogin, Redeem, Timeline};
use countersign_domain_ns::permission::Permission as P;
use countersign_edge::auth::Needs::{Everywhere, Feed, In};

use super::{
    super::{
        LongPoll,
        endpoint::{Endpoint, endpoint},
        events, life, logins,
    },
    GET, POST, route,
};

pub(super) fn logins_() -> Vec<Endpoint> {
    const LOGIN: &str = "/v1/realms/{realm}/logins/{login}";
    vec![
        endpoint(POST, "/v1/realms/{realm}/logins", "createLogin", route!(logins::create))
            .says("Starts a login. The answer alone has what the browser needs.")
            .needs(In(P::Logins))
            .takes::<NewLogin>()
            .gives::<Login>(201)
            .refuses(&["rate_limited", "quarantined", "idempotency_key_reused"])
            .keyed(),
        endpoint(GET, LOGIN, "getLogin", route!(logins::get))
            .says("A login, at once or as soon as it changes.")
            .needs(In(P::Logins))
            .asks::<LongPoll>()
            .gives::<Login>(200),
        endpoint(GET, "/v1/realms/{realm}/logins/{login}/events", "streamLogin", route!(logins::events))
            .says("A login's states as they come, as server-sent events; ends after the last one.")
            .needs(In(P::Logins))
            .asks::<logins::After>()
            .streams::<Login>(200, "text/event-stream"),
        endpoint(GET, "/v1/realms/{realm}/logins/{login}/timeline", "getTimeline", route!(life::timeline))
            .says("What happened to a login, for support; it names nobody.")
            .needs(In(P::Logins))
            .gives::<Timeline>(200),
        endpoint(POST, "/v1/realms/{realm}/logins/{login}/cancel", "cancelLogin", route!(logins::cancel))
            .says("Takes a login back.")
            .needs(In(P::Logins))
            .gives::<Login>(200)
            .refuses(&["already_decided"]),
        endpoint(POST, "/v1/realms/{realm}/logins/{login}/redeem", "redeemLogin", route!(logins::redeem))
            .says("Exchanges an approved login for the identity, once.")
            .needs(In(P::Logins))
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
        endpoint(POST, "/v1/realms/{realm}/logins/{login}/logout", "logout", route!(logins::logout))
            .says("Ends an approved login.")
            .needs(In(P::Logins))
            .gives::<Login>(200)
            .refuses(&["not_approved"]),
    ]
}

pub(super) fn trail() -> Vec<Endpoint> {
    vec![
        endpoint(GET, "/v1/realms/{realm}/events", "listEvents", route!(events::list))
            .says("Who did what in the realm, oldest first; a client's key sees its own objects, and what ends them.")
            .needs(Feed)
            .asks::<events::Search>()
            .gives::<List<Event>>(200),
        endpoint(GET, "/v1/realms/{realm}/events/stream", "streamEvents", route!(events::stream))
            .says("The same as server-sent events, for as long as the connection lasts; resumes after Last-Event-ID.")
            .needs(Feed)
            .asks::<events::Pick>()
            .streams::<Event>(200, "text/event-stream"),
        endpoint(GET, "/v1/realms/{realm}/events/export", "exportEvents", route!(events::export))
            .says("All that match, one JSON object a line.")
            .needs(In(P::Audit))
            .asks::<events::Pick>()
            .streams::<Event>(200, "application/x-ndjson"),
        endpoint(GET, "/v1/events", "listGlobalEvents", route!(events::list_global))
            .says("Who did what in all realms and outside of them.")
            .needs(Everywhere(P::Root))
            .asks::<events::Search>()
            .gives::<List<Event>>(200),
    ]
}
