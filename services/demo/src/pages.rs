//! The single page and its files, from `web/` at the top of the repository.

use actix_web::{HttpResponse, http::header::ContentType, web};

use crate::{Demo, Settings};

const INDEX: &str = include_str!("../../../web/demo/index.html");
const STYLE: &str = include_str!("../../../web/demo/demo.css");
const SCRIPT: &str = include_str!("../../../web/demo/demo.js");
const QR: &str = include_str!("../../../web/vendor/uqr.mjs");

/// The page and its policy, with their placeholders filled in once.
pub(crate) struct Pages {
    index: String,
    /// The `Content-Security-Policy` header of every response.
    pub(crate) policy: String,
}

impl Pages {
    /// Creates the page.
    pub(crate) fn new(settings: &Settings) -> Self {
        let page_origin = settings.page_origin.trim_end_matches('/');
        let sfs = settings.sfs.as_deref().unwrap_or_default();
        // http becomes ws, https becomes wss. Both origins are allowed, because the element falls
        // back to plain HTTP.
        let socket = page_origin.replacen("http", "ws", 1);
        let policy = format!(
            "default-src 'self'; script-src 'self' {page_origin}; connect-src 'self' {socket} \
                {page_origin}; style-src 'self'; img-src 'self' data:; \
             object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
        );
        let element = attribute(&format!("{page_origin}/countersign-login.js"));
        Self {
            index: INDEX
                .replace("{{element_url}}", &element)
                .replace("{{phone_command}}", &attribute(&settings.phone_command))
                .replace("{{sfs}}", &attribute(sfs)),
            policy,
        }
    }
}

/// Escapes a text for an HTML attribute in double quotes.
fn attribute(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;")
}

pub(crate) fn routes(app: &mut web::ServiceConfig) {
    app.route("/", web::get().to(index))
        .route("/demo.css", web::get().to(|| file("text/css; charset=utf-8", STYLE)))
        .route("/demo.js", web::get().to(|| file("text/javascript; charset=utf-8", SCRIPT)))
        .route("/vendor/uqr.mjs", web::get().to(|| file("text/javascript; charset=utf-8", QR)));
}

async fn index(demo: web::Data<Demo>) -> HttpResponse {
    HttpResponse::Ok().content_type(ContentType::html()).body(demo.pages.index.clone())
}

async fn file(kind: &'static str, text: &'static str) -> HttpResponse {
    HttpResponse::Ok().content_type(kind).body(text)
}

#[cfg(test)]
mod tests {
    use super::{Pages, attribute};
    use crate::Settings;

    #[test]
    fn the_page_names_the_element_and_the_policy_names_both_origins() {
        let pages = Pages::new(&Settings {
            rest: String::new(),
            api_key: String::new(),
            realm: String::new(),
            page_origin: "https://login.example:9999/".to_owned(),
            own_origin: String::new(),
            phone_command: "countersign-phone".to_owned(),
            sfs: None,
        });
        assert!(pages.index.contains(r#"content="https://login.example:9999/countersign-login.js""#));
        assert!(!pages.index.contains("{{"));
        assert!(pages.policy.contains("script-src 'self' https://login.example:9999;"));
        assert!(
            pages.policy.contains("connect-src 'self' wss://login.example:9999 https://login.example:9999;")
        );
        assert!(pages.policy.contains("frame-ancestors 'none'"));
    }

    #[test]
    fn attributes_stay_inside_their_quotes() {
        assert_eq!(attribute(r#"a"><b>&"#), "a&quot;>&lt;b>&amp;");
    }
}
