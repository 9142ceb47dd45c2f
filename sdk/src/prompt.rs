//! What the user is shown, together with the exact bytes the signature covers.

use countersign_channel::sha256;
use countersign_protocol::{
    cbor,
    frames::{Claimed, Context, ReturnToken},
    ids::{LoginId, RealmId},
    labels,
};

use crate::FactorAsked;

/// A login that waits for this user's decision. The app shows all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    pub login: LoginId,
    pub realm: RealmId,
    pub realm_name: String,
    pub client_name: String,
    /// The text that the client wants the user to read.
    pub text: Option<String>,
    pub browser: Option<String>,
    pub place: Option<String>,
    /// Seconds since 1970.
    pub created_at: u64,
    pub expires_at: u64,
    /// The URL to send the browser to, and the token to send with it, when the login was claimed by
    /// link.
    pub return_to: Option<(String, ReturnToken)>,
    /// The return token, when the login was claimed by link or started by the app; present even
    /// without a return URL.
    pub return_token: Option<ReturnToken>,
    /// How many digits the user must type from the browser; when absent, none.
    pub number: Option<u64>,
    /// For a login that the app started: where to hand over the login id and the return token.
    pub callback_url: Option<String>,
    /// The second factor that an approval needs.
    pub factor: Option<FactorAsked>,
    pub(crate) context: Vec<u8>,
}

impl Prompt {
    /// Reads a `claimed` frame. `None` when the context is not readable or is not about this login
    /// and realm; it must not be signed then.
    pub(crate) fn read(claimed: &Claimed, realm: RealmId) -> Option<Self> {
        let context: Context = cbor::decode(&claimed.context).ok()?;
        if context.login != claimed.login || context.realm != realm {
            return None;
        }
        let return_to = claimed.return_url.clone().zip(claimed.return_token.clone());
        Some(Self {
            login: context.login,
            realm: context.realm,
            realm_name: context.realm_name,
            client_name: context.client_name,
            text: context.text,
            browser: context.browser,
            place: context.place,
            created_at: context.created_at,
            expires_at: claimed.expires_at,
            return_to,
            return_token: claimed.return_token.clone(),
            number: claimed.number,
            callback_url: claimed.callback_url.clone(),
            factor: claimed.factor_challenge.zip(claimed.factor_cb).map(|(challenge, cb)| FactorAsked {
                challenge,
                cb,
                server_id: realm.server_id(),
                max_age: claimed.factor_max_age.unwrap_or(0),
                factor: claimed.factor.map(|f| f.0),
                purpose: labels::PURPOSE_LOGIN.to_owned(),
                payload_hash: sha256(&claimed.context),
            }),
            context: claimed.context.clone(),
        })
    }

    /// `ctx` of the decision.
    pub(crate) fn context_hash(&self) -> [u8; 32] {
        sha256(&labels::login_context(&self.context))
    }
}
