//! Problem codes: what each means, and what to do about it. These are the codes that every service
//! may answer with; a service adds its own where it builds its listeners.

/// One code.
#[derive(Debug)]
pub struct Code {
    pub code: &'static str,
    pub status: u16,
    /// When the code is returned.
    pub when: &'static str,
    /// What the caller should do about it.
    pub what_to_do: &'static str,
}

/// Creates a code, for tables of them.
#[must_use]
pub const fn code(status: u16, code: &'static str, when: &'static str, what_to_do: &'static str) -> Code {
    Code { code, status, when, what_to_do }
}

/// The codes of the service behind a listener, as data of its application.
#[derive(Clone, Copy, Debug)]
pub struct Codes(pub &'static [Code]);

/// What every service may answer, by status.
pub static GENERAL: &[Code] = &[
    code(
        400,
        "malformed",
        "The body is not JSON or not of the right shape, or a query parameter or header cannot be read.",
        "Correct the request; `detail` says where.",
    ),
    code(
        401,
        "unauthorized",
        "There is no API key, or it is unknown, expired, deleted, or not used from one of its networks.",
        "Send a working key: `Authorization: Bearer cs_…`.",
    ),
    code(
        403,
        "forbidden",
        "The key's role does not allow this.",
        "Use another key, or have an administrator change the role.",
    ),
    code(
        404,
        "not_found",
        "There is no such object, or the key may not see it; both get the same answer.",
        "Check the id, the realm and the key.",
    ),
    code(404, "no_such_endpoint", "No endpoint has this path.", "See the list of endpoints."),
    code(405, "method_not_allowed", "The endpoint does not take this method.", "See the list of endpoints."),
    code(413, "too_large", "The body is larger than 64 KiB.", "Send less."),
    code(
        415,
        "unsupported_media_type",
        "The request's Content-Type is not JSON.",
        "Send `Content-Type: application/json`.",
    ),
    code(422, "invalid", "A value is not allowed; `errors` says which.", "Correct it."),
    code(500, "internal", "A bug in the server.", "Report it with `request_id`."),
    code(
        503,
        "unavailable",
        "The database or Redis cannot be reached.",
        "Try again after `Retry-After` seconds; with an Idempotency-Key where something is made.",
    ),
];

/// The general codes and those of a service, by status.
#[must_use]
pub fn with(codes: &'static [Code]) -> Vec<&'static Code> {
    let mut all: Vec<&Code> = GENERAL.iter().chain(codes).collect();
    all.sort_by_key(|c| c.status);
    all
}
