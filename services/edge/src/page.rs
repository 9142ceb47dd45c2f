//! The page socket: what a browser learns of its login. The only file that names `actix-web-actors`.
//!
//! This actor *is* the body of an HTTP response: when the browser stops reading, the actor is not polled, so nothing piles up, and the kernel ends the connection
//! (TCP_USER_TIMEOUT, set where the listener is built).

use std::{sync::Arc, time::Duration};

use actix::prelude::*;
use actix_web::{Error, HttpRequest, HttpResponse, http::header, web};
use actix_web_actors::ws::{CloseCode, CloseReason, Message, ProtocolError, WebsocketContext, WsResponseBuilder};
use countersign_actors::{Logins, Waiting};
use countersign_api::{
    Object,
    page::{Hello, PageEvent, PageMessage},
};
use countersign_domain::{audit, flows::login::Seen, realm::OpenRealm};
use countersign_protocol::{codes::LoginState, ids::LoginId};

use crate::metrics::{Counted, Metrics};

/// Largest message a page sends.
const MOST: usize = 4096;
/// Pages that watch one login at a time; the rest of the places is for long polls and phones.
const MOST_PAGES: usize = 16;
const HELLO_DUE: Duration = Duration::from_secs(5);
const QR_EACH: Duration = Duration::from_secs(1);
const PING_EACH: Duration = Duration::from_secs(30);
/// Of a page socket, whatever happens.
const LIFETIME: Duration = Duration::from_secs(12 * 3600);

/// Where the links in QR codes lead.
#[derive(Clone, Debug)]
pub struct AppUrl(pub String);

/// Turns true when the pod goes away.
#[derive(Clone, Debug)]
pub struct Leaving(pub tokio::sync::watch::Receiver<bool>);

/// Pages are sent away within this time, so that the other pods do not meet them all at once.
const SPREAD_MS: u64 = 1000;

/// `GET /page`.
///
/// # Errors
/// When the request is not a WebSocket upgrade.
pub async fn open(
    request: HttpRequest,
    payload: web::Payload,
    logins: web::Data<Logins>,
    app: web::Data<AppUrl>,
    leaving: web::Data<Leaving>,
    metrics: web::Data<Metrics>,
) -> Result<HttpResponse, Error> {
    let origin = request.headers().get(header::ORIGIN).and_then(|o| o.to_str().ok()).map(str::to_owned);
    let page = Page {
        logins: (**logins).clone(),
        app: app.0.clone(),
        origin,
        leaving: (**leaving).clone(),
        phase: Phase::Greeting,
        quiet: 0,
        _counted: Counted::in_gauge(&metrics.page_connections),
    };
    WsResponseBuilder::new(page, &request, payload).frame_size(MOST).start()
}

enum Phase {
    /// The page token is awaited.
    Greeting,
    /// It is being looked up.
    Busy,
    Watching(Watching),
}

struct Watching {
    realm: Arc<OpenRealm>,
    login: LoginId,
    /// Highest version told.
    told: u64,
    state: LoginState,
    /// Keeps the registration alive while nobody is waiting on it.
    wait: Arc<Waiting>,
    /// A cancel is under way; asking again adds nothing.
    cancelling: bool,
}

struct Page {
    logins: Logins,
    app: String,
    origin: Option<String>,
    leaving: Leaving,
    phase: Phase,
    /// Pings without an answer.
    quiet: u32,
    _counted: Counted,
}

type Ctx = WebsocketContext<Page>;

/// Why the socket closes, and the WebSocket code that says so.
fn code(why: &str) -> CloseCode {
    CloseCode::Other(match why {
        "malformed" => 4400,
        "bad_page_token" => 4401,
        "bad_origin" => 4403,
        "timeout" => 4408,
        "draining" => 1012,
        "unavailable" => 1013,
        _ => 4409,
    })
}

impl Page {
    fn say(event: &PageEvent, ctx: &mut Ctx) {
        if let Ok(text) = serde_json::to_string(event) {
            ctx.text(text);
        }
    }

    fn refuse(why: &'static str, ctx: &mut Ctx) {
        Self::say(&PageEvent::Error { code: why.to_owned() }, ctx);
        ctx.close(Some(CloseReason { code: code(why), description: Some(why.to_owned()) }));
        ctx.stop();
    }

    fn greet(&mut self, text: &str, ctx: &mut Ctx) {
        let Ok(hello) = serde_json::from_str::<Object<Hello>>(text) else { return Self::refuse("malformed", ctx) };
        self.phase = Phase::Busy;
        let (logins, origin) = (self.logins.clone(), self.origin.clone());
        let work = async move {
            let (realm, seen) = logins.by_page_token(&hello.page_token).await.map_err(|_| "unavailable")?.ok_or("bad_page_token")?;
            let client = logins.client(&seen.login).await.map_err(|_| "unavailable")?.ok_or("bad_page_token")?;
            if origin.is_some_and(|o| !client.origins.contains(&o)) {
                return Err("bad_origin");
            }
            // Registered first, read after.
            let wait = logins.watch(&seen.login, MOST_PAGES).ok_or("unavailable")?;
            let seen = logins.look(&realm, seen.login.id).await.map_err(|_| "unavailable")?.ok_or("bad_page_token")?;
            Ok((realm, seen, wait))
        };
        ctx.spawn(work.into_actor(self).map(move |found, page, ctx| match found {
            Ok((realm, seen, wait)) => page.watch(realm, &seen, wait, ctx),
            Err(why) => Self::refuse(why, ctx),
        }));
    }

    fn watch(&mut self, realm: Arc<OpenRealm>, seen: &Seen, wait: Waiting, ctx: &mut Ctx) {
        let login = seen.login.id;
        self.phase = Phase::Watching(Watching {
            realm: realm.clone(),
            login,
            told: 0,
            state: LoginState::Pending,
            wait: Arc::new(wait),
            cancelling: false,
        });
        // The current state always comes first, also to a page that resumes: it refreshes the time that is left.
        self.tell(seen, ctx);
        if seen.state.public() == LoginState::Pending {
            Self::say(&PageEvent::Link { url: self.logins.link(&realm, login).to_url(&self.app) }, ctx);
            self.show_qr(ctx);
            ctx.run_interval(QR_EACH, |page, ctx| page.show_qr(ctx));
        }
        self.wait(ctx);
    }

    fn show_qr(&mut self, ctx: &mut Ctx) {
        if let Phase::Watching(w) = &self.phase
            && w.state == LoginState::Pending
        {
            let text = self.logins.qr(&w.realm, w.login).to_url(&self.app);
            Self::say(&PageEvent::Qr { text }, ctx);
        }
    }

    /// Waits for the next wake-up, reads, tells, waits again.
    fn wait(&mut self, ctx: &mut Ctx) {
        let Phase::Watching(w) = &self.phase else { return };
        let (logins, realm, login, wait) = (self.logins.clone(), w.realm.clone(), w.login, w.wait.clone());
        let work = async move {
            if let Ok(false) = tokio::time::timeout(logins.safety_poll(), wait.woken()).await {
                return Err("too_slow");
            }
            Ok(logins.look(&realm, login).await)
        };
        ctx.spawn(work.into_actor(self).map(|seen, page, ctx| {
            match seen {
                Err(why) => return Self::refuse(why, ctx),
                Ok(Ok(Some(seen))) => page.tell(&seen, ctx),
                Ok(Ok(None) | Err(_)) => {}
            }
            page.wait(ctx);
        }));
    }

    fn tell(&mut self, seen: &Seen, ctx: &mut Ctx) {
        let Phase::Watching(w) = &mut self.phase else { return };
        let (state, v) = (seen.state.public(), seen.state.public().version());
        if v <= w.told {
            return;
        }
        (w.told, w.state) = (v, state);
        let seconds_left = (v < 3).then(|| self.logins.seconds_left(&seen.login));
        Self::say(&PageEvent::State { v, state: public(state), reason: seen.state.reason().map(str::to_owned), seconds_left }, ctx);
        if v >= 3 && state != LoginState::Approved {
            ctx.close(Some(CloseCode::Normal.into()));
            ctx.stop();
        }
    }

    fn asked(&mut self, text: &str, ctx: &mut Ctx) {
        let Phase::Watching(w) = &mut self.phase else { return Self::refuse("malformed", ctx) };
        match serde_json::from_str(text) {
            Ok(Object(PageMessage::Cancel {})) if w.cancelling => {}
            Ok(Object(PageMessage::Cancel {})) => {
                w.cancelling = true;
                let (logins, realm, login) = (self.logins.clone(), w.realm.clone(), w.login);
                // Whether it won or came too late, the page learns the state there is.
                let work = async move { drop(logins.cancel(&realm, login, audit::Actor::Page).await) };
                ctx.spawn(work.into_actor(self).map(|(), page, _| {
                    if let Phase::Watching(w) = &mut page.phase {
                        w.cancelling = false;
                    }
                }));
            }
            Err(_) => Self::refuse("malformed", ctx),
        }
    }
}

/// The state's spelling in JSON.
#[must_use]
pub fn public(state: LoginState) -> countersign_api::LoginState {
    use countersign_api::LoginState as Api;
    match state {
        LoginState::Pending => Api::Pending,
        LoginState::Claimed => Api::Claimed,
        LoginState::Approved => Api::Approved,
        LoginState::Refused => Api::Refused,
        LoginState::Cancelled => Api::Cancelled,
        LoginState::Expired => Api::Expired,
        LoginState::Ended => Api::Ended,
    }
}

impl Actor for Page {
    type Context = Ctx;

    fn started(&mut self, ctx: &mut Ctx) {
        ctx.set_mailbox_capacity(4);
        ctx.run_later(HELLO_DUE, |page, ctx| {
            if matches!(page.phase, Phase::Greeting | Phase::Busy) {
                Self::refuse("timeout", ctx);
            }
        });
        let Leaving(mut leaving) = self.leaving.clone();
        let spread = Duration::from_millis(self.logins.random_below(SPREAD_MS));
        let sent_away = async move {
            // An error means that the program is gone already.
            let _ = leaving.wait_for(|leaving| *leaving).await;
            actix_rt::time::sleep(spread).await;
        };
        ctx.spawn(sent_away.into_actor(self).map(|(), _, ctx| Self::refuse("draining", ctx)));
        ctx.run_later(LIFETIME, |_, ctx| Self::refuse("timeout", ctx));
        ctx.run_interval(PING_EACH, |page, ctx| {
            page.quiet += 1;
            if page.quiet > 3 {
                return ctx.stop();
            }
            ctx.ping(b"");
        });
    }
}

impl StreamHandler<Result<Message, ProtocolError>> for Page {
    fn handle(&mut self, message: Result<Message, ProtocolError>, ctx: &mut Ctx) {
        match message {
            Ok(Message::Text(text)) => match self.phase {
                Phase::Greeting => self.greet(&text, ctx),
                Phase::Busy | Phase::Watching(_) => self.asked(&text, ctx),
            },
            Ok(Message::Ping(bytes)) => ctx.pong(&bytes),
            Ok(Message::Pong(_)) => self.quiet = 0,
            Ok(Message::Close(reason)) => {
                ctx.close(reason);
                ctx.stop();
            }
            Ok(Message::Binary(_) | Message::Continuation(_) | Message::Nop) | Err(_) => Self::refuse("malformed", ctx),
        }
    }
}
