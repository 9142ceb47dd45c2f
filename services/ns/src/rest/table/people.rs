//! Users, enrolments, accounts.

use countersign_api::{
    Account, Attributes, ChangeAccount, ChangeAttributes, ConfirmNumber, Ended, Enrolment, Erased, Hold, List, Login, NewEnrolment,
    PutHold, PutUser, User, UserExport,
};
use countersign_domain_ns::permission::Permission as P;
use countersign_edge::auth::Needs::{In, OneOf};

use super::{
    super::{
        LongPoll, Paging, accounts, attributes,
        endpoint::{Endpoint, endpoint},
        enrolments, holds, life, users,
    },
    DELETE, GET, PATCH, POST, PUT, route,
};

/// Whoever invites phones, and whoever types their numbers, looks at enrolments.
const INVITES: &[P] = &[P::Enrolments, P::EnrolmentsConfirm];

pub(super) fn people() -> Vec<Endpoint> {
    const USER: &str = "/v1/realms/{realm}/users/{user}";
    const ATTRIBUTES: &str = "/v1/realms/{realm}/users/{user}/attributes";
    vec![
        endpoint(GET, "/v1/realms/{realm}/users", "listUsers", route!(users::list))
            .says("Users: all, or those that match.")
            .needs(In(P::UsersRead))
            .asks::<users::Search>()
            .gives::<List<User>>(200),
        endpoint(GET, USER, "getUser", route!(users::get)).says("A user.").needs(In(P::UsersRead)).gives::<User>(200),
        endpoint(PUT, USER, "putUser", route!(users::put))
            .says("Makes or changes a user.")
            .needs(In(P::Users))
            .takes::<PutUser>()
            .gives::<User>(200),
        endpoint(DELETE, USER, "deleteUser", route!(users::delete))
            .says("Deletes a user with all accounts; where there are some, that takes `accounts`, too.")
            .needs(In(P::Users))
            .refuses(&["legal_hold"]),
        endpoint(GET, ATTRIBUTES, "getAttributes", route!(attributes::get))
            .says("A user's attributes.")
            .needs(In(P::UsersRead))
            .gives::<Attributes>(200),
        endpoint(PATCH, ATTRIBUTES, "changeAttributes", route!(attributes::change))
            .says("Sets these attributes, removes those that are null, leaves the others.")
            .needs(In(P::Users))
            .takes::<ChangeAttributes>()
            .gives::<Attributes>(200)
            .refuses(&["legal_hold"]),
        endpoint(GET, "/v1/realms/{realm}/users/{user}/logins", "listUserLogins", route!(life::running))
            .says("What runs in this user's name; a client sees its own.")
            .needs(In(P::Logins))
            .gives::<List<Login>>(200),
        endpoint(POST, "/v1/realms/{realm}/users/{user}/logout", "logoutUser", route!(life::logout))
            .says("Ends every login of a user; a client ends its own.")
            .needs(In(P::Logins))
            .gives::<Ended>(200),
        endpoint(GET, "/v1/realms/{realm}/users/{user}/export", "exportUser", route!(life::export))
            .says("Everything that is kept about a user.")
            .needs(In(P::Audit))
            .gives::<UserExport>(200),
        endpoint(POST, "/v1/realms/{realm}/users/{user}/erase", "eraseUser", route!(life::erase))
            .says("Deletes a user and puts a pseudonym where the name stood.")
            .needs(In(P::Realm))
            .gives::<Erased>(200)
            .refuses(&["legal_hold", "same_hands"]),
    ]
}

pub(super) fn legal_holds() -> Vec<Endpoint> {
    const HOLD: &str = "/v1/realms/{realm}/users/{user}/hold";
    vec![
        endpoint(GET, "/v1/realms/{realm}/holds", "listHolds", route!(holds::list))
            .says("Users on whom a legal hold lies.")
            .needs(In(P::Audit))
            .asks::<Paging>()
            .gives::<List<Hold>>(200),
        endpoint(PUT, HOLD, "putHold", route!(holds::put))
            .says("Lays a legal hold on a user, who need not exist: nothing of what is kept about them is forgotten or erased.")
            .needs(In(P::Realm))
            .takes::<PutHold>()
            .gives::<Hold>(200),
        endpoint(DELETE, HOLD, "liftHold", route!(holds::lift))
            .says("Lifts a legal hold; that takes as much authority as laying it did.")
            .needs(In(P::Realm))
            .refuses(&["more_authority"]),
    ]
}

pub(super) fn enrolling() -> Vec<Endpoint> {
    const ENROLMENTS: &str = "/v1/realms/{realm}/enrolments";
    vec![
        endpoint(GET, ENROLMENTS, "listEnrolments", route!(enrolments::list))
            .says("Enrolments, newest first; a client sees its own.")
            .needs(OneOf(INVITES))
            .asks::<Paging>()
            .gives::<List<Enrolment>>(200),
        endpoint(POST, ENROLMENTS, "createEnrolment", route!(enrolments::create))
            .says("Invites a phone for a user. The answer alone has the link.")
            .needs(In(P::Enrolments))
            .takes::<NewEnrolment>()
            .gives::<Enrolment>(201)
            .refuses(&["confirm_not_allowed", "further_phone", "secret_already_issued", "idempotency_key_reused"])
            .keyed(),
        endpoint(GET, "/v1/realms/{realm}/enrolments/{enrolment}", "getEnrolment", route!(enrolments::get))
            .says("An enrolment, at once or as soon as it changes.")
            .needs(OneOf(INVITES))
            .asks::<LongPoll>()
            .gives::<Enrolment>(200),
        endpoint(POST, "/v1/realms/{realm}/enrolments/{enrolment}/confirm", "confirmEnrolment", route!(enrolments::confirm))
            .says("Types the number the phone shows.")
            .needs(In(P::EnrolmentsConfirm))
            .takes::<ConfirmNumber>()
            .gives::<Enrolment>(200)
            .refuses(&["wrong_number", "not_redeemed", "already_decided", "not_allowed", "further_phone", "same_hands", "more_authority"]),
        endpoint(POST, "/v1/realms/{realm}/enrolments/{enrolment}/admit", "admitEnrolment", route!(enrolments::admit))
            .says("Says yes to a phone whose enrolment asks for an administrator.")
            .needs(In(P::Realm))
            .gives::<Enrolment>(200)
            .refuses(&["not_redeemed", "already_decided", "not_allowed", "same_hands", "more_authority"]),
        endpoint(POST, "/v1/realms/{realm}/enrolments/{enrolment}/cancel", "cancelEnrolment", route!(enrolments::cancel))
            .says("Takes an enrolment back.")
            .needs(In(P::Enrolments))
            .gives::<Enrolment>(200)
            .refuses(&["already_decided"]),
    ]
}

pub(super) fn accounts_() -> Vec<Endpoint> {
    const ACCOUNT: &str = "/v1/realms/{realm}/accounts/{account}";
    vec![
        endpoint(GET, "/v1/realms/{realm}/accounts", "listAccounts", route!(accounts::list))
            .says("Accounts, in the order they were made.")
            .needs(In(P::AccountsRead))
            .asks::<accounts::Search>()
            .gives::<List<Account>>(200),
        endpoint(GET, ACCOUNT, "getAccount", route!(accounts::get)).says("An account.").needs(In(P::AccountsRead)).gives::<Account>(200),
        endpoint(PATCH, ACCOUNT, "changeAccount", route!(accounts::change))
            .says("Gives a phone another name.")
            .needs(In(P::Accounts))
            .takes::<ChangeAccount>()
            .gives::<Account>(200),
        endpoint(DELETE, ACCOUNT, "deleteAccount", route!(accounts::delete)).says("Deletes an account for good.").needs(In(P::Accounts)),
        endpoint(POST, "/v1/realms/{realm}/accounts/{account}/block", "blockAccount", route!(accounts::block))
            .says("Stops an account and ends what it approved.")
            .needs(In(P::AccountsBlock))
            .gives::<Account>(200)
            .refuses(&["not_allowed"]),
        endpoint(POST, "/v1/realms/{realm}/accounts/{account}/unblock", "unblockAccount", route!(accounts::unblock))
            .says("Lets an account work again; that takes as much authority as blocking it did.")
            .needs(In(P::Accounts))
            .gives::<Account>(200)
            .refuses(&["not_allowed", "more_authority"]),
    ]
}
