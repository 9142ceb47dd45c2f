//! What is done to the pod.

use std::{sync::Arc, time::Duration};

use countersign_api::{ApiClient, Confirm, LoginState, NewEnrolment, NewLogin};
use countersign_channel::random;
use countersign_sdk::{Account, Answer, Command, KeyStore, Link, ReqId};
use countersign_sim::{MemoryKeys, Online};
use futures_util::{SinkExt, StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, client::IntoClientRequest},
};

use crate::{Stop, pod::Pod};

/// Operations under way at a time.
pub const WIDE: usize = 64;

/// A phone that is enrolled.
#[derive(Clone)]
pub struct Phone {
    account: Account,
    keys: Arc<MemoryKeys>,
}

impl Phone {
    async fn enrol(api: &ApiClient, n: usize) -> Result<Self, Stop> {
        let enrolment = api.create_enrolment("bench", &NewEnrolment { user_id: format!("user{n}"), confirm: Confirm::None }).await?;
        let Link::Enrol(link) = Link::parse(enrolment.link.as_deref().unwrap_or_default())? else { return Err("an enrolment link".into()) };
        let keys = Arc::new(MemoryKeys::default());
        let key = keys.generate()?;
        let enrolled = Online::enrol(&link, keys.clone(), key, ReqId(random()), "bench").await?;
        Ok(Self { account: enrolled.account, keys })
    }

    async fn connect(&self) -> Result<Online, Stop> {
        Ok(Online::connect(&self.account, self.keys.clone()).await?)
    }
}

/// Enrols `n` phones.
///
/// # Errors
/// When one cannot.
pub async fn enrol(api: &ApiClient, n: usize) -> Result<Vec<Phone>, Stop> {
    stream::iter(0..n).map(|i| Phone::enrol(api, i)).buffer_unordered(WIDE).try_collect().await
}

/// Connects all and holds them; gives the pod's growth in bytes per session. The pod's allocator gets time to give back what it does not need, before and after.
///
/// # Errors
/// When a phone cannot connect.
pub async fn idle(pod: &Pod, phones: &[Phone]) -> Result<f64, Stop> {
    let warm: Vec<Online> = stream::iter(phones.iter().take(200)).map(Phone::connect).buffer_unordered(WIDE).try_collect().await?;
    drop(warm);
    settle().await;
    let before = pod.pss()?;
    let held: Vec<Online> = stream::iter(phones).map(Phone::connect).buffer_unordered(WIDE).try_collect().await?;
    settle().await;
    let after = pod.pss()?;
    Ok((after - before) / held.len() as f64)
}

async fn settle() {
    tokio::time::sleep(Duration::from_secs(4)).await;
}

/// Connects and hangs up, `n` times; gives pod CPU seconds per connection.
///
/// # Errors
/// When a phone cannot connect.
pub async fn handshakes(pod: &Pod, phones: &[Phone], n: usize) -> Result<f64, Stop> {
    let from = pod.cpu()?;
    let all = stream::iter(phones.iter().cycle().take(n)).map(|p| async move { p.connect().await.map(drop) }).buffer_unordered(WIDE);
    all.try_collect::<Vec<()>>().await?;
    Ok((pod.cpu()? - from) / n as f64)
}

/// Whole logins by phones that were not connected, a page attached to each; gives pod CPU seconds per login.
///
/// # Errors
/// When one does not succeed.
pub async fn cold_logins(pod: &Pod, api: &ApiClient, phones: &[Phone], n: usize) -> Result<f64, Stop> {
    let from = pod.cpu()?;
    stream::iter(phones.iter().cycle().take(n)).map(|p| cold_login(api, p)).buffer_unordered(WIDE).try_collect::<Vec<()>>().await?;
    Ok((pod.cpu()? - from) / n as f64)
}

type Page = WebSocketStream<TcpStream>;

async fn event(page: &mut Page, kind: &str, state: Option<&str>) -> Result<Value, Stop> {
    while let Some(message) = page.next().await {
        if let Message::Text(text) = message? {
            let event: Value = serde_json::from_str(&text)?;
            if event["type"] == kind && state.is_none_or(|s| event["state"] == s) {
                return Ok(event);
            }
        }
    }
    Err("the page socket closed".into())
}

async fn cold_login(api: &ApiClient, phone: &Phone) -> Result<(), Stop> {
    let login = api.create_login("bench", &NewLogin { text: Some("Log in".into()), ..NewLogin::default() }).await?;
    let request = login.page_url.as_deref().unwrap_or_default().into_client_request()?;
    let stream = TcpStream::connect(request.uri().authority().ok_or("page_url")?.as_str()).await?;
    let (mut page, _) = client_async(request, stream).await?;
    page.send(Message::Text(json!({"page_token": login.page_token, "after": 0}).to_string().into())).await?;
    let qr = event(&mut page, "qr", None).await?;
    let mut online = phone.connect().await?;
    let claim = Command::scanned(&Link::parse(qr["text"].as_str().unwrap_or_default())?).ok_or("a login code")?;
    let Answer::Prompt(prompt) = online.do_it(&claim).await? else { return Err("a prompt".into()) };
    online.do_it(&Command::approve(&prompt)).await?;
    event(&mut page, "state", Some("approved")).await?;
    let seen = api.login("bench", &login.id, 30, 2).await?;
    if seen.state != LoginState::Approved {
        return Err("not approved".into());
    }
    api.redeem("bench", &login.id, None).await?;
    Ok(())
}
