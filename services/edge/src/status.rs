//! The status of the process: a page without a script for people, and the same facts as JSON. Each
//! service supplies its own part.

use std::time::Duration;

use actix_web::{HttpResponse, HttpResponseBuilder, web};
use serde_json::{Value, json};

use crate::observed::{Admin, Section, ServiceStatus};

const PAGE: &str = include_str!("../../../web/status/index.html");
const STYLE: &str = include_str!("../../../web/status/status.css");
/// The page may load its own style sheet and a `data:` icon, and may not be framed.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action \
    'none'; frame-ancestors 'none'";

/// The content of the page.
struct Status {
    role: &'static str,
    version: &'static str,
    pid: u32,
    uptime: Duration,
    causes: Vec<String>,
    /// `None` where the operating system does not report it.
    resident_bytes: Option<u64>,
    services: Vec<(&'static str, ServiceStatus)>,
}

async fn status(admin: &Admin) -> Status {
    let causes = admin.look().await;
    Status {
        role: admin.role,
        version: env!("CARGO_PKG_VERSION"),
        pid: std::process::id(),
        uptime: admin.began.elapsed(),
        causes,
        resident_bytes: resident(),
        services: admin.services.iter().map(|s| (s.name(), s.told())).collect(),
    }
}

/// Resident memory in bytes, from `/proc/self/status` of Linux.
fn resident() -> Option<u64> {
    let said = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = said.lines().find_map(|l| l.strip_prefix("VmRSS:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

fn fresh(mut response: HttpResponseBuilder) -> HttpResponseBuilder {
    response
        .insert_header(("Cache-Control", "no-store"))
        .insert_header(("Content-Security-Policy", POLICY))
        .insert_header(("X-Content-Type-Options", "nosniff"))
        .insert_header(("Referrer-Policy", "no-referrer"));
    response
}

/// `GET /`
pub(crate) async fn page(admin: web::Data<Admin>) -> HttpResponse {
    let status = status(&admin).await;
    fresh(HttpResponse::Ok()).content_type("text/html; charset=utf-8").body(html(&status))
}

/// `GET /status.json`
pub(crate) async fn json(admin: web::Data<Admin>) -> HttpResponse {
    let status = status(&admin).await;
    fresh(HttpResponse::Ok()).json(as_json(&status))
}

/// The facts of each service are members of `services`; those of the first service are also at the
/// top level.
fn as_json(s: &Status) -> Value {
    let mut all = json!({
        "role": s.role,
        "version": s.version,
        "pid": s.pid,
        "uptime_secs": s.uptime.as_secs(),
        "ready": s.causes.is_empty(),
        "causes": s.causes,
        "resident_bytes": s.resident_bytes,
        "services": {},
    });
    for (name, told) in &s.services {
        all["services"][*name] = told.json.clone();
    }
    // Scripts that were written when NS was the only service read them at the top level.
    if let Some((_, told)) = s.services.first() {
        for (member, value) in told.json.as_object().into_iter().flatten() {
            all[member.as_str()] = value.clone();
        }
    }
    all
}

/// `GET /status.css`
pub(crate) async fn style() -> HttpResponse {
    fresh(HttpResponse::Ok()).content_type("text/css; charset=utf-8").body(STYLE)
}

impl Section {
    /// Renders the section; `id` must be unique on the page.
    fn html(&self, id: &str) -> String {
        match self {
            Self::Table { title, columns, rows } => {
                let head: String =
                    columns.iter().map(|c| format!("<th scope=\"col\">{}</th>", escape(c))).collect();
                let row = |cells: &Vec<String>| {
                    let (name, rest) =
                        cells.split_first().map_or(("", &[][..]), |(name, rest)| (name.as_str(), rest));
                    let rest: String = rest.iter().map(|cell| format!("<td>{}</td>", escape(cell))).collect();
                    format!("<tr><th scope=\"row\">{}</th>{rest}</tr>\n", escape(name))
                };
                let rows: String = rows.iter().map(row).collect();
                let table =
                    format!("<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n");
                section(id, title, &table)
            }
            Self::Facts { title, facts } => {
                let fact = |(name, value): &(&str, String)| {
                    format!("<div><dt>{}</dt><dd>{}</dd></div>\n", escape(name), escape(value))
                };
                section(id, title, &format!("<dl>\n{}</dl>\n", facts.iter().map(fact).collect::<String>()))
            }
        }
    }
}

fn section(id: &str, title: &str, inner: &str) -> String {
    format!("<section aria-labelledby=\"{id}\">\n<h2 id=\"{id}\">{}</h2>\n{inner}</section>\n", escape(title))
}

fn html(s: &Status) -> String {
    let ready = s.causes.is_empty();
    let causes: String = s.causes.iter().map(|cause| format!("<li>{}</li>\n", escape(cause))).collect();
    let causes = if ready {
        String::new()
    } else {
        format!(
            "<section class=\"causes\" aria-labelledby=\"why\">\n<h2 id=\"why\">Why it is not \
                ready</h2>\n<ul>\n{causes}</ul>\n</section>\n"
        )
    };
    let mut sections = String::new();
    for (name, told) in &s.services {
        if s.services.len() > 1 {
            sections.push_str(&format!("<h2 class=\"service\">{}</h2>\n", escape(&name.to_uppercase())));
        }
        for (n, part) in told.sections.iter().enumerate() {
            sections.push_str(&part.html(&format!("{name}-{n}")));
        }
    }
    let fill = [
        ("class", if ready { "good" } else { "bad" }.to_owned()),
        ("word", if ready { "Ready" } else { "Not ready" }.to_owned()),
        ("role", s.role.to_owned()),
        ("causes", causes),
        ("services", sections),
        ("version", s.version.to_owned()),
        ("uptime", spell(s.uptime.as_secs())),
        ("memory", s.resident_bytes.map_or_else(|| "not known".to_owned(), |n| format!("{} MiB", n >> 20))),
        ("pid", s.pid.to_string()),
    ];
    fill.iter().fold(PAGE.to_owned(), |page, (name, value)| page.replace(&format!("{{{{{name}}}}}"), value))
}

/// Formats a duration in its two largest units.
fn spell(secs: u64) -> String {
    let (days, hours, minutes) = (secs / 86_400, secs / 3600 % 24, secs / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{secs} s"),
        (0, 0, _) => format!("{minutes} min {} s", secs % 60),
        (0, ..) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

/// Escapes HTML. Some texts, such as the database's error messages, come from outside.
fn escape(text: &str) -> String {
    // Braces are escaped, too, so that a filled-in text is never filled in again.
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('{', "&#123;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_every_fact_and_no_text_of_others_becomes_markup() {
        let table = Section::Table {
            title: "Logins",
            columns: vec!["Outcome", "last 5 minutes", "since the start"],
            rows: vec![vec!["Approved".to_owned(), "41".to_owned(), "42".to_owned()]],
        };
        let facts = Section::Facts { title: "Here now", facts: vec![("Phones connected", "31".to_owned())] };
        let status = Status {
            role: "all",
            version: "9.8.7",
            pid: 4711,
            uptime: Duration::from_secs(90_061),
            causes: vec!["database: <script>\"{{pid}}\"&".to_owned()],
            resident_bytes: Some(51 << 20),
            services: vec![(
                "ns",
                ServiceStatus { sections: vec![table, facts], json: json!({"phone_connections": 31}) },
            )],
        };
        let page = html(&status);
        for fact in ["Not ready", "all", "9.8.7", "4711", "1 d 1 h", "31", "Approved", "41", "42", "51 MiB"] {
            assert!(page.contains(&format!(">{fact}<")), "{fact} is missing in {page}");
        }
        assert!(page.contains("database: &lt;script&gt;&quot;&#123;&#123;pid}}&quot;&amp;"), "{page}");
        assert!(!page.contains("{{") && !page.contains("<script"), "{page}");
        let json = as_json(&status);
        assert_eq!(
            (&json["phone_connections"], &json["services"]["ns"]["phone_connections"]),
            (&json!(31), &json!(31))
        );
    }

    #[test]
    fn times_are_spelled_in_two_units() {
        assert_eq!([59, 61, 3_661, 90_061].map(spell), ["59 s", "1 min 1 s", "1 h 1 min", "1 d 1 h"]);
    }
}
