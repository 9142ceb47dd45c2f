//! Pages of lists. A page token is opaque to callers: it states where the next page begins, is
//! valid for one list only, and is protected by a MAC.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use countersign_api::limits;
use countersign_ports::{secret::same, vault::Vault};
use serde::{Serialize, de::DeserializeOwned};

use crate::problem::ApiProblem;

const MAC: usize = 16;

/// Returns the page size: the requested one if it is within bounds, or the default.
pub fn limit(asked: Option<u32>) -> Result<u32, ApiProblem> {
    match asked {
        None => Ok(limits::PAGE),
        Some(n) if (1..=limits::MOST).contains(&n) => Ok(n),
        Some(_) => Err(ApiProblem::invalid("/limit", format!("1 to {}", limits::MOST))),
    }
}

/// Signs and checks the page tokens of lists.
#[derive(Clone)]
pub struct PageTokens(Arc<Vault>);

impl PageTokens {
    #[must_use]
    pub fn new(vault: Arc<Vault>) -> Self {
        Self(vault)
    }

    /// Returns the tokens of a list with these parameters.
    pub fn of(&self, list: &str, parameters: &impl Serialize) -> Tokens<'_> {
        Tokens::new(&self.0, list, parameters)
    }
}

/// The tokens of one list: `scope` is everything that must stay the same from page to page.
pub struct Tokens<'a> {
    vault: &'a Vault,
    scope: String,
}

impl<'a> Tokens<'a> {
    fn new(vault: &'a Vault, list: &str, parameters: &impl Serialize) -> Self {
        Self { vault, scope: format!("{list}?{}", serde_json::to_string(parameters).unwrap_or_default()) }
    }

    fn mac(&self, body: &[u8]) -> [u8; MAC] {
        self.vault.mac("page-token", &[self.scope.as_bytes(), b"\0", body].concat())
    }

    /// Returns the position that this token names; `None` without a token, for the first page.
    pub fn read<T: DeserializeOwned>(&self, token: Option<&String>) -> Result<Option<T>, ApiProblem> {
        let Some(token) = token else { return Ok(None) };
        let bad =
            || ApiProblem::invalid("/page_token", "not a page token of this list with these parameters");
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| bad())?;
        let (mac, body) = bytes.split_at_checked(MAC).ok_or_else(bad)?;
        if !same(mac, &self.mac(body)) {
            return Err(bad());
        }
        serde_json::from_slice(body).map(Some).map_err(|_| bad())
    }

    /// Returns the token of the page that begins after this position, if there is one.
    pub fn after<K: Serialize>(&self, position: Option<K>) -> Option<String> {
        let body = serde_json::to_vec(&position?).ok()?;
        Some(URL_SAFE_NO_PAD.encode([&self.mac(&body)[..], &body].concat()))
    }

    /// Returns the token of the page that begins after the last of these items, if there may be
    /// such a page.
    pub fn next<T, K: Serialize>(&self, items: &[T], limit: u32, key: impl Fn(&T) -> K) -> Option<String> {
        self.after(items.last().filter(|_| items.len() == limit as usize).map(key))
    }
}
