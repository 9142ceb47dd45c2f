//! Builds HTTP listeners, all in the same way.

use std::time::Duration;

use actix_tls::accept::openssl::TlsStream;
use actix_web::{
    App, HttpServer,
    dev::{Server, ServiceResponse},
    middleware::from_fn,
    rt::net::TcpStream,
    web,
};
use tracing_actix_web::{DefaultRootSpanBuilder, Level, RootSpanBuilder, TracingLogger};

use crate::{
    access::{self, Listener},
    body,
    certificates::Shown,
    head,
    listener::Socket,
    metrics::Metrics,
    problem::{self, Code, Codes},
    tls::Tls,
    trace::Trace,
    workers::Workers,
};

/// How long the kernel lets a peer leave our data unread before it ends the connection. The actor
/// of a stalled page is not polled and cannot end it.
const STALLED: Duration = Duration::from_secs(20);

/// Settings of an HTTP listener.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    pub workers: usize,
    pub keep_alive: Duration,
    /// Time limit for the head of a request, and again for its body.
    pub request: Duration,
    /// Connections at a time on this listener, so that it leaves file descriptors for other ports.
    pub connections: usize,
}

/// Who serves the listener, and what observes it.
pub struct Watch {
    pub metrics: Metrics,
    pub workers: Workers,
}

/// The span of a request: its ids, method, route and status, but no query, body, names or
/// addresses.
pub struct Spans;

impl RootSpanBuilder for Spans {
    fn on_request_start(request: &actix_web::dev::ServiceRequest) -> tracing::Span {
        let id = actix_web::HttpMessage::extensions(request)
            .get::<tracing_actix_web::RequestId>()
            .map(ToString::to_string)
            .unwrap_or_default();
        let trace = Trace::begin(request);
        let route = request.match_pattern().unwrap_or_default();
        tracing::span!(Level::INFO, "request", http.method = %request.method(), http.route = %route,
            http.status_code = tracing::field::Empty, request_id = %id, trace_id = %trace.id,
                otel.status_code = tracing::field::Empty, exception.message = tracing::field::Empty,
                    exception.details = tracing::field::Empty)
    }
    fn on_request_end<B: actix_web::body::MessageBody>(
        span: tracing::Span,
        outcome: &Result<ServiceResponse<B>, actix_web::Error>,
    ) {
        DefaultRootSpanBuilder::on_request_end(span, outcome);
    }
}

/// Serves `routes` on these sockets, over TLS if `tls` is given; unix sockets never use TLS.
/// `codes` are the problem codes of the service.
///
/// # Errors
/// When a socket cannot be used.
pub fn serve<F>(
    sockets: Vec<Socket>,
    kind: Listener,
    codes: &'static [Code],
    tls: Option<&Tls>,
    settings: Settings,
    watch: Watch,
    routes: F,
) -> std::io::Result<Server>
where
    F: Fn(&mut web::ServiceConfig) + Clone + Send + 'static,
{
    let Watch { metrics, workers } = watch;
    let server = HttpServer::new(move || {
        App::new()
            .app_data(workers.start())
            .wrap(from_fn(body::whole))
            .wrap(from_fn(problem::render))
            .wrap(from_fn(head::answer))
            .wrap(TracingLogger::<Spans>::new())
            .wrap(from_fn(access::note))
            .app_data(kind)
            .app_data(Codes(codes))
            .app_data(web::Data::new(body::Patience(settings.request)))
            .app_data(web::Data::new(metrics.clone()))
            .app_data(problem::json_config())
            .app_data(web::PayloadConfig::new(countersign_api::limits::BODY))
            .app_data(problem::query_config())
            .app_data(problem::path_config())
            .configure(routes.clone())
            .default_service(web::to(problem::no_such_endpoint))
    })
    .workers(settings.workers)
    .max_connections(settings.connections.div_ceil(settings.workers))
    .keep_alive(settings.keep_alive)
    .client_request_timeout(settings.request)
    .shutdown_timeout(1)
    .disable_signals()
    .on_connect(|io, data| {
        if let Some(certificate) =
            io.downcast_ref::<TlsStream<TcpStream>>().and_then(|tls| Shown::by(tls.ssl()))
        {
            data.insert(certificate);
        }
        let tcp = io
            .downcast_ref::<TcpStream>()
            .or_else(|| io.downcast_ref::<TlsStream<TcpStream>>().map(|tls| tls.get_ref()));
        if let Some(stream) = tcp {
            let _best_effort = (
                stream.set_nodelay(true),
                socket2::SockRef::from(stream).set_tcp_user_timeout(Some(STALLED)),
            );
        }
    });
    let listen = |server: HttpServer<_, _, _, _>, socket| match (socket, tls) {
        (Socket::Tcp(listener), None) => server.listen(listener),
        (Socket::Tcp(listener), Some(tls)) => {
            server.listen_openssl(listener, tls.acceptor().map_err(std::io::Error::other)?)
        }
        (Socket::Unix(listener), _) => server.listen_uds(listener),
    };
    Ok(sockets.into_iter().try_fold(server, listen)?.run())
}
