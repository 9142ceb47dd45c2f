//! One endpoint: its route, what it requires of the caller, and its documentation. Routes and
//! OpenAPI are generated from the same table, so they cannot differ.

use std::future::Future;

use actix_web::{
    Error, HttpRequest, Resource, Route,
    body::BoxBody,
    dev::{ServiceRequest, ServiceResponse},
    http::Method,
    middleware::{Next, from_fn},
    web,
};
use schemars::{JsonSchema, Schema, SchemaGenerator};

use crate::problem::{ApiProblem, Deprecation, PathDeprecations, PathMethods, method_not_allowed};

/// Generates a schema together with the definitions it refers to.
pub type MakeSchema = fn(&mut SchemaGenerator) -> Schema;

/// What a caller must be allowed to do to use an endpoint. Each service has its own.
pub trait Need: Copy + 'static {
    /// Describes the requirement in a sentence for the documentation.
    fn describe(self) -> String;

    /// Checks a request before its handler runs. What the handler may know of the caller is put
    /// into the extensions of the request.
    ///
    /// # Errors
    /// The response to send instead of running the handler.
    fn check(self, request: &HttpRequest) -> impl Future<Output = Result<(), ApiProblem>>;
}

/// What an endpoint answers on success.
#[derive(Clone, Copy)]
pub struct Answer {
    pub status: u16,
    pub content_type: &'static str,
    pub schema: Option<MakeSchema>,
}

/// One endpoint.
#[derive(Clone)]
pub struct Endpoint<N> {
    pub method: Method,
    pub path: &'static str,
    /// The operation id, which names the method in generated clients.
    pub id: &'static str,
    pub summary: &'static str,
    pub needs: N,
    pub query: Option<MakeSchema>,
    /// The body, and whether it is required.
    pub body: Option<(MakeSchema, bool)>,
    pub answer: Answer,
    /// Problem codes beyond those that every endpoint may return.
    pub refusals: &'static [&'static str],
    /// Whether the endpoint accepts an Idempotency-Key.
    pub keyed: bool,
    pub deprecated: Option<Deprecation>,
    route: fn() -> Route,
}

/// Creates an endpoint that answers 204 unless another answer is set. Its need is checked before
/// the handler of `route` runs.
pub fn endpoint<N: Need>(
    method: Method,
    path: &'static str,
    id: &'static str,
    needs: N,
    route: fn() -> Route,
) -> Endpoint<N> {
    Endpoint {
        method,
        path,
        id,
        summary: "",
        needs,
        query: None,
        body: None,
        answer: Answer { status: 204, content_type: "", schema: None },
        refusals: &[],
        keyed: false,
        deprecated: None,
        route,
    }
}

impl<N: Need> Endpoint<N> {
    /// Sets the summary: one sentence that says what the endpoint does.
    #[must_use]
    pub fn says(mut self, summary: &'static str) -> Self {
        self.summary = summary;
        self
    }

    /// Sets the query parameters.
    #[must_use]
    pub fn asks<Q: JsonSchema>(mut self) -> Self {
        self.query = Some(Q::json_schema);
        self
    }

    /// Sets a required body.
    #[must_use]
    pub fn takes<B: JsonSchema>(mut self) -> Self {
        self.body = Some((|g| g.subschema_for::<B>(), true));
        self
    }

    /// Sets an optional body.
    #[must_use]
    pub fn may_take<B: JsonSchema>(mut self) -> Self {
        self.body = Some((|g| g.subschema_for::<B>(), false));
        self
    }

    /// Sets a JSON answer.
    #[must_use]
    pub fn gives<A: JsonSchema>(self, status: u16) -> Self {
        self.streams::<A>(status, "application/json")
    }

    /// Sets an answer that is streamed in items of this type.
    #[must_use]
    pub fn streams<A: JsonSchema>(mut self, status: u16, content_type: &'static str) -> Self {
        self.answer = Answer { status, content_type, schema: Some(|g| g.subschema_for::<A>()) };
        self
    }

    /// Sets the endpoint's own problem codes.
    #[must_use]
    pub fn refuses(mut self, codes: &'static [&'static str]) -> Self {
        self.refusals = codes;
        self
    }

    /// Accepts an Idempotency-Key.
    #[must_use]
    pub fn keyed(mut self) -> Self {
        self.keyed = true;
        self
    }

    /// Marks the endpoint as deprecated, in the headers of every response (RFC 9745, RFC 8594) and
    /// in its description.
    #[must_use]
    pub fn deprecated(mut self, deprecation: Deprecation) -> Self {
        self.deprecated = Some(deprecation);
        self
    }

    /// Returns the route behind a layer that checks the need, so that the handler never runs before
    /// the check, whatever its extractors are.
    fn guarded(&self) -> Route {
        let needs = self.needs;
        let layer = move |request: ServiceRequest, next: Next<BoxBody>| guard(needs, request, next);
        (self.route)().method(self.method.clone()).wrap(from_fn(layer))
    }
}

async fn guard<N: Need>(
    needs: N,
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    match needs.check(request.request()).await {
        Ok(()) => next.call(request).await,
        Err(problem) => Ok(request.error_response(problem)),
    }
}

/// Serves the table: one resource per path; any method the path lacks gets a problem.
pub fn serve<N: Need>(config: &mut web::ServiceConfig, table: &[Endpoint<N>]) {
    let mut paths: Vec<&str> = table.iter().map(|e| e.path).collect();
    paths.dedup();
    for path in paths {
        let of_path = || table.iter().filter(move |e| e.path == path);
        let methods = of_path().map(|e| e.method.clone()).collect();
        let deprecated = of_path().filter_map(|e| Some((e.method.clone(), e.deprecated?))).collect();
        let resource: Resource = of_path().fold(web::resource(path), |r, e| r.route(e.guarded()));
        let resource = resource.app_data(PathMethods(methods)).app_data(PathDeprecations(deprecated));
        config.service(resource.default_service(web::to(method_not_allowed)));
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::problem;
    use actix_web::{App, HttpResponse, http::StatusCode, middleware::from_fn, test};

    /// A need that everybody or nobody fulfils.
    #[derive(Clone, Copy)]
    enum Test {
        Everybody,
        Nobody,
    }

    impl Need for Test {
        fn describe(self) -> String {
            String::new()
        }

        async fn check(self, _: &HttpRequest) -> Result<(), ApiProblem> {
            if let Self::Everybody = self { Ok(()) } else { Err(ApiProblem::forbidden()) }
        }
    }

    #[actix_web::test]
    async fn a_handler_does_not_run_before_its_need_is_checked_whatever_it_takes() {
        let route = || web::route().to(|| async { HttpResponse::Ok().body("ran") });
        let table = [
            endpoint(Method::GET, "/it", "get", Test::Everybody, route),
            endpoint(Method::POST, "/it", "post", Test::Nobody, route),
        ];
        let layers = App::new().wrap(from_fn(problem::render));
        let app = test::init_service(layers.configure(|c| serve(c, &table))).await;
        let answer = test::call_service(&app, test::TestRequest::get().uri("/it").to_request()).await;
        assert_eq!(answer.status(), StatusCode::OK);
        let answer = test::call_service(&app, test::TestRequest::post().uri("/it").to_request()).await;
        assert_eq!(answer.status(), StatusCode::FORBIDDEN);
        let body = test::read_body(answer).await;
        assert!(body.starts_with(b"{\"type\":\"/problems/forbidden\""), "{body:?}");
    }

    #[actix_web::test]
    async fn a_deprecated_endpoint_says_since_when_and_until_when_and_the_others_say_nothing() {
        let route = || web::route().to(HttpResponse::Ok);
        let old = Deprecation { since: 1_790_000_000, sunset: 1_800_000_000, instead: "/v2/new" };
        let table = [
            endpoint(Method::GET, "/old", "old", Test::Everybody, route).deprecated(old),
            endpoint(Method::POST, "/old", "make", Test::Everybody, route),
            endpoint(Method::GET, "/new", "new", Test::Everybody, route),
        ];
        let app =
            test::init_service(App::new().wrap(from_fn(problem::render)).configure(|c| serve(c, &table)))
                .await;
        let answer = test::call_service(&app, test::TestRequest::get().uri("/old").to_request()).await;
        let header = |name: &str| answer.headers().get(name).unwrap().to_str().unwrap().to_owned();
        assert_eq!(header("deprecation"), "@1790000000");
        assert_eq!(header("sunset"), "Fri, 15 Jan 2027 08:00:00 GMT");
        assert_eq!(header("link"), "</v2/new>; rel=\"successor-version\"");
        for request in [test::TestRequest::post().uri("/old"), test::TestRequest::get().uri("/new")] {
            let answer = test::call_service(&app, request.to_request()).await;
            assert_eq!((answer.status(), answer.headers().get("deprecation")), (StatusCode::OK, None));
        }
        let answer = test::call_service(&app, test::TestRequest::put().uri("/old").to_request()).await;
        assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
    }
}
