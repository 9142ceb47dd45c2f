//! Errors as RFC 9457 problem details. Handlers return [`ApiProblem`]; one middleware writes the
//! body, so that every error carries its request id.

mod codes;

use std::{borrow::Cow, fmt};

use actix_web::{
    HttpMessage, HttpRequest, HttpResponse, Resource, ResponseError, Route,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{Method, StatusCode, header},
    middleware::Next,
    web,
};
use countersign_api::{FieldError, Problem};
use countersign_ports::refusal::{Kind, Refusal, Refuse};
use tracing_actix_web::RequestId;

pub use codes::{Code, Codes, GENERAL, code, with};

use crate::trace::{TRACERESPONSE, Trace};

/// An error response: why a request is not answered as asked.
#[derive(Clone, Debug)]
pub struct ApiProblem {
    pub status: StatusCode,
    pub code: &'static str,
    pub detail: Option<String>,
    pub errors: Vec<FieldError>,
    pub retry_after: Option<u64>,
    /// The limit that was exceeded.
    pub limit: Option<&'static str>,
    /// The id of the object that the problem is about, when the caller does not know it.
    pub object: Option<Box<str>>,
}

impl ApiProblem {
    /// Creates a problem with a stable code.
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str) -> Self {
        let (detail, errors, retry_after, limit, object) = (None, Vec::new(), None, None, None);
        Self { status, code, detail, errors, retry_after, limit, object }
    }

    /// Adds a sentence for people.
    #[must_use]
    pub fn because(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// 422: this member of the request has a value that is not allowed.
    #[must_use]
    pub fn invalid(pointer: &str, detail: impl Into<String>) -> Self {
        let mut problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid");
        problem.errors.push(FieldError { pointer: pointer.to_owned(), detail: detail.into() });
        problem
    }

    /// 404, for an object that does not exist or does not belong to the caller.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found")
    }

    /// 400, for a request that cannot be parsed.
    #[must_use]
    pub fn malformed() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed")
    }

    /// 500, for a bug in the server.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal")
    }

    /// 403: the key's role does not allow this.
    #[must_use]
    pub fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden").because("the API key's role does not allow this")
    }

    /// 401.
    #[must_use]
    pub fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized")
            .because("send a valid API key: Authorization: Bearer cs_…")
    }
}

/// Renders a refusal of the domain for HTTP.
impl<T: Refuse> From<T> for ApiProblem {
    fn from(refused: T) -> Self {
        let Refusal { kind, code, detail, limit, object, retry_after, log } = refused.refusal();
        match (log, kind) {
            (Some(why), Kind::Internal) => {
                tracing::error!(%why, "a request met inconsistent data in storage")
            }
            (Some(why), _) => tracing::warn!(%why, "a request could not be served"),
            (None, _) => {}
        }
        let status = match kind {
            Kind::Forbidden => StatusCode::FORBIDDEN,
            Kind::NotFound => StatusCode::NOT_FOUND,
            Kind::Conflict => StatusCode::CONFLICT,
            Kind::Gone => StatusCode::GONE,
            Kind::Unprocessable => StatusCode::UNPROCESSABLE_ENTITY,
            Kind::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let (detail, object) = (detail.map(Cow::into_owned), object.map(Into::into));
        Self { detail, limit, object, retry_after, ..Self::new(status, code) }
    }
}

impl fmt::Display for ApiProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code)
    }
}

impl ResponseError for ApiProblem {
    fn status_code(&self) -> StatusCode {
        self.status
    }
    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::new(self.status);
        response.extensions_mut().insert(self.clone());
        response
    }
}

/// A deprecated endpoint.
#[derive(Clone, Copy, Debug)]
pub struct Deprecation {
    /// When it became deprecated, in seconds since 1970.
    pub since: i64,
    /// When it stops working, in seconds since 1970.
    pub sunset: i64,
    /// What to use instead.
    pub instead: &'static str,
}

/// The methods of one path, as data of its resource.
#[derive(Clone, Debug, Default)]
pub struct PathMethods(pub Vec<Method>);

/// The deprecated methods of one path, as data of its resource.
#[derive(Clone, Debug, Default)]
pub struct PathDeprecations(pub Vec<(Method, Deprecation)>);

/// Adds the headers of RFC 9745, RFC 8594 and RFC 8288 to the response of a deprecated endpoint.
fn say_deprecated(request: &HttpRequest, headers: &mut header::HeaderMap) {
    let all = request.app_data::<PathDeprecations>();
    let Some((_, d)) = all.and_then(|all| all.0.iter().find(|(method, _)| method == request.method())) else {
        return;
    };
    let sunset = u64::try_from(d.sunset).unwrap_or(0);
    let date = header::HttpDate::from(std::time::UNIX_EPOCH + std::time::Duration::from_secs(sunset));
    let said = [
        ("deprecation", format!("@{}", d.since)),
        ("sunset", date.to_string()),
        ("link", format!("<{}>; rel=\"successor-version\"", d.instead)),
    ];
    for (name, value) in said {
        if let Ok(value) = header::HeaderValue::from_str(&value) {
            headers.insert(header::HeaderName::from_static(name), value);
        }
    }
}

/// Adds the request id and the trace to every response, and the body to every error.
///
/// # Errors
/// None of its own.
pub async fn render(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let id = request.extensions().get::<RequestId>().map(ToString::to_string).unwrap_or_default();
    let trace = request.extensions().get::<Trace>().copied();
    let (request, mut response) = match next.call(request).await {
        Ok(response) => {
            let (request, response) = response.into_parts();
            (request, response.map_into_boxed_body())
        }
        Err(error) => return Err(error),
    };
    if let Ok(value) = header::HeaderValue::from_str(&id) {
        response.headers_mut().insert(header::HeaderName::from_static("x-request-id"), value);
    }
    if let Some(value) = trace.and_then(|trace| header::HeaderValue::from_str(&trace.to_string()).ok()) {
        response.headers_mut().insert(header::HeaderName::from_static(TRACERESPONSE), value);
    }
    say_deprecated(&request, response.headers_mut());
    tracing::debug!(status = response.status().as_u16(), "answered");
    let problem = response.extensions_mut().remove::<ApiProblem>();
    let problem = problem.or_else(|| foreign(&response));
    if let Some(problem) = problem {
        let retry = problem.retry_after;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/problem+json"));
        if let Some(secs) = retry {
            headers.insert(header::RETRY_AFTER, secs.into());
        }
        if problem.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
        }
        let methods = allowed(&request).filter(|_| problem.status == StatusCode::METHOD_NOT_ALLOWED);
        if let Some(Ok(methods)) = methods.as_deref().map(header::HeaderValue::from_str) {
            headers.insert(header::ALLOW, methods);
        }
        let body =
            serde_json::to_vec(&body(problem, id, request.app_data::<Codes>().map_or(&[], |codes| codes.0)))
                .unwrap_or_default();
        response = response.set_body(BoxBody::new(body));
    }
    Ok(ServiceResponse::new(request, response))
}

/// Makes a problem of an error that the framework produced, so that it gets a body like every
/// other.
fn foreign(response: &HttpResponse) -> Option<ApiProblem> {
    let status = response.status();
    let bare =
        response.headers().get(header::CONTENT_TYPE).is_none_or(|t| t.as_bytes().starts_with(b"text/plain"));
    let code = match status {
        StatusCode::PAYLOAD_TOO_LARGE => "too_large",
        _ if status.is_client_error() => "malformed",
        _ => "internal",
    };
    (bare && (status.is_client_error() || status.is_server_error())).then(|| ApiProblem::new(status, code))
}

/// Builds the body. `codes` are those of the service, beside the general ones.
fn body(problem: ApiProblem, id: String, codes: &[Code]) -> Problem {
    // A caller that shows `detail` to a person always gets one.
    let known = GENERAL.iter().chain(codes).find(|c| c.code == problem.code && problem.errors.is_empty());
    Problem {
        kind: format!("/problems/{}", problem.code),
        title: problem.status.canonical_reason().unwrap_or("Error").to_owned(),
        status: problem.status.as_u16(),
        code: problem.code.to_owned(),
        detail: problem.detail.or_else(|| known.map(|c| c.when.to_owned())),
        request_id: Some(id).filter(|id| !id.is_empty()),
        errors: problem.errors,
        limit: problem.limit.map(str::to_owned),
        object: problem.object.map(Into::into),
        retry_after: problem.retry_after,
    }
}

/// The response where no route matches.
pub async fn no_such_endpoint() -> Result<HttpResponse, ApiProblem> {
    Err(ApiProblem::new(StatusCode::NOT_FOUND, "no_such_endpoint"))
}

/// A path outside of the endpoint table that takes one method.
#[must_use]
pub fn only(path: &str, method: Method, route: Route) -> Resource {
    web::resource(path)
        .app_data(PathMethods(vec![method.clone()]))
        .route(route.method(method))
        .default_service(web::to(method_not_allowed))
}

/// The methods of a path, as `Allow` lists them. `HEAD` is wherever `GET` is.
fn allowed(request: &HttpRequest) -> Option<String> {
    let all = &request.app_data::<PathMethods>()?.0;
    let head = all.contains(&Method::GET).then_some(Method::HEAD);
    Some(all.iter().chain(&head).map(Method::as_str).collect::<Vec<_>>().join(", "))
}

/// The response where a path lacks the method. It gets the methods that the path has (RFC 9110,
/// section 15.5.6).
pub async fn method_not_allowed() -> Result<HttpResponse, ApiProblem> {
    Err(ApiProblem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"))
}

/// How JSON bodies are read: with a size limit, and every failure becomes a problem.
#[must_use]
pub fn json_config() -> web::JsonConfig {
    use actix_web::error::{JsonPayloadError as E, PayloadError};
    web::JsonConfig::default().limit(countersign_api::limits::BODY).content_type_required(true).error_handler(
        |error, _| {
            match error {
                E::Overflow { .. } | E::OverflowKnownLength { .. } => {
                    ApiProblem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large")
                }
                E::ContentType => {
                    ApiProblem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type")
                        .because("send Content-Type: application/json")
                }
                E::Deserialize(e) => {
                    ApiProblem::new(StatusCode::BAD_REQUEST, "malformed").because(e.to_string())
                }
                // The body exceeded the limit before the JSON was parsed (`body::whole`).
                E::Payload(PayloadError::Overflow) => {
                    ApiProblem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large")
                }
                E::Payload(e) => {
                    ApiProblem::new(StatusCode::BAD_REQUEST, "malformed").because(format!("the body: {e}"))
                }
                _ => ApiProblem::new(StatusCode::BAD_REQUEST, "malformed"),
            }
            .into()
        },
    )
}

/// How query strings are read.
#[must_use]
pub fn query_config() -> web::QueryConfig {
    web::QueryConfig::default().error_handler(|error, _| {
        ApiProblem::new(StatusCode::BAD_REQUEST, "malformed").because(error.to_string()).into()
    })
}

/// How path segments are read.
#[must_use]
pub fn path_config() -> web::PathConfig {
    web::PathConfig::default().error_handler(|_, _| ApiProblem::not_found().into())
}
