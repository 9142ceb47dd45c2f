//! The state of the pod for people: one page without a script, and the same facts as JSON.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use actix_web::{HttpResponse, HttpResponseBuilder, web};
use countersign_domain_ns::login::Via;
use countersign_protocol::codes::LoginState;
use serde::Serialize;
use tokio::time::Instant;

use crate::{
    admin::Watched,
    metrics::{Metric, Metrics},
};

const PAGE: &str = include_str!("../../../web/status/index.html");
const STYLE: &str = include_str!("../../../web/status/status.css");
/// The page loads its style and nothing else (its icon is none), and is in nobody's frame.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// What "lately" means, and how often it is looked at.
const LATELY: Duration = Duration::from_secs(300);
const EACH: Duration = Duration::from_secs(10);

/// Logins by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
struct Outcomes {
    approved: u64,
    refused: u64,
    cancelled: u64,
    expired: u64,
}

impl Outcomes {
    fn of(metrics: &Metrics) -> Self {
        let sum = |state: LoginState| {
            let vias = Via::ALL.iter().map(|v| v.as_str()).chain(["none"]);
            vias.map(|via| metrics.counted(Metric::Logins, &[state.as_str(), via])).sum()
        };
        Self {
            approved: sum(LoginState::Approved),
            refused: sum(LoginState::Refused),
            cancelled: sum(LoginState::Cancelled),
            expired: sum(LoginState::Expired),
        }
    }

    fn since(self, then: Self) -> Self {
        Self {
            approved: self.approved.saturating_sub(then.approved),
            refused: self.refused.saturating_sub(then.refused),
            cancelled: self.cancelled.saturating_sub(then.cancelled),
            expired: self.expired.saturating_sub(then.expired),
        }
    }
}

/// What the counters said a while ago.
#[derive(Clone)]
pub struct History {
    began: Instant,
    samples: Arc<Mutex<VecDeque<(Instant, Outcomes)>>>,
}

impl History {
    /// Begins to remember, in a task of its own.
    #[must_use]
    pub fn start(metrics: Metrics) -> Self {
        let history = Self { began: Instant::now(), samples: Arc::default() };
        let mine = history.clone();
        actix_rt::spawn(async move {
            loop {
                mine.remember(Instant::now(), Outcomes::of(&metrics));
                tokio::time::sleep(EACH).await;
            }
        });
        history
    }

    fn remember(&self, now: Instant, outcomes: Outcomes) {
        let mut samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        samples.push_back((now, outcomes));
        // The oldest that stays is from before `LATELY`: what came since is never less than asked for.
        while samples.get(1).is_some_and(|(at, _)| now.duration_since(*at) >= LATELY) {
            samples.pop_front();
        }
    }

    fn lately(&self, now: Outcomes) -> Outcomes {
        let samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        samples.front().map_or(now, |(_, then)| now.since(*then))
    }
}

/// Body of `/status.json`.
#[derive(Serialize)]
struct Status {
    role: &'static str,
    version: &'static str,
    pid: u32,
    uptime_secs: u64,
    ready: bool,
    causes: Vec<String>,
    phone_connections: i64,
    phone_sessions: i64,
    page_connections: i64,
    waiters: i64,
    logins_last_5_minutes: Outcomes,
    logins_since_start: Outcomes,
    /// `None` where the system does not say.
    resident_bytes: Option<u64>,
}

async fn status(watched: &Watched) -> Status {
    let causes = watched.look().await;
    let (metrics, now) = (&watched.metrics, Outcomes::of(&watched.metrics));
    Status {
        role: watched.role,
        version: env!("CARGO_PKG_VERSION"),
        pid: std::process::id(),
        uptime_secs: watched.history.began.elapsed().as_secs(),
        ready: causes.is_empty(),
        causes,
        phone_connections: metrics.level(Metric::PhoneConnections),
        phone_sessions: metrics.level(Metric::Sessions),
        page_connections: metrics.level(Metric::PageConnections),
        waiters: metrics.level(Metric::Waiters),
        logins_last_5_minutes: watched.history.lately(now),
        logins_since_start: now,
        resident_bytes: resident(),
    }
}

/// Memory in use, from Linux's own account of it.
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
pub(crate) async fn page(watched: web::Data<Watched>) -> HttpResponse {
    let status = status(&watched).await;
    fresh(HttpResponse::Ok()).content_type("text/html; charset=utf-8").body(html(&status))
}

/// `GET /status.json`
pub(crate) async fn json(watched: web::Data<Watched>) -> HttpResponse {
    let status = status(&watched).await;
    fresh(HttpResponse::Ok()).json(status)
}

/// `GET /status.css`
pub(crate) async fn style() -> HttpResponse {
    fresh(HttpResponse::Ok()).content_type("text/css; charset=utf-8").body(STYLE)
}

fn html(s: &Status) -> String {
    let (lately, all) = (&s.logins_last_5_minutes, &s.logins_since_start);
    let rows = [
        ("Approved", lately.approved, all.approved),
        ("Refused", lately.refused, all.refused),
        ("Cancelled", lately.cancelled, all.cancelled),
        ("Expired", lately.expired, all.expired),
    ];
    let logins: String =
        rows.map(|(name, lately, all)| format!("<tr><th scope=\"row\">{name}</th><td>{lately}</td><td>{all}</td></tr>\n")).concat();
    let causes: String = s.causes.iter().map(|cause| format!("<li>{}</li>\n", escape(cause))).collect();
    let causes = if s.ready {
        String::new()
    } else {
        format!(
            "<section class=\"causes\" aria-labelledby=\"why\">\n<h2 id=\"why\">Why it is not ready</h2>\n<ul>\n{causes}</ul>\n</section>\n"
        )
    };
    let fill = [
        ("class", if s.ready { "good" } else { "bad" }.to_owned()),
        ("word", if s.ready { "Ready" } else { "Not ready" }.to_owned()),
        ("role", s.role.to_owned()),
        ("causes", causes),
        ("window", "last 5 minutes".to_owned()),
        ("logins", logins),
        ("phone_connections", s.phone_connections.to_string()),
        ("sessions", s.phone_sessions.to_string()),
        ("page_connections", s.page_connections.to_string()),
        ("waiters", s.waiters.to_string()),
        ("version", s.version.to_owned()),
        ("uptime", spell(s.uptime_secs)),
        ("memory", s.resident_bytes.map_or_else(|| "not known".to_owned(), |n| format!("{} MiB", n >> 20))),
        ("pid", s.pid.to_string()),
    ];
    fill.iter().fold(PAGE.to_owned(), |page, (name, value)| page.replace(&format!("{{{{{name}}}}}"), value))
}

/// The two largest units.
fn spell(secs: u64) -> String {
    let (days, hours, minutes) = (secs / 86_400, secs / 3600 % 24, secs / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{secs} s"),
        (0, 0, _) => format!("{minutes} min {} s", secs % 60),
        (0, ..) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

/// Texts of the database come from outside.
fn escape(text: &str) -> String {
    // Braces too: what is filled in is never filled in again.
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('{', "&#123;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(approved: u64) -> Outcomes {
        Outcomes { approved, ..Outcomes::default() }
    }

    #[test]
    fn the_page_has_every_fact_and_no_text_of_others_becomes_markup() {
        let page = html(&Status {
            role: "all",
            version: "9.8.7",
            pid: 4711,
            uptime_secs: 90_061,
            ready: false,
            causes: vec!["database: <script>\"{{pid}}\"&".to_owned()],
            phone_connections: 31,
            phone_sessions: 32,
            page_connections: 33,
            waiters: 34,
            logins_last_5_minutes: outcomes(41),
            logins_since_start: outcomes(42),
            resident_bytes: Some(51 << 20),
        });
        for fact in ["Not ready", "all", "9.8.7", "4711", "1 d 1 h", "31", "32", "33", "34", "41", "42", "51 MiB"] {
            assert!(page.contains(&format!(">{fact}<")), "{fact} is missing in {page}");
        }
        assert!(page.contains("database: &lt;script&gt;&quot;&#123;&#123;pid}}&quot;&amp;"), "{page}");
        assert!(!page.contains("{{") && !page.contains("<script"), "{page}");
    }

    #[test]
    fn lately_is_five_minutes_or_what_there_was() {
        let began = Instant::now();
        let history = History { began, samples: Arc::default() };
        let at = |secs| began + Duration::from_secs(secs);
        assert_eq!(history.lately(outcomes(3)), outcomes(3));
        for secs in (0..=600).step_by(10) {
            history.remember(at(secs), outcomes(secs));
        }
        assert_eq!(history.lately(outcomes(600)), outcomes(300));
        assert_eq!(history.samples.lock().map(|s| s.len()).ok(), Some(31));
    }

    #[test]
    fn times_are_spelled_in_two_units() {
        assert_eq!([59, 61, 3_661, 90_061].map(spell), ["59 s", "1 min 1 s", "1 h 1 min", "1 d 1 h"]);
    }
}
