//! The parts of the REST documents that do not come from the table of endpoints.

use actix_web::web;
use countersign_edge::rest::openapi::{self, About};
use serde_json::{Value, json};

use super::table;
use crate::{
    auth::{ACT_FOR, Needs},
    codes::CODES,
};

type Endpoint = countersign_edge::rest::endpoint::Endpoint<Needs>;

static ABOUT: About<Needs> = About {
    title: "Countersign NS",
    summary: "Logins by an organisation's own phone app.",
    description: "For business applications and administrators. The guide is docs/API.md; the phone's side \
        is docs/PROTOCOL.md.",
    server: "The REST port, 8080 by default.",
    tags: &TAGS,
    tag,
    path_schema,
    headers,
    tells,
    table: table::all,
    codes: CODES,
};

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    openapi::routes(config, &ABOUT);
}

const TAGS: [(&str, &str); 10] = [
    ("realms", "Virtual servers: own name, keys, settings."),
    ("clients", "Relying parties of a realm."),
    ("apps", "Phone apps a realm lists."),
    ("quarantine", "Browsers and addresses that are kept out after \"not me\"."),
    ("api-keys", "Keys for this API, and the roles they have."),
    ("users", "Users and what is known of them."),
    ("enrolments", "Invitations for phones."),
    ("accounts", "Phones of users."),
    ("logins", "Authentications."),
    ("events", "Who did what."),
];

fn tag(path: &str) -> &'static str {
    let part = path
        .trim_start_matches("/v1/realms/{realm}/")
        .trim_start_matches("/v1/")
        .split('/')
        .next()
        .unwrap_or_default();
    let part = if ["roles", "client-certificates"].contains(&part) { "api-keys" } else { part };
    TAGS.iter().find(|(name, _)| *name == part).map_or("realms", |(name, _)| name)
}

fn headers(e: &Endpoint) -> Vec<Value> {
    if !["createLogin", "createEnrolment"].contains(&e.id) {
        return Vec::new();
    }
    let description = "A client's name, for keys with the permission `act_for_client`.";
    vec![json!({"name": ACT_FOR, "in": "header", "required": false, "description": description,
            "schema": path_schema("name")})]
}

fn path_schema(name: &str) -> Value {
    match name {
        "realm" | "role" | "name" => {
            json!({"type": "string", "pattern": "^[a-z][a-z0-9-]*$", "maxLength": 100})
        }
        "client" | "enrolment" | "account" | "login" => json!({"type": "string", "format": "uuid"}),
        _ => {
            json!({"type": "string", "minLength": 1, "maxLength": 100,
                "pattern": "^[A-Za-z0-9_.@-]*[A-Za-z0-9_@-]$"})
        }
    }
}

fn tells(e: &Endpoint, code: &str) -> bool {
    let writes = e.body.is_some();
    match code {
        "forbidden" => !matches!(e.needs, Needs::Key) || writes,
        "not_found" => e.path.contains('{') || e.id == "createApiKey",
        "invalid" => writes || e.query.is_some() || e.path.contains("{user}") || e.path.contains("{app}"),
        "too_large" | "unsupported_media_type" => writes,
        _ => false,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use countersign_edge::problem::with;

    use super::*;

    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
                members.values().for_each(|v| references(v, found));
            }
            Value::Array(items) => items.iter().for_each(|v| references(v, found)),
            _ => {}
        }
    }

    #[test]
    fn every_reference_leads_somewhere_and_every_refusal_is_a_known_code() {
        let doc = openapi::openapi(&ABOUT);
        let mut found = Vec::new();
        references(&doc, &mut found);
        assert!(found.len() > 50);
        for reference in found {
            assert!(doc.pointer(reference.strip_prefix('#').unwrap()).is_some(), "{reference}");
        }
        for e in table::all() {
            for code in e.refusals {
                assert!(with(CODES).iter().any(|c| c.code == *code), "{}: {code}", e.id);
            }
        }
    }

    #[test]
    fn the_committed_document_is_what_the_program_serves() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
        let now = format!("{:#}\n", openapi::openapi(&ABOUT));
        if std::fs::read_to_string(path).unwrap_or_default() != now {
            std::fs::write(path, now).unwrap();
            panic!("docs/openapi.json was out of date and has been written anew; commit it");
        }
    }
}
