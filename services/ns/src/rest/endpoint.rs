//! One endpoint: what it serves, what it needs, and what is said of it. Routes and OpenAPI come from the same table, so neither can know what the other does not.

use actix_web::{Resource, Route, http::Method, web};
use countersign_edge::{
    auth::{Needs, PathNeeds},
    problem::{Deprecation, PathDeprecations, method_not_allowed},
};
use schemars::{JsonSchema, Schema, SchemaGenerator};

pub(crate) type MakeSchema = fn(&mut SchemaGenerator) -> Schema;

/// What an endpoint answers when it does what is asked.
#[derive(Clone, Copy)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) schema: Option<MakeSchema>,
}

/// One endpoint.
#[derive(Clone)]
pub(crate) struct Endpoint {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    /// The name generated clients call it by.
    pub(crate) id: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) needs: Needs,
    pub(crate) query: Option<MakeSchema>,
    /// The body, and whether it is required.
    pub(crate) body: Option<(MakeSchema, bool)>,
    pub(crate) answer: Answer,
    /// Problem codes beyond those that every endpoint knows.
    pub(crate) refusals: &'static [&'static str],
    /// Takes an Idempotency-Key.
    pub(crate) keyed: bool,
    pub(crate) deprecated: Option<Deprecation>,
    route: fn() -> Route,
}

/// An endpoint that answers 204 until it says what else.
pub(crate) fn endpoint(method: Method, path: &'static str, id: &'static str, route: fn() -> Route) -> Endpoint {
    Endpoint {
        method,
        path,
        id,
        summary: "",
        needs: Needs::Key,
        query: None,
        body: None,
        answer: Answer { status: 204, content_type: "", schema: None },
        refusals: &[],
        keyed: false,
        deprecated: None,
        route,
    }
}

impl Endpoint {
    pub(crate) fn says(mut self, summary: &'static str) -> Self {
        self.summary = summary;
        self
    }

    pub(crate) fn needs(mut self, needs: Needs) -> Self {
        self.needs = needs;
        self
    }

    pub(crate) fn asks<Q: JsonSchema>(mut self) -> Self {
        self.query = Some(Q::json_schema);
        self
    }

    pub(crate) fn takes<B: JsonSchema>(mut self) -> Self {
        self.body = Some((|g| g.subschema_for::<B>(), true));
        self
    }

    pub(crate) fn may_take<B: JsonSchema>(mut self) -> Self {
        self.body = Some((|g| g.subschema_for::<B>(), false));
        self
    }

    pub(crate) fn gives<A: JsonSchema>(self, status: u16) -> Self {
        self.streams::<A>(status, "application/json")
    }

    pub(crate) fn streams<A: JsonSchema>(mut self, status: u16, content_type: &'static str) -> Self {
        self.answer = Answer { status, content_type, schema: Some(|g| g.subschema_for::<A>()) };
        self
    }

    pub(crate) fn refuses(mut self, codes: &'static [&'static str]) -> Self {
        self.refusals = codes;
        self
    }

    pub(crate) fn keyed(mut self) -> Self {
        self.keyed = true;
        self
    }

    /// Told in the headers of every answer (RFC 9745, RFC 8594) and in the description.
    #[cfg_attr(not(test), expect(dead_code, reason = "nothing is deprecated yet; a test shows what it does"))]
    pub(crate) fn deprecated(mut self, deprecation: Deprecation) -> Self {
        self.deprecated = Some(deprecation);
        self
    }
}

/// Serves the table: one resource a path, any other method a problem.
pub(crate) fn serve(config: &mut web::ServiceConfig, table: &[Endpoint]) {
    let mut paths: Vec<&str> = table.iter().map(|e| e.path).collect();
    paths.dedup();
    for path in paths {
        let of_path = || table.iter().filter(move |e| e.path == path);
        let needs = of_path().map(|e| (e.method.clone(), e.needs)).collect();
        let deprecated = of_path().filter_map(|e| Some((e.method.clone(), e.deprecated?))).collect();
        let resource: Resource = of_path().fold(web::resource(path), |r, e| r.route((e.route)().method(e.method.clone())));
        config.service(
            resource.app_data(PathNeeds(needs)).app_data(PathDeprecations(deprecated)).default_service(web::to(method_not_allowed)),
        );
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use actix_web::{App, HttpResponse, http::StatusCode, middleware::from_fn, test};
    use countersign_edge::problem;

    use super::*;

    #[actix_web::test]
    async fn a_deprecated_endpoint_says_since_when_and_until_when_and_the_others_say_nothing() {
        let route = || web::route().to(HttpResponse::Ok);
        let old = Deprecation { since: 1_790_000_000, sunset: 1_800_000_000, instead: "/v2/new" };
        let table = [
            endpoint(Method::GET, "/old", "old", route).deprecated(old),
            endpoint(Method::POST, "/old", "make", route),
            endpoint(Method::GET, "/new", "new", route),
        ];
        let app = test::init_service(App::new().wrap(from_fn(problem::render)).configure(|c| serve(c, &table))).await;
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
