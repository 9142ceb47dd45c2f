//! Generates OpenAPI 3.1 from the table of endpoints, and an HTML page from the same table.

use std::collections::BTreeSet;

use actix_web::{
    HttpResponse, Resource, Route,
    http::{Method, header},
    web,
};
use countersign_api::Problem;
use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::endpoint::{Endpoint, Need};
use crate::problem::{Code, only, with};

/// The codes that every endpoint may answer with.
const COMMON: [&str; 4] = ["malformed", "unauthorized", "internal", "unavailable"];

/// Facts about a service's REST interface beyond those in its table.
pub struct About<N: 'static> {
    pub title: &'static str,
    pub summary: &'static str,
    pub description: &'static str,
    /// The description of the server that serves the interface.
    pub server: &'static str,
    /// Groups of endpoints, each with a description.
    pub tags: &'static [(&'static str, &'static str)],
    /// Returns the group of a path.
    pub tag: fn(&str) -> &'static str,
    /// Returns the schema of a path parameter.
    pub path_schema: fn(&str) -> Value,
    /// Returns the headers that an endpoint takes beside `Idempotency-Key`.
    pub headers: fn(&Endpoint<N>) -> Vec<Value>,
    /// Whether an endpoint may answer with this code, beside its own refusals and what every
    /// endpoint may answer.
    pub tells: fn(&Endpoint<N>, &str) -> bool,
    pub table: fn() -> Vec<Endpoint<N>>,
    /// The problem codes of the service.
    pub codes: &'static [Code],
}

/// Serves the documents generated from the table; they are generated once, at the start.
pub fn routes<N: Need>(config: &mut web::ServiceConfig, about: &About<N>) {
    let document = openapi(about);
    let (page, problems) = (write_page(about, &document), write_problems(about.codes));
    let document = web::Bytes::from(document.to_string());
    config
        .service(get("/openapi.json", web::route().to(move || serve_document(document.clone()))))
        .service(get("/docs", web::route().to(move || serve_html(page.clone()))))
        .service(get("/problems", web::route().to(move || serve_html(problems.clone()))))
        .service(get("/problems/{code}", web::route().to(show_problem)));
}

fn get(path: &str, route: Route) -> Resource {
    only(path, Method::GET, route)
}

async fn show_problem(code: web::Path<String>) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((header::LOCATION, format!("/problems#{}", escape(&code))))
        .finish()
}

async fn serve_document(document: web::Bytes) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
        .body(document)
}

async fn serve_html(page: String) -> HttpResponse {
    html(page)
}

/// Generates the OpenAPI document.
#[must_use]
pub fn openapi<N: Need>(about: &About<N>) -> Value {
    let mut schemas = SchemaSettings::draft2020_12()
        .with(|s| s.definitions_path = "/components/schemas".into())
        .into_generator();
    let problem = schemas.subschema_for::<Problem>().to_value();
    let mut paths = Map::new();
    for endpoint in (about.table)() {
        let item = paths.entry(endpoint.path).or_insert_with(|| json!({}));
        item[endpoint.method.as_str().to_lowercase()] = operation(about, &endpoint, &mut schemas, &problem);
    }
    let tags: Vec<Value> = about
        .tags
        .iter()
        .map(|(name, description)| json!({"name": name, "description": description}))
        .collect();
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": about.title,
            "version": env!("CARGO_PKG_VERSION"),
            "summary": about.summary,
            "description": about.description,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": about.server}],
        "security": [{"api_key": []}],
        "tags": tags,
        "paths": paths,
        "components": {
            "securitySchemes": {"api_key": {"type": "http", "scheme": "bearer", "description": "An API key, \
                `cs_…`."}},
            "schemas": schemas.take_definitions(true),
        },
    });
    unwrap_descriptions(&mut document);
    document
}

/// Joins the lines of descriptions: doc comments are wrapped for readers of the source alone.
fn unwrap_descriptions(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(text) if name == "description" => {
                        let paragraphs: Vec<String> =
                            text.split("\n\n").map(|paragraph| paragraph.replace('\n', " ")).collect();
                        *text = paragraphs.join("\n\n");
                    }
                    member => unwrap_descriptions(member),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(unwrap_descriptions),
        _ => {}
    }
}

fn operation<N: Need>(
    about: &About<N>,
    e: &Endpoint<N>,
    schemas: &mut SchemaGenerator,
    problem: &Value,
) -> Value {
    let mut description = e.needs.describe();
    if let Some(d) = e.deprecated {
        description.push_str(&format!(" Deprecated; use {}.", d.instead));
    }
    let mut operation = json!({
        "operationId": e.id,
        "summary": e.summary,
        "description": description,
        "tags": [(about.tag)(e.path)],
        "parameters": parameters(about, e, schemas),
        "responses": responses(about, e, schemas, problem),
    });
    if e.deprecated.is_some() {
        operation["deprecated"] = true.into();
    }
    if let Some((schema, required)) = e.body {
        let schema = schema(schemas).to_value();
        operation["requestBody"] =
            json!({"required": required, "content": {"application/json": {"schema": schema}}});
    }
    operation
}

fn parameters<N>(about: &About<N>, e: &Endpoint<N>, schemas: &mut SchemaGenerator) -> Vec<Value> {
    let names = e.path.split('{').skip(1).filter_map(|part| part.split('}').next());
    let mut all: Vec<Value> = names
        .map(
            |name| json!({"name": name, "in": "path", "required": true, "schema": (about.path_schema)(name)}),
        )
        .collect();
    if let Some(query) = e.query {
        let schema = query(schemas).to_value();
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
            all.push(json!({"name": name, "in": "query", "required": required.contains(&name.as_str()),
                "schema": not_null(schema)}));
        }
    }
    if e.keyed {
        let schema = json!({"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"});
        let description =
            "Repeating the request with the same key and body gives the same answer, and does nothing twice.";
        all.push(json!({"name": "Idempotency-Key", "in": "header", "required": false,
            "description": description, "schema": schema}));
    }
    all.extend((about.headers)(e));
    all
}

/// Removes `null` from a schema: a query parameter is present or absent, but never `null`.
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

fn responses<N>(about: &About<N>, e: &Endpoint<N>, schemas: &mut SchemaGenerator, problem: &Value) -> Value {
    let mut responses = json!({});
    let good = &mut responses[e.answer.status.to_string()];
    *good = json!({"description": if e.answer.status == 204 { "Done." } else { "As asked." },
        "headers": {"X-Request-Id": {"schema": {"type": "string"}}}});
    if let Some(schema) = e.answer.schema {
        good["content"] = json!({e.answer.content_type: {"schema": schema(schemas).to_value()}});
    }
    let known = with(about.codes);
    for status in known.iter().map(|c| c.status).collect::<BTreeSet<_>>() {
        let codes: Vec<_> = known.iter().filter(|c| c.status == status && told(about, e, c.code)).collect();
        if !codes.is_empty() {
            let text =
                codes.iter().map(|c| format!("`{}`: {}", c.code, c.when)).collect::<Vec<_>>().join(" ");
            responses[status.to_string()] =
                json!({"description": text, "content": {"application/problem+json": {"schema": problem}}});
        }
    }
    responses
}

fn told<N>(about: &About<N>, e: &Endpoint<N>, code: &str) -> bool {
    COMMON.contains(&code) || e.refusals.contains(&code) || (about.tells)(e, code)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

const HEAD: &str = r#"<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><style>
body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
html{color-scheme:light dark}
code{font-family:ui-monospace,monospace;font-size:.92em}table{border-collapse:collapse;width:100%}
td,th{text-align:left;vertical-align:top;padding:.3rem .6rem;border-bottom:1px solid #8886}
h2{margin-top:2rem}details{margin:.4rem 0}pre{overflow:auto;background:#8881;padding:.6rem;border-radius:6px}
:target{outline:2px solid}
</style>"#;

fn html(body: String) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
        ))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(body)
}

fn write_problems(codes: &'static [Code]) -> String {
    let rows: String = with(codes)
        .into_iter()
        .map(|c| {
            let cell = |text: &str| format!("<td>{}</td>", escape(text).replace('`', ""));
            format!(
                "<tr id=\"{0}\"><td>{1}</td><td><code>{0}</code></td>{2}{3}</tr>",
                c.code,
                c.status,
                cell(c.when),
                cell(c.what_to_do)
            )
        })
        .collect();
    format!(
        "{HEAD}<title>Problems</title><h1>Problem \
            codes</h1><table><tr><th>status</th><th>code</th><th>when</th><th>what to \
            do</th></tr>{rows}</table></html>"
    )
}

/// Generates an HTML page from the document: no scripts, and nothing loaded from elsewhere.
fn write_page<N: Need>(about: &About<N>, doc: &Value) -> String {
    let mut out = format!(
        "{HEAD}<title>{0}</title><h1>{0}</h1><p>The REST API. <a href=\"/openapi.json\">OpenAPI 3.1</a> · \
            <a href=\"/problems\">problem codes</a></p>",
        about.title
    );
    for (tag, what) in about.tags {
        out.push_str(&format!("<h2 id=\"{tag}\">{tag}</h2><p>{}</p>", escape(what)));
        for e in (about.table)().iter().filter(|e| (about.tag)(e.path) == *tag) {
            let op = &doc["paths"][e.path][e.method.as_str().to_lowercase()];
            out.push_str(&format!(
                "<details id=\"{}\"><summary><code>{} {}</code> — {}</summary><p>{}</p>",
                e.id,
                e.method,
                escape(e.path),
                escape(e.summary),
                escape(op["description"].as_str().unwrap_or_default()).replace('`', "")
            ));
            for (title, part) in [
                ("Parameters", &op["parameters"]),
                ("Body", &op["requestBody"]),
                ("Answers", &op["responses"]),
            ] {
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
