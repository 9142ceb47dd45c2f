//! The browser's side of a login, without a browser.

use std::time::Duration;

use countersign_api::{Login, LoginState};
use countersign_sim::{online::reach, tls::Stream};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, client::IntoClientRequest, http::HeaderValue},
};

/// A connection to the page socket.
pub struct Page {
    ws: WebSocketStream<Stream>,
}

const PATIENCE: Duration = Duration::from_secs(20);

impl Page {
    pub async fn open(login: &Login) -> Self {
        Self::dial(login.page_url.as_ref().unwrap(), login.page_token.as_ref().unwrap(), 0, None).await
    }

    pub async fn dial(url: &str, token: &str, after: u64, origin: Option<&str>) -> Self {
        let mut page = Self::silent(url, origin).await;
        page.say(&json!({"page_token": token, "after": after}).to_string()).await;
        page
    }

    /// Connects and sends nothing.
    pub async fn silent(url: &str, origin: Option<&str>) -> Self {
        let mut request = url.into_client_request().unwrap();
        if let Some(origin) = origin {
            request.headers_mut().insert("Origin", HeaderValue::from_str(origin).unwrap());
        }
        let stream = reach(&request, None).await.unwrap();
        Self { ws: client_async(request, stream).await.unwrap().0 }
    }

    pub async fn say(&mut self, text: &str) {
        self.ws.send(Message::Text(text.into())).await.unwrap();
    }

    /// Waits for the next event, or for the close code.
    pub async fn next(&mut self) -> Result<Value, u16> {
        loop {
            match timeout(PATIENCE, self.ws.next()).await.expect("the page hears something") {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(frame))) => return Err(frame.map_or(1005, |f| f.code.into())),
                Some(Ok(_)) => {}
                None | Some(Err(_)) => return Err(1006),
            }
        }
    }

    /// Waits for the next event of this type.
    pub async fn event(&mut self, kind: &str) -> Value {
        loop {
            let event = self
                .next()
                .await
                .unwrap_or_else(|code| panic!("closed with {code} while waiting for {kind}"));
            if event["type"] == kind {
                return event;
            }
        }
    }

    /// Waits for a fresh QR code.
    pub async fn qr(&mut self) -> String {
        self.event("qr").await["text"].as_str().unwrap().to_owned()
    }

    pub async fn link(&mut self) -> String {
        self.event("link").await["url"].as_str().unwrap().to_owned()
    }

    /// Waits until the server reports this state.
    pub async fn until(&mut self, state: LoginState) -> Value {
        loop {
            let event = self.event("state").await;
            if event["state"] == serde_json::to_value(state).unwrap() {
                return event;
            }
        }
    }
}
