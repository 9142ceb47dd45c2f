//! The page socket: sends a browser the states of its login. Only this file uses
//! `actix-web-actors`.
//!
//! This actor *is* the body of an HTTP response: when the browser stops reading, the actor is not
//! polled, so nothing piles up, and the kernel ends the connection (TCP_USER_TIMEOUT, set where the
//! listener is built).

use std::{sync::Arc, time::Duration};

use actix::prelude::*;
use actix_web::{Error, HttpRequest, HttpResponse, web};
use actix_web_actors::ws::{
    CloseCode, CloseReason, Message, ProtocolError, WebsocketContext, WsResponseBuilder,
};
use countersign_actors_ns::{Logins, Waiting};
use countersign_api::{
    Object,
    page::{Hello, PageEvent, PageMessage},
};
use countersign_domain_ns::flows::login::Seen;
use countersign_edge::{metrics::Counted, problem::ApiProblem};
use countersign_protocol::codes::LoginState;

use super::view::{AppUrl, LIFETIME, Leaving, PageRefusal, QR_EACH, View, origin};
use crate::metrics::{Metric, Metrics};

/// Largest message that a page may send.
const MOST: usize = 4096;
const HELLO_DUE: Duration = Duration::from_secs(5);
const PING_EACH: Duration = Duration::from_secs(30);

/// `GET /page`.
///
/// # Errors
/// When the request is not a WebSocket upgrade.
pub(super) async fn open(
    request: HttpRequest,
    payload: web::Payload,
    logins: web::Data<Logins>,
    app: web::Data<AppUrl>,
    leaving: web::Data<Leaving>,
    metrics: web::Data<Metrics>,
) -> Result<HttpResponse, Error> {
    let page = Page {
        logins: (**logins).clone(),
        app: (**app).clone(),
        origin: origin(&request),
        leaving: (**leaving).clone(),
        phase: Phase::Greeting,
        gave_up: false,
        quiet: 0,
        _counted: metrics.own.hold(Metric::PageConnections),
    };
    WsResponseBuilder::new(page, &request, payload).frame_size(MOST).start().map_err(|e| {
        let why = format!("GET /page opens a WebSocket, and this request does not: {e}");
        ApiProblem::malformed().because(why).into()
    })
}

enum Phase {
    /// The page token is awaited.
    Greeting,
    /// The token is being looked up.
    Busy,
    Watching(Watching),
}

struct Watching {
    view: View,
    /// Highest version sent.
    told: u64,
    state: LoginState,
    /// Keeps the registration alive while no task waits on it.
    wait: Arc<Waiting>,
    /// A cancellation is in progress; asking again has no effect.
    cancelling: bool,
}

struct Page {
    logins: Logins,
    app: AppUrl,
    origin: Option<String>,
    leaving: Leaving,
    phase: Phase,
    /// The page asked to cancel before it was admitted.
    gave_up: bool,
    /// Pings since the last pong.
    quiet: u32,
    _counted: Counted,
}

type Ctx = WebsocketContext<Page>;

/// The WebSocket code that says why the socket closes.
fn close_code(why: PageRefusal) -> CloseCode {
    CloseCode::Other(match why {
        PageRefusal::Malformed => 4400,
        PageRefusal::BadPageToken => 4401,
        PageRefusal::BadOrigin => 4403,
        PageRefusal::Timeout => 4408,
        PageRefusal::TooSlow => 4409,
        PageRefusal::Draining => 1012,
        PageRefusal::Unavailable => 1013,
    })
}

impl Page {
    fn say(event: &PageEvent, ctx: &mut Ctx) {
        if let Ok(text) = serde_json::to_string(event) {
            ctx.text(text);
        }
    }

    fn refuse(why: PageRefusal, ctx: &mut Ctx) {
        Self::say(&PageEvent::Error { code: why.code().to_owned() }, ctx);
        ctx.close(Some(CloseReason { code: close_code(why), description: Some(why.code().to_owned()) }));
        ctx.stop();
    }

    fn greet(&mut self, text: &str, ctx: &mut Ctx) {
        let Ok(hello) = serde_json::from_str::<Object<Hello>>(text) else {
            return Self::refuse(PageRefusal::Malformed, ctx);
        };
        self.phase = Phase::Busy;
        let (logins, app, origin) = (self.logins.clone(), self.app.clone(), self.origin.clone());
        let work = async move {
            let (view, seen) = View::open(logins, &app, &hello.page_token, origin.as_deref()).await?;
            let (wait, seen) = view.watch(&seen).await?;
            Ok((view, seen, wait))
        };
        ctx.spawn(work.into_actor(self).map(move |found, page, ctx| match found {
            Ok((view, seen, wait)) => page.watch(view, &seen, wait, ctx),
            Err(why) => Self::refuse(why, ctx),
        }));
    }

    fn watch(&mut self, view: View, seen: &Seen, wait: Waiting, ctx: &mut Ctx) {
        // The current state is always sent first, also to a page that resumes, because it refreshes
        // the time that is left.
        view.everything(seen).iter().for_each(|event| Self::say(event, ctx));
        let state = seen.state.public();
        self.phase = Phase::Watching(Watching {
            view,
            told: state.version(),
            state,
            wait: Arc::new(wait),
            cancelling: false,
        });
        if state.is_last() {
            return Self::farewell(ctx);
        }
        ctx.run_interval(QR_EACH, |page, ctx| page.show_qr(ctx));
        self.wait(ctx);
        if self.gave_up {
            self.cancel(ctx);
        }
    }

    /// Closes the socket after the last state.
    fn farewell(ctx: &mut Ctx) {
        ctx.close(Some(CloseCode::Normal.into()));
        ctx.stop();
    }

    fn show_qr(&mut self, ctx: &mut Ctx) {
        if let Phase::Watching(w) = &self.phase
            && w.state == LoginState::Pending
        {
            Self::say(&w.view.qr(), ctx);
        }
    }

    /// Waits for the next wake-up, reads the login, sends what is new, and waits again.
    fn wait(&mut self, ctx: &mut Ctx) {
        let Phase::Watching(w) = &self.phase else { return };
        let (view, wait) = (w.view.clone(), w.wait.clone());
        let work = async move { view.changed(&wait).await };
        ctx.spawn(work.into_actor(self).map(|seen, page, ctx| {
            match seen {
                Err(why) => return Self::refuse(why, ctx),
                Ok(Some(seen)) => page.tell(&seen, ctx),
                Ok(None) => {}
            }
            page.wait(ctx);
        }));
    }

    fn tell(&mut self, seen: &Seen, ctx: &mut Ctx) {
        let Phase::Watching(w) = &mut self.phase else { return };
        let state = seen.state.public();
        if state.version() <= w.told {
            return;
        }
        (w.told, w.state) = (state.version(), state);
        Self::say(&w.view.state(seen), ctx);
        if state.is_last() {
            Self::farewell(ctx);
        }
    }

    fn asked(&mut self, text: &str, ctx: &mut Ctx) {
        match serde_json::from_str(text) {
            Ok(Object(PageMessage::Cancel {})) => self.cancel(ctx),
            Err(_) => Self::refuse(PageRefusal::Malformed, ctx),
        }
    }

    fn cancel(&mut self, ctx: &mut Ctx) {
        let Phase::Watching(w) = &mut self.phase else {
            self.gave_up = true;
            return;
        };
        if w.cancelling {
            return;
        }
        w.cancelling = true;
        let view = w.view.clone();
        // A page that does not see the cancellation asks again.
        let work = async move { drop(view.cancel().await) };
        ctx.spawn(work.into_actor(self).map(|(), page, _| {
            if let Phase::Watching(w) = &mut page.phase {
                w.cancelling = false;
            }
        }));
    }
}

impl Actor for Page {
    type Context = Ctx;

    fn started(&mut self, ctx: &mut Ctx) {
        ctx.set_mailbox_capacity(4);
        ctx.run_later(HELLO_DUE, |page, ctx| {
            if matches!(page.phase, Phase::Greeting | Phase::Busy) {
                Self::refuse(PageRefusal::Timeout, ctx);
            }
        });
        let sent_away = self.leaving.clone().sent_away(self.logins.clone());
        ctx.spawn(sent_away.into_actor(self).map(|(), _, ctx| Self::refuse(PageRefusal::Draining, ctx)));
        ctx.run_later(LIFETIME, |_, ctx| Self::refuse(PageRefusal::Timeout, ctx));
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
            Ok(Message::Binary(_) | Message::Continuation(_) | Message::Nop) | Err(_) => {
                Self::refuse(PageRefusal::Malformed, ctx)
            }
        }
    }
}
