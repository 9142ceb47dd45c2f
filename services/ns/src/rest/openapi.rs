//! OpenAPI 3.1 from the table of endpoints, and a page for people from the same.

use std::sync::OnceLock;

use actix_web::{HttpResponse, http::header, web};
use countersign_api::Problem;
use countersign_edge::{
    auth::{ACT_FOR, Needs},
    codes::{CODES, Code},
};
use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::{endpoint::Endpoint, table};

/// What every endpoint may answer.
const COMMON: [&str; 4] = ["malformed", "unauthorized", "internal", "unavailable"];

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/openapi.json", web::get().to(document))
        .route("/docs", web::get().to(page))
        .route("/problems", web::get().to(problems))
        .route(
            "/problems/{code}",
            web::get().to(|code: web::Path<String>| async move {
                HttpResponse::SeeOther().insert_header((header::LOCATION, format!("/problems#{}", escape(&code)))).finish()
            }),
        );
}

async fn document() -> HttpResponse {
    static DOCUMENT: OnceLock<String> = OnceLock::new();
    let text = DOCUMENT.get_or_init(|| openapi().to_string());
    HttpResponse::Ok().content_type("application/json").insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, "*")).body(text.as_str())
}

/// The document.
pub(crate) fn openapi() -> Value {
    let mut schemas = SchemaSettings::draft2020_12().with(|s| s.definitions_path = "/components/schemas".into()).into_generator();
    let problem = schemas.subschema_for::<Problem>().to_value();
    let mut paths = Map::new();
    for endpoint in table::all() {
        let item = paths.entry(endpoint.path).or_insert_with(|| json!({}));
        item[endpoint.method.as_str().to_lowercase()] = operation(&endpoint, &mut schemas, &problem);
    }
    let tags: Vec<Value> = TAGS.iter().map(|(name, description)| json!({"name": name, "description": description})).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Countersign NS",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Logins by an organisation's own phone app.",
            "description": "For business applications and administrators. The guide is docs/API.md; the phone's side is docs/PROTOCOL.md.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "The REST port, 8080 by default."}],
        "security": [{"api_key": []}],
        "tags": tags,
        "paths": paths,
        "components": {
            "securitySchemes": {"api_key": {"type": "http", "scheme": "bearer", "description": "An API key, `cs_…`."}},
            "schemas": schemas.take_definitions(true),
        },
    })
}

const TAGS: [(&str, &str); 10] = [
    ("realms", "Virtual servers: own name, keys, settings."),
    ("clients", "Relying parties of a realm."),
    ("apps", "Phone apps a realm lists."),
    ("quarantine", "Who stays out after \"not me\"."),
    ("api-keys", "Keys for this API, and the roles they have."),
    ("users", "Users and what is known of them."),
    ("enrolments", "Invitations for phones."),
    ("accounts", "Phones of users."),
    ("logins", "Authentications."),
    ("events", "Who did what."),
];

fn tag(path: &str) -> &'static str {
    let part = path.trim_start_matches("/v1/realms/{realm}/").trim_start_matches("/v1/").split('/').next().unwrap_or_default();
    let part = if ["roles", "client-certificates"].contains(&part) { "api-keys" } else { part };
    TAGS.iter().find(|(name, _)| *name == part).map_or("realms", |(name, _)| name)
}

fn operation(e: &Endpoint, schemas: &mut SchemaGenerator, problem: &Value) -> Value {
    let mut description = needs(e.needs);
    if let Some(d) = e.deprecated {
        description.push_str(&format!(" Deprecated; use {}.", d.instead));
    }
    let mut operation = json!({
        "operationId": e.id,
        "summary": e.summary,
        "description": description,
        "tags": [tag(e.path)],
        "parameters": parameters(e, schemas),
        "responses": responses(e, schemas, problem),
    });
    if e.deprecated.is_some() {
        operation["deprecated"] = true.into();
    }
    if let Some((schema, required)) = e.body {
        let schema = schema(schemas).to_value();
        operation["requestBody"] = json!({"required": required, "content": {"application/json": {"schema": schema}}});
    }
    operation
}

fn needs(needs: Needs) -> String {
    match needs {
        Needs::Key => "Needs an API key that works.".to_owned(),
        Needs::Member => "Needs an API key of the realm.".to_owned(),
        Needs::In(p) => format!("Needs the permission `{}`.", p.as_str()),
        Needs::OneOf(some) => {
            let names: Vec<String> = some.iter().map(|p| format!("`{}`", p.as_str())).collect();
            format!("Needs one of the permissions {}.", names.join(", "))
        }
        Needs::Feed => "Needs the permission `events`; a client's key with `logins` gets the events of its own objects.".to_owned(),
        Needs::Everywhere(p) => format!("Needs the permission `{}` in a key that is not bound to a realm.", p.as_str()),
    }
}

fn parameters(e: &Endpoint, schemas: &mut SchemaGenerator) -> Vec<Value> {
    let names = e.path.split('{').skip(1).filter_map(|part| part.split('}').next());
    let mut all: Vec<Value> =
        names.map(|name| json!({"name": name, "in": "path", "required": true, "schema": path_schema(name)})).collect();
    if let Some(query) = e.query {
        let schema = query(schemas).to_value();
        let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
            all.push(json!({"name": name, "in": "query", "required": required.contains(&name.as_str()), "schema": not_null(schema)}));
        }
    }
    if e.keyed {
        let schema = json!({"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"});
        let description = "Repeating the request with the same key and body gives the same answer, and does nothing twice.";
        all.push(json!({"name": "Idempotency-Key", "in": "header", "required": false, "description": description, "schema": schema}));
    }
    if ["createLogin", "createEnrolment"].contains(&e.id) {
        let description = "A client's name, for keys with the permission `act_for_client`.";
        all.push(json!({"name": ACT_FOR, "in": "header", "required": false, "description": description, "schema": path_schema("name")}));
    }
    all
}

/// A query parameter is there or not; it is never `null`.
fn not_null(schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Some(types) = schema["type"].as_array().cloned() {
        schema["type"] = types.into_iter().find(|t| t != "null").unwrap_or_default();
    }
    if let Some(any) = schema["anyOf"].as_array().cloned() {
        schema = any.into_iter().find(|s| s["type"] != "null").unwrap_or_default();
    }
    if let Some(object) = schema.as_object_mut() {
        object.retain(|key, value| !(key == "default" && value.is_null()));
    }
    schema
}

fn path_schema(name: &str) -> Value {
    match name {
        "realm" | "role" | "name" => json!({"type": "string", "pattern": "^[a-z][a-z0-9-]*$", "maxLength": 100}),
        "client" | "enrolment" | "account" | "login" => json!({"type": "string", "format": "uuid"}),
        _ => json!({"type": "string", "minLength": 1, "maxLength": 100, "pattern": "^[A-Za-z0-9_.@-]*[A-Za-z0-9_@-]$"}),
    }
}

fn responses(e: &Endpoint, schemas: &mut SchemaGenerator, problem: &Value) -> Value {
    let mut responses = json!({});
    let good = &mut responses[e.answer.status.to_string()];
    *good = json!({"description": if e.answer.status == 204 { "Done." } else { "As asked." }, "headers": {"X-Request-Id": {"schema": {"type": "string"}}}});
    if let Some(schema) = e.answer.schema {
        good["content"] = json!({e.answer.content_type: {"schema": schema(schemas).to_value()}});
    }
    for status in CODES.iter().map(|c| c.status).collect::<std::collections::BTreeSet<_>>() {
        let codes: Vec<&Code> = CODES.iter().filter(|c| c.status == status && told(e, c.code)).collect();
        if !codes.is_empty() {
            let text = codes.iter().map(|c| format!("`{}`: {}", c.code, c.when)).collect::<Vec<_>>().join(" ");
            responses[status.to_string()] = json!({"description": text, "content": {"application/problem+json": {"schema": problem}}});
        }
    }
    responses
}

fn told(e: &Endpoint, code: &str) -> bool {
    let writes = e.body.is_some();
    COMMON.contains(&code)
        || e.refusals.contains(&code)
        || match code {
            "forbidden" => !matches!(e.needs, Needs::Key) || writes,
            "not_found" => e.path.contains('{') || e.id == "createApiKey",
            "invalid" => writes || e.query.is_some() || e.path.contains("{user}") || e.path.contains("{app}"),
            "too_large" | "unsupported_media_type" => writes,
            _ => false,
        }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

const HEAD: &str = r#"<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><style>
body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}
code{font-family:ui-monospace,monospace;font-size:.92em}table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.3rem .6rem;border-bottom:1px solid #8886}
h2{margin-top:2rem}details{margin:.4rem 0}pre{overflow:auto;background:#8881;padding:.6rem;border-radius:6px}:target{outline:2px solid}
</style>"#;

fn html(body: String) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(body)
}

async fn problems() -> HttpResponse {
    let rows: String = CODES
        .iter()
        .map(|c| {
            let cell = |text: &str| format!("<td>{}</td>", escape(text).replace('`', ""));
            format!("<tr id=\"{0}\"><td>{1}</td><td><code>{0}</code></td>{2}{3}</tr>", c.code, c.status, cell(c.when), cell(c.what_to_do))
        })
        .collect();
    html(format!(
        "{HEAD}<title>Problems</title><h1>Problem codes</h1><table><tr><th>status</th><th>code</th><th>when</th><th>what to do</th></tr>{rows}</table></html>"
    ))
}

/// The same document for people: no script, nothing loaded from elsewhere.
async fn page() -> HttpResponse {
    static PAGE: OnceLock<String> = OnceLock::new();
    html(PAGE.get_or_init(|| write_page(&openapi())).clone())
}

fn write_page(doc: &Value) -> String {
    let mut out = format!(
        "{HEAD}<title>Countersign NS</title><h1>Countersign NS</h1><p>The REST API. <a href=\"/openapi.json\">OpenAPI 3.1</a> · <a href=\"/problems\">problem codes</a></p>"
    );
    for (tag, about) in TAGS {
        out.push_str(&format!("<h2 id=\"{tag}\">{tag}</h2><p>{}</p>", escape(about)));
        for e in table::all().iter().filter(|e| self::tag(e.path) == tag) {
            let op = &doc["paths"][e.path][e.method.as_str().to_lowercase()];
            out.push_str(&format!(
                "<details id=\"{}\"><summary><code>{} {}</code> — {}</summary><p>{}</p>",
                e.id,
                e.method,
                escape(e.path),
                escape(e.summary),
                escape(op["description"].as_str().unwrap_or_default()).replace('`', "")
            ));
            for (title, part) in [("Parameters", &op["parameters"]), ("Body", &op["requestBody"]), ("Answers", &op["responses"])] {
                if !part.is_null() && part != &json!([]) {
                    out.push_str(&format!("<h4>{title}</h4><pre>{}</pre>", escape(&format!("{part:#}"))));
                }
            }
            out.push_str("</details>");
        }
    }
    out.push_str("<h2>shapes</h2>");
    for (name, schema) in doc["components"]["schemas"].as_object().into_iter().flatten() {
        out.push_str(&format!(
            "<details><summary><code>{}</code></summary><pre>{}</pre></details>",
            escape(name),
            escape(&format!("{schema:#}"))
        ));
    }
    out + "</html>"
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
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
        let doc = openapi();
        let mut found = Vec::new();
        references(&doc, &mut found);
        assert!(found.len() > 50);
        for reference in found {
            assert!(doc.pointer(reference.strip_prefix('#').unwrap()).is_some(), "{reference}");
        }
        for e in table::all() {
            for code in e.refusals {
                assert!(CODES.iter().any(|c| c.code == *code), "{}: {code}", e.id);
            }
        }
    }

    #[test]
    fn the_committed_document_is_what_the_program_serves() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
        let now = format!("{:#}\n", openapi());
        if std::fs::read_to_string(path).unwrap_or_default() != now {
            std::fs::write(path, now).unwrap();
            panic!("docs/openapi.json was out of date and has been written anew; commit it");
        }
    }
}
