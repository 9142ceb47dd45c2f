//! Endpoints of users, enrolments and accounts.

use countersign_api::{
    Account, Attributes, ChangeAccount, ChangeAttributes, ConfirmNumber, Ended, Enrolment, Erased, Hold,
    List, Login, NewEnrolment, PutHold, PutUser, User, UserExport,
};
use countersign_domain_ns::permission::Permission as P;
use countersign_edge::rest::endpoint::{Endpoint, endpoint};

use super::{
    super::{LongPoll, Paging, accounts, attributes, enrolments, holds, life, user_export, users},
    DELETE, GET, PATCH, POST, PUT, route,
};
use crate::auth::Needs::{self, In, OneOf};

/// Permissions that allow reading enrolments: keys that invite phones have one, keys that confirm
/// their numbers the other.
const INVITES: &[P] = &[P::Enrolments, P::EnrolmentsConfirm];

pub(super) fn people() -> Vec<Endpoint<Needs>> {
    const LOGINS: &str = "/v1/realms/{realm}/users/{user}/logins";
    const LOGOUT: &str = "/v1/realms/{realm}/users/{user}/logout";
    const EXPORT: &str = "/v1/realms/{realm}/users/{user}/export";
    const ERASE: &str = "/v1/realms/{realm}/users/{user}/erase";
    const USER: &str = "/v1/realms/{realm}/users/{user}";
    const ATTRIBUTES: &str = "/v1/realms/{realm}/users/{user}/attributes";
    vec![
        endpoint(GET, "/v1/realms/{realm}/users", "listUsers", In(P::UsersRead), route!(users::list))
            .says("Users: all, or those that match.")
            .asks::<users::Search>()
            .gives::<List<User>>(200),
        endpoint(GET, USER, "getUser", In(P::UsersRead), route!(users::get))
            .says("A user.")
            .gives::<User>(200),
        endpoint(PUT, USER, "putUser", In(P::Users), route!(users::put))
            .says("Makes or changes a user.")
            .takes::<PutUser>()
            .gives::<User>(200),
        endpoint(DELETE, USER, "deleteUser", In(P::Users), route!(users::delete))
            .says("Deletes a user with all accounts; where there are some, that takes `accounts`, too.")
            .refuses(&["legal_hold"]),
        endpoint(GET, ATTRIBUTES, "getAttributes", In(P::UsersRead), route!(attributes::get))
            .says("A user's attributes.")
            .gives::<Attributes>(200),
        endpoint(PATCH, ATTRIBUTES, "changeAttributes", In(P::Users), route!(attributes::change))
            .says("Sets these attributes, removes those that are null, leaves the others.")
            .takes::<ChangeAttributes>()
            .gives::<Attributes>(200)
            .refuses(&["legal_hold"]),
        endpoint(GET, LOGINS, "listUserLogins", In(P::Logins), route!(life::running))
            .says("The user's running logins; a client sees its own.")
            .gives::<List<Login>>(200),
        endpoint(POST, LOGOUT, "logoutUser", In(P::Logins), route!(life::logout))
            .says("Ends every login of a user; a client ends its own.")
            .gives::<Ended>(200),
        endpoint(GET, EXPORT, "exportUser", In(P::Audit), route!(user_export::export))
            .says("Everything that is kept about a user.")
            .gives::<UserExport>(200),
        endpoint(POST, ERASE, "eraseUser", In(P::Realm), route!(life::erase))
            .says("Deletes a user and puts a pseudonym where the name stood.")
            .gives::<Erased>(200)
            .refuses(&["legal_hold", "same_hands"]),
    ]
}

pub(super) fn legal_holds() -> Vec<Endpoint<Needs>> {
    const HOLD: &str = "/v1/realms/{realm}/users/{user}/hold";
    vec![
        endpoint(GET, "/v1/realms/{realm}/holds", "listHolds", In(P::Audit), route!(holds::list))
            .says("Users who are under a legal hold.")
            .asks::<Paging>()
            .gives::<List<Hold>>(200),
        endpoint(PUT, HOLD, "putHold", In(P::Realm), route!(holds::put))
            .says(
                "Places a legal hold on a user, who need not exist: nothing that is kept about them is \
                    deleted or erased.",
            )
            .takes::<PutHold>()
            .gives::<Hold>(200),
        endpoint(DELETE, HOLD, "liftHold", In(P::Realm), route!(holds::lift))
            .says("Lifts a legal hold; that takes as much authority as placing it did.")
            .refuses(&["more_authority"]),
    ]
}

pub(super) fn enrolling() -> Vec<Endpoint<Needs>> {
    const ENROLMENTS_PATH: &str = "/v1/realms/{realm}/enrolments/{enrolment}";
    const CONFIRM: &str = "/v1/realms/{realm}/enrolments/{enrolment}/confirm";
    const ADMIT: &str = "/v1/realms/{realm}/enrolments/{enrolment}/admit";
    const CANCEL: &str = "/v1/realms/{realm}/enrolments/{enrolment}/cancel";
    const ENROLMENTS: &str = "/v1/realms/{realm}/enrolments";
    vec![
        endpoint(GET, ENROLMENTS, "listEnrolments", OneOf(INVITES), route!(enrolments::list))
            .says("Enrolments, newest first; a client sees its own.")
            .asks::<Paging>()
            .gives::<List<Enrolment>>(200),
        endpoint(POST, ENROLMENTS, "createEnrolment", In(P::Enrolments), route!(enrolments::create))
            .says("Invites a phone for a user. Only this answer has the link.")
            .takes::<NewEnrolment>()
            .gives::<Enrolment>(201)
            .refuses(&[
                "confirm_not_allowed",
                "further_phone",
                "secret_already_issued",
                "idempotency_key_reused",
            ])
            .keyed(),
        endpoint(GET, ENROLMENTS_PATH, "getEnrolment", OneOf(INVITES), route!(enrolments::get))
            .says("An enrolment, at once or as soon as it changes.")
            .asks::<LongPoll>()
            .gives::<Enrolment>(200),
        endpoint(POST, CONFIRM, "confirmEnrolment", In(P::EnrolmentsConfirm), route!(enrolments::confirm))
            .says("Submits the number that the phone shows.")
            .takes::<ConfirmNumber>()
            .gives::<Enrolment>(200)
            .refuses(&[
                "wrong_number",
                "not_redeemed",
                "already_decided",
                "not_allowed",
                "further_phone",
                "same_hands",
                "more_authority",
            ]),
        endpoint(POST, ADMIT, "admitEnrolment", In(P::Realm), route!(enrolments::admit))
            .says("Admits a phone whose enrolment takes an administrator.")
            .gives::<Enrolment>(200)
            .refuses(&["not_redeemed", "already_decided", "not_allowed", "same_hands", "more_authority"]),
        endpoint(POST, CANCEL, "cancelEnrolment", In(P::Enrolments), route!(enrolments::cancel))
            .says("Cancels an enrolment.")
            .gives::<Enrolment>(200)
            .refuses(&["already_decided"]),
    ]
}

pub(super) fn accounts_() -> Vec<Endpoint<Needs>> {
    const ACCOUNTS: &str = "/v1/realms/{realm}/accounts";
    const BLOCK: &str = "/v1/realms/{realm}/accounts/{account}/block";
    const UNBLOCK: &str = "/v1/realms/{realm}/accounts/{account}/unblock";
    const ACCOUNT: &str = "/v1/realms/{realm}/accounts/{account}";
    vec![
        endpoint(GET, ACCOUNTS, "listAccounts", In(P::AccountsRead), route!(accounts::list))
            .says("Accounts, in the order they were made.")
            .asks::<accounts::Search>()
            .gives::<List<Account>>(200),
        endpoint(GET, ACCOUNT, "getAccount", In(P::AccountsRead), route!(accounts::get))
            .says("An account.")
            .gives::<Account>(200),
        endpoint(PATCH, ACCOUNT, "changeAccount", In(P::Accounts), route!(accounts::change))
            .says("Gives a phone another name.")
            .takes::<ChangeAccount>()
            .gives::<Account>(200),
        endpoint(DELETE, ACCOUNT, "deleteAccount", In(P::Accounts), route!(accounts::delete))
            .says("Deletes an account for good."),
        endpoint(POST, BLOCK, "blockAccount", In(P::AccountsBlock), route!(accounts::block))
            .says("Blocks an account and ends the logins it approved.")
            .gives::<Account>(200)
            .refuses(&["not_allowed"]),
        endpoint(POST, UNBLOCK, "unblockAccount", In(P::Accounts), route!(accounts::unblock))
            .says("Unblocks an account; that takes as much authority as blocking it did.")
            .gives::<Account>(200)
            .refuses(&["not_allowed", "more_authority"]),
    ]
}
