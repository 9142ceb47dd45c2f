//! The problem codes of NS, beside the general ones: what each means and what to do about it. The
//! page of problems and the OpenAPI document are generated from this.

#[cfg(test)]
use countersign_edge::problem::with;
use countersign_edge::problem::{Code, code};

/// NS's own codes, by status.
pub static CODES: &[Code] = &[
    code(
        401,
        "bad_page_token",
        "The page token is unknown, or its login is no longer kept.",
        "Start a new login.",
    ),
    code(
        403,
        "same_hands",
        "This key, or a key that it made or was made by, blocked, deleted or erased the user's last phone, \
            so it cannot admit the next one; or it admitted a phone of the user lately, so it cannot erase \
            the user.",
        "Ask an administrator whose key was made by root, or use a root key.",
    ),
    code(
        403,
        "more_authority",
        "A caller with more authority blocked the account or placed the legal hold; undoing it takes as \
            much authority.",
        "Ask the caller that `blocked_by` names, or use a root key.",
    ),
    code(
        403,
        "enrolment_not_accepted",
        "The client does not accept phones that were invited by the client that invited this one.",
        "Enrol the phone through a client that is accepted, or add the inviting client to \
            `accepts_enrolments_of`.",
    ),
    code(403, "bad_origin", "The page's origin is not one of the client's.", "Add the origin to the client."),
    code(
        403,
        "wrong_number",
        "The number is not the one the phone shows. After three wrong ones the enrolment is refused.",
        "Ask the person to read it again.",
    ),
    code(
        403,
        "wrong_return_token",
        "The login was claimed by link or started by an app, and this is not the token the phone was given.",
        "Send the token that the browser or the app brought back. This attempt used nothing up.",
    ),
    code(
        403,
        "account_not_active",
        "The account is pending, blocked or deleted.",
        "Tell the person; an administrator can unblock.",
    ),
    code(409, "already_exists", "The name is taken.", "Choose another name, or use what is there."),
    code(
        409,
        "already_decided",
        "The login or enrolment has its outcome already.",
        "Read it to see how it \
        ended.",
    ),
    code(
        409,
        "not_approved",
        "The login is not approved, or has ended since.",
        "Wait for the approval, or start a new login.",
    ),
    code(
        409,
        "already_redeemed",
        "The identity was given out before.",
        "Start a new login. To be safe against lost answers, send an Idempotency-Key.",
    ),
    code(
        409,
        "not_redeemed",
        "No phone has come with the enrolment's code yet.",
        "Wait for the state `redeemed`.",
    ),
    code(
        409,
        "not_allowed",
        "The object's state, or its way of confirming, does not allow this.",
        "Read it to see its state.",
    ),
    code(
        409,
        "secret_already_issued",
        "The same Idempotency-Key made this before; its secret is not given out again.",
        "If the first answer is lost, cancel or delete `object`, and make another one under a new key.",
    ),
    code(
        409,
        "further_phone",
        "The user has or had a phone: the next one is let in as the realm's `further_phones` says, by one \
            of the user's phones or by an administrator.",
        "Enrol with `confirm` `phone`, or `admin` if no phone of the user works.",
    ),
    code(
        409,
        "legal_hold",
        "The user is under a legal hold: nothing is deleted or erased, and no attribute is changed.",
        "Block the user's phones instead, or lift the hold first.",
    ),
    code(409, "in_use", "Something still uses it.", "Remove what uses it first."),
    code(
        409,
        "superseded",
        "The API key has a successor that is in use, or had one that was deleted.",
        "Rotate the successor. If it is not yours, another party has your key: have an administrator delete \
            both.",
    ),
    code(410, "too_late", "The time to redeem this login has passed.", "Start a new login."),
    code(
        422,
        "idempotency_key_reused",
        "The Idempotency-Key was used with another body.",
        "Use a fresh key for each request that means something else.",
    ),
    code(
        422,
        "confirm_not_allowed",
        "The realm does not allow this way of confirming an enrolment, or there is no phone that could \
            confirm it.",
        "Choose another way, or have an administrator change the realm.",
    ),
    code(422, "app_not_listed", "The realm does not list this app.", "Add the app to the realm."),
    code(
        429,
        "rate_limited",
        "A rate limit was reached; `limit` says which.",
        "Wait for `Retry-After` seconds.",
    ),
    code(
        429,
        "quarantined",
        "Phones said \"not me\" to this browser or address at this client.",
        "Wait for `Retry-After` seconds, or have an administrator release it.",
    ),
    code(
        429,
        "too_slow",
        "Too many pages and clients watch this login.",
        "Close other pages, or try again \
        in a moment.",
    ),
    code(503, "draining", "This pod is shutting down.", "Connect again: another pod serves you."),
];

/// Generates the page of problems, in Markdown.
#[cfg(test)]
fn markdown() -> String {
    let mut page = String::from(
        "# Problem codes\n\nEvery error of the REST API is `application/problem+json` (RFC 9457): \
         `{\"type\": \"/problems/CODE\", \"title\", \"status\", \"code\", \"detail\"?, \"request_id\", \
         \"errors\"?, \"limit\"?, \"retry_after\"?}`.\n`code` never changes its meaning; `detail` is for \
         people and may. \
         This page is made from the program; a test keeps it so.\n\n\
         | status | code | when | what to do |\n|---|---|---|---|\n",
    );
    for c in with(CODES) {
        page.push_str(&format!("| {} | `{}` | {} | {} |\n", c.status, c.code, c.when, c.what_to_do));
    }
    page
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::collections::BTreeSet;

    use countersign_edge::problem::GENERAL;

    use super::*;

    #[test]
    fn the_page_of_problems_is_what_the_program_says() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/problems.md");
        let page = std::fs::read_to_string(path).unwrap_or_default();
        if page != markdown() {
            // Written so that the diff shows the change, and the next run passes.
            std::fs::write(path, markdown()).unwrap();
            panic!("docs/problems.md was out of date and has been written anew; commit it");
        }
    }

    #[test]
    fn codes_are_told_once_and_in_order() {
        let names: BTreeSet<_> = with(CODES).iter().map(|c| c.code).collect();
        assert_eq!(names.len(), GENERAL.len() + CODES.len());
        assert!(CODES.is_sorted_by_key(|c| c.status) && GENERAL.is_sorted_by_key(|c| c.status));
    }
}
