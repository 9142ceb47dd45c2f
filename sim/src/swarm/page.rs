//! The browser's side of a login: it watches the login and shows its QR code.

use countersign_api::{Login, LoginState, page::PageEvent};
use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, client::IntoClientRequest},
};

use super::{Pod, Stop};
use crate::{online, tls::Stream};

/// A login page that is connected to the page socket.
pub struct Page(WebSocketStream<Stream>);

impl Page {
    /// Opens this login's page at this pod's page socket or, if none is known, at the login's own
    /// URL.
    pub(super) async fn at(pod: &Pod, login: &Login) -> Result<Self, Stop> {
        let url = pod.page.as_deref().or(login.page_url.as_deref()).ok_or("no page socket")?;
        Self::open(url, login.page_token.as_deref().unwrap_or_default()).await
    }

    /// Opens the page with this token at a page socket.
    ///
    /// # Errors
    /// When the page socket cannot be reached.
    pub async fn open(url: &str, token: &str) -> Result<Self, Stop> {
        let request = url.into_client_request()?;
        let stream = online::reach(&request, None).await?;
        let (mut ws, _) = client_async(request, stream).await?;
        ws.send(Message::Text(serde_json::json!({"page_token": token, "after": 0}).to_string().into()))
            .await?;
        Ok(Self(ws))
    }

    /// Waits for the next event from the server.
    ///
    /// # Errors
    /// When the socket closes or sends something that is not an event.
    pub async fn event(&mut self) -> Result<PageEvent, Stop> {
        while let Some(message) = self.0.next().await {
            if let Message::Text(text) = message? {
                return Ok(serde_json::from_str(&text)?);
            }
        }
        Err("the page socket closed".into())
    }

    /// Waits for the next QR code.
    pub(super) async fn qr(&mut self) -> Result<String, Stop> {
        loop {
            if let PageEvent::Qr { text } = self.event().await? {
                return Ok(text);
            }
        }
    }

    /// Waits until the server reports this state.
    pub(super) async fn until(&mut self, wanted: LoginState) -> Result<(), Stop> {
        loop {
            match self.event().await? {
                PageEvent::State { state, .. } if state == wanted => return Ok(()),
                _ => {}
            }
        }
    }
}
