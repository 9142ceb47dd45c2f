//! A typed client of the REST API. It has one method per endpoint, and the first line of the
//! method's documentation names the endpoint.

mod admin;
mod logins;
mod people;

use std::time::Duration;

use reqwest::{Method, RequestBuilder, StatusCode};
use serde::{Serialize, de::DeserializeOwned};

use crate::{List, Problem, limits};

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The server refused the request; the problem says why.
    #[error("{0}")]
    Refused(Box<Problem>),
    /// The server could not be reached, or its answer could not be read.
    #[error("the REST API did not answer: {why}", why = causes(.0))]
    Unreachable(#[from] reqwest::Error),
    /// An error status without a problem body.
    #[error("the REST API answered {0}")]
    Status(StatusCode),
}

/// An error with its causes. That of the HTTP client alone says only that sending failed.
fn causes(e: &reqwest::Error) -> String {
    let mut all = vec![e.to_string()];
    let mut next = std::error::Error::source(e);
    while let Some(cause) = next {
        let text = cause.to_string();
        if all.last().is_none_or(|last| !last.contains(&text)) {
            all.push(text);
        }
        next = cause.source();
    }
    all.join(": ")
}

impl ApiError {
    /// The stable problem code, when the server gave one.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused(problem) => Some(&problem.code),
            _ => None,
        }
    }
}

/// A client for one base URL and one API key.
#[derive(Clone)]
pub struct ApiClient {
    http: reqwest::Client,
    base: String,
    key: String,
    /// Sent as `Idempotency-Key`.
    request_key: Option<String>,
    /// Sent as `Countersign-Client`.
    acting_for: Option<String>,
}

type Answer<T> = Result<T, ApiError>;

impl ApiClient {
    /// Creates a client. `base` is like `http://127.0.0.1:8080`, `key` like `cs_…`.
    ///
    /// # Errors
    /// When the HTTP client cannot start.
    pub fn new(base: &str, key: &str) -> Answer<Self> {
        Self::with(reqwest::Client::builder(), base, key)
    }

    /// Creates a client that trusts only servers whose certificate one of these CAs issued (PEM).
    ///
    /// # Errors
    /// When the certificates cannot be read, or the HTTP client cannot start.
    pub fn trusting(base: &str, key: &str, ca: &[u8]) -> Answer<Self> {
        Self::with(
            reqwest::Client::builder().tls_certs_only(reqwest::Certificate::from_pem_bundle(ca)?),
            base,
            key,
        )
    }

    fn with(http: reqwest::ClientBuilder, base: &str, key: &str) -> Answer<Self> {
        let http = http.timeout(Duration::from_secs(limits::WAIT + 15)).no_proxy().build()?;
        Ok(Self {
            http,
            base: base.trim_end_matches('/').to_owned(),
            key: key.to_owned(),
            request_key: None,
            acting_for: None,
        })
    }

    /// Creates a client that shows a certificate instead of a key. `identity` is PEM: the
    /// certificate and its private key. `ca` is as in [`ApiClient::trusting`].
    ///
    /// # Errors
    /// When the texts do not contain what they should, or the HTTP client cannot start.
    pub fn showing(base: &str, identity: &[u8], ca: &[u8]) -> Answer<Self> {
        let http = reqwest::Client::builder().tls_certs_only(reqwest::Certificate::from_pem_bundle(ca)?);
        Self::with(http.identity(reqwest::Identity::from_pem(identity)?), base, "")
    }

    /// A client for the same server with another key.
    #[must_use]
    pub fn with_key(&self, key: &str) -> Self {
        Self { key: key.to_owned(), ..self.clone() }
    }

    /// A client for another pod of the same server, or for the same server under another name.
    #[must_use]
    pub fn at(&self, base: &str) -> Self {
        Self { base: base.trim_end_matches('/').to_owned(), ..self.clone() }
    }

    /// A client whose requests carry this `Idempotency-Key`: repeating a request has no further
    /// effect and gets the same answer.
    #[must_use]
    pub fn once(&self, request_key: &str) -> Self {
        Self { request_key: Some(request_key.to_owned()), ..self.clone() }
    }

    /// A client whose requests act for the client of this name; needs the permission
    /// `act_for_client`.
    #[must_use]
    pub fn acting_for(&self, client: &str) -> Self {
        Self { acting_for: Some(client.to_owned()), ..self.clone() }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if !self.key.is_empty() {
            request = request.bearer_auth(&self.key);
        }
        for (name, value) in
            [("idempotency-key", &self.request_key), ("countersign-client", &self.acting_for)]
        {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        request
    }

    async fn answer<T: DeserializeOwned>(request: RequestBuilder) -> Answer<T> {
        Ok(Self::accepted(request).await?.json().await?)
    }

    async fn accepted(request: RequestBuilder) -> Answer<reqwest::Response> {
        let response = request.send().await?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        match response.json::<Problem>().await {
            Ok(problem) => Err(ApiError::Refused(Box::new(problem))),
            Err(_) => Err(ApiError::Status(status)),
        }
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Answer<T> {
        Self::answer(self.request(Method::GET, path)).await
    }

    async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Answer<T> {
        Self::answer(self.request(Method::POST, path).json(body)).await
    }

    async fn put<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Answer<T> {
        Self::answer(self.request(Method::PUT, path).json(body)).await
    }

    async fn patch<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Answer<T> {
        Self::answer(self.request(Method::PATCH, path).json(body)).await
    }

    async fn search<T: DeserializeOwned>(&self, path: &str, query: &impl Serialize) -> Answer<List<T>> {
        Self::answer(self.request(Method::GET, path).query(query)).await
    }

    async fn delete(&self, path: &str) -> Answer<()> {
        Self::accepted(self.request(Method::DELETE, path)).await.map(drop)
    }

    async fn act<T: DeserializeOwned>(&self, path: &str) -> Answer<T> {
        Self::answer(self.request(Method::POST, path)).await
    }
}

/// Percent-encodes a text as one segment of a path (RFC 3986 §2.1).
#[must_use]
pub fn segment(text: &str) -> String {
    let keep = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    text.bytes().map(|b| if keep(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_endpoint_of_the_description_has_its_method_here() {
        let doc: serde_json::Value =
            serde_json::from_str(include_str!("../../../../docs/openapi.json")).expect("JSON");
        let here = [include_str!("admin.rs"), include_str!("people.rs"), include_str!("logins.rs")].concat();
        for (path, item) in doc["paths"].as_object().expect("paths") {
            for method in item.as_object().expect("methods").keys() {
                let named = format!("/// `{} {path}`", method.to_uppercase());
                assert!(here.contains(&named), "{named} is missing");
            }
        }
    }
}
