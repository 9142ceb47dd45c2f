//! The page channel for browsers whose network blocks WebSockets: an event stream, a long poll, and
//! the cancel button. The events are created in `view`, as for the socket.
//!
//! A stream is the body of a response: when the browser stops reading, it is not polled, so nothing
//! piles up, and the kernel ends the connection (TCP_USER_TIMEOUT, set where the listener is
//! built).

use std::{collections::VecDeque, future::Future, pin::Pin, sync::Arc, time::Duration};

use actix_web::{
    Error, HttpRequest, HttpResponse,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::{
        Method, StatusCode,
        header::{self, HeaderName, HeaderValue},
    },
    middleware::Next,
    web::{self, Bytes},
};
use countersign_actors_ns::{Logins, Waiting};
use countersign_api::page::{PageEvent, PageEvents};
use countersign_domain_ns::flows::login::Seen;
use countersign_edge::{
    header::{bearer, one},
    metrics::Counted,
    problem::ApiProblem,
};
use countersign_protocol::codes::LoginState;
use serde::Deserialize;
use tokio::time::{Instant, Interval, MissedTickBehavior, Sleep};

use super::view::{AppUrl, LIFETIME, Leaving, PageRefusal, QR_EACH, View, origin};
use crate::metrics::{Metric, Metrics};

/// How often a stream sends something, so that proxies keep it and a browser that has left is
/// noticed.
const BEAT_EACH: Duration = Duration::from_secs(15);
/// Longest wait of a poll, in seconds: proxies give up after 30.
const LONGEST_WAIT: u64 = 25;
/// Longest wait of a poll for a pending login, because a QR code is valid for five seconds only.
const QR_WAIT: Duration = Duration::from_secs(2);

/// The state of the page port that these requests need.
struct Asked {
    logins: Logins,
    app: AppUrl,
    leaving: Leaving,
    metrics: Metrics,
}

impl Asked {
    fn of(request: &HttpRequest) -> Result<Self, ApiProblem> {
        let data = || {
            Some(Self {
                logins: (***request.app_data::<web::Data<Logins>>()?).clone(),
                app: (***request.app_data::<web::Data<AppUrl>>()?).clone(),
                leaving: (***request.app_data::<web::Data<Leaving>>()?).clone(),
                metrics: (***request.app_data::<web::Data<Metrics>>()?).clone(),
            })
        };
        data().ok_or_else(ApiProblem::internal)
    }

    async fn open(&self, request: &HttpRequest) -> Result<(View, Seen), ApiProblem> {
        let token = one(request, header::AUTHORIZATION.as_str())?.and_then(bearer);
        let token = token.ok_or_else(|| problem(PageRefusal::BadPageToken))?;
        View::open(self.logins.clone(), &self.app, token, origin(request).as_deref()).await.map_err(problem)
    }
}

/// Converts a refusal to a problem; the socket has the same refusals.
fn problem(why: PageRefusal) -> ApiProblem {
    let busy = StatusCode::SERVICE_UNAVAILABLE;
    let (status, detail, retry_after) = match why {
        PageRefusal::BadPageToken => {
            (StatusCode::UNAUTHORIZED, "send the page token of a login: Authorization: Bearer pt_…", None)
        }
        PageRefusal::BadOrigin => {
            (StatusCode::FORBIDDEN, "the client of this login does not list this origin", None)
        }
        PageRefusal::TooSlow => (StatusCode::TOO_MANY_REQUESTS, "too many pages watch this login", Some(2)),
        PageRefusal::Draining => (busy, "this pod is shutting down; try again", Some(1)),
        PageRefusal::Timeout => (busy, "this took too long; try again", Some(1)),
        PageRefusal::Unavailable => (busy, "storage cannot be reached; try again", Some(2)),
        PageRefusal::Malformed => (StatusCode::BAD_REQUEST, "this is not a message that a page sends", None),
    };
    let mut problem = ApiProblem::new(status, why.code()).because(detail);
    problem.retry_after = retry_after;
    problem
}

/// The query of a page that resumes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Resume {
    /// Highest `v` already seen; the current state is sent in any case.
    #[serde(default)]
    after: u64,
}

/// The query of a poll.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Poll {
    #[serde(default)]
    after: u64,
    /// Seconds.
    #[serde(default)]
    wait: u64,
}

/// `GET /page/events`: the socket's messages as `text/event-stream`.
///
/// # Errors
/// As a problem: `bad_page_token`, `bad_origin`, `unavailable`.
pub(super) async fn events(
    request: HttpRequest,
    resume: web::Query<Resume>,
) -> Result<HttpResponse, ApiProblem> {
    let asked = Asked::of(&request)?;
    let (view, seen) = asked.open(&request).await?;
    let (waiting, seen) = view.watch(&seen).await.map_err(problem)?;
    tracing::debug!(after = resume.after, "a page streams");
    let stream = Stream::new(view, &seen, waiting, &asked);
    let body = futures_util::stream::unfold(stream, |mut stream| async move {
        Some((Ok::<_, Error>(stream.next().await?), stream))
    });
    // Some proxies (nginx) keep an answer back until it is complete, unless told not to.
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(body))
}

/// The next change of the login, or why it cannot be waited for.
type Change = Pin<Box<dyn Future<Output = Result<Option<Seen>, PageRefusal>>>>;

/// One event stream.
struct Stream {
    view: View,
    waiting: Arc<Waiting>,
    /// Kept from one turn to the next, so that a wake-up or a read in progress is not lost to a
    /// tick.
    change: Change,
    /// Highest version sent.
    told: u64,
    state: LoginState,
    /// Written before anything else happens; holds no more than one turn produces.
    queue: VecDeque<Bytes>,
    qr: Interval,
    beat: Interval,
    over: Pin<Box<Sleep>>,
    sent_away: Pin<Box<dyn Future<Output = ()>>>,
    done: bool,
    _counted: Counted,
}

impl Stream {
    fn new(view: View, seen: &Seen, waiting: Waiting, asked: &Asked) -> Self {
        let state = seen.state.public();
        let waiting = Arc::new(waiting);
        let mut stream = Self {
            change: next_change(&view, &waiting),
            told: state.version(),
            state,
            queue: VecDeque::new(),
            qr: each(QR_EACH),
            beat: each(BEAT_EACH),
            over: Box::pin(tokio::time::sleep(LIFETIME)),
            sent_away: Box::pin(asked.leaving.clone().sent_away(asked.logins.clone())),
            done: state.is_last(),
            _counted: asked.metrics.own.hold(Metric::PageConnections),
            view,
            waiting,
        };
        stream.view.everything(seen).iter().for_each(|event| stream.queue.extend(line(event)));
        stream
    }

    /// Returns the next piece of the body; `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(piece) = self.queue.pop_front() {
                return Some(piece);
            }
            if self.done {
                return None;
            }
            tokio::select! {
                change = &mut self.change => self.changed(change),
                _ = self.qr.tick(),
                    if self.state == LoginState::Pending => self.queue.extend(line(&self.view.qr())),
                _ = self.beat.tick() => self.queue.push_back(Bytes::from_static(b":\n\n")),
                () = &mut self.sent_away => self.refuse(PageRefusal::Draining),
                () = &mut self.over => self.refuse(PageRefusal::Timeout),
            }
        }
    }

    fn changed(&mut self, change: Result<Option<Seen>, PageRefusal>) {
        self.change = next_change(&self.view, &self.waiting);
        match change {
            Err(why) => self.refuse(why),
            Ok(Some(seen)) if seen.state.public().version() > self.told => {
                self.state = seen.state.public();
                self.told = self.state.version();
                self.queue.extend(line(&self.view.state(&seen)));
                self.done = self.state.is_last();
            }
            Ok(_) => {}
        }
    }

    fn refuse(&mut self, why: PageRefusal) {
        self.queue.extend(line(&PageEvent::Error { code: why.code().to_owned() }));
        self.done = true;
    }
}

fn next_change(view: &View, waiting: &Arc<Waiting>) -> Change {
    let (view, waiting) = (view.clone(), waiting.clone());
    Box::pin(async move { view.changed(&waiting).await })
}

/// Ticks every period, from one period after now. Ticks that a slow reader missed are not made up
/// for.
fn each(period: Duration) -> Interval {
    let mut interval = tokio::time::interval_at(Instant::now() + period, period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

fn line(event: &PageEvent) -> Option<Bytes> {
    let json = serde_json::to_string(event).ok()?;
    Some(Bytes::from(match event {
        PageEvent::State { v, .. } => format!("id: {v}\ndata: {json}\n\n"),
        _ => format!("data: {json}\n\n"),
    }))
}

/// `GET /page/state`: the state as soon as it is above `after`, or a fresh QR code.
///
/// # Errors
/// As a problem: `bad_page_token`, `bad_origin`, `invalid`, `too_slow`, `draining`, `unavailable`.
pub(super) async fn state(request: HttpRequest, poll: web::Query<Poll>) -> Result<HttpResponse, ApiProblem> {
    if poll.wait > LONGEST_WAIT {
        return Err(ApiProblem::invalid("/wait", format!("at most {LONGEST_WAIT} seconds")));
    }
    let asked = Asked::of(&request)?;
    let _counted = asked.metrics.own.hold(Metric::PageConnections);
    let (view, seen) = asked.open(&request).await?;
    let sent_away = asked.leaving.clone().sent_away(asked.logins.clone());
    let seen = tokio::select! {
        seen = wait(&view, seen, &poll) => seen.map_err(problem)?,
        () = sent_away => return Err(problem(PageRefusal::Draining)),
    };
    Ok(HttpResponse::Ok().json(PageEvents { events: view.everything(&seen) }))
}

async fn wait(view: &View, seen: Seen, poll: &Poll) -> Result<Seen, PageRefusal> {
    let news = |seen: &Seen| seen.state.public().version() > poll.after;
    if news(&seen) || poll.wait == 0 {
        return Ok(seen);
    }
    let (waiting, mut seen) = view.watch(&seen).await?;
    let began = Instant::now();
    while !news(&seen) {
        let asked = Duration::from_secs(poll.wait);
        let most = if seen.state.public() == LoginState::Pending { asked.min(QR_WAIT) } else { asked };
        match tokio::time::timeout_at(began + most, view.changed(&waiting)).await {
            Ok(change) => seen = change?.unwrap_or(seen),
            Err(_over) => break,
        }
    }
    Ok(seen)
}

/// `POST /page/cancel`: cancels the login for the person at the browser. Repeated or late requests
/// change nothing.
///
/// # Errors
/// As a problem: `bad_page_token`, `bad_origin`, `unavailable`.
pub(super) async fn cancel(request: HttpRequest) -> Result<HttpResponse, ApiProblem> {
    let (view, _) = Asked::of(&request)?.open(&request).await?;
    view.cancel().await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Adds the CORS headers that let pages of other origins read the responses. A preflight cannot
/// know the login's client, so it is answered for any origin; a real request is refused by the
/// handler unless its origin is one of the client's. So each response is either for an origin that
/// may read it, or an error, which says nothing about a login.
///
/// # Errors
/// None of its own.
pub(super) async fn cors(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let preflight = request.method() == Method::OPTIONS;
    let mut response = next.call(request).await?;
    let headers = response.headers_mut();
    let mut say =
        |name: HeaderName, value: &'static str| headers.insert(name, HeaderValue::from_static(value));
    say(header::CACHE_CONTROL, "no-store");
    say(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    say(header::VARY, "Origin");
    if preflight {
        say(header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST");
        say(header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type");
        say(header::ACCESS_CONTROL_MAX_AGE, "600");
    }
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    }
    Ok(response)
}

/// Answers a preflight; [`cors`] adds the headers.
pub(super) async fn preflight() -> HttpResponse {
    HttpResponse::NoContent().finish()
}
