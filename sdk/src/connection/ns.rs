//! NS: the frames of commands, and the answers and events that may come back.

use countersign_channel::{Channel, sha256};
use countersign_protocol::{
    codes::RefuseReason,
    decision::{Decision, Verdict, compact},
    frames::{self, Device, PhoneFrame, ServerFrame},
    ids::{Jkt, RealmId, ReqId},
    vouch::Vouch,
};

use super::Event;
use crate::{Answer, Capability, Command, FactorProof, KeyError, KeyHandle, KeyStore, NewPhone, Prompt};

/// What a signature needs: an account's key, on this channel, at this time.
pub(super) struct Signer<'a> {
    pub(super) keys: &'a dyn KeyStore,
    pub(super) key: &'a KeyHandle,
    pub(super) jkt: Jkt,
    pub(super) channel: &'a Channel,
    pub(super) realm: RealmId,
    pub(super) now: u64,
}

impl Signer<'_> {
    /// Builds the frame of a command.
    pub(super) fn frame(&self, command: &Command) -> Result<PhoneFrame, KeyError> {
        Ok(match command {
            Command::Claim { req_id, login, capability } => {
                let (qr_time, qr_mac, link) = match capability {
                    Capability::Qr { t, mac } => (Some(u64::from(*t)), Some(*mac), None),
                    Capability::Link(token) => (None, None, Some(token.clone())),
                    Capability::Directed => (None, None, None),
                };
                frames::Claim { req_id: *req_id, login: *login, qr_time, qr_mac, link }.into()
            }
            Command::Decide { req_id, prompt, verdict, reason, number, factor } => {
                let said = (*verdict, *reason, number.clone());
                let jws = self.sign_decision(prompt, said, factor.as_deref())?;
                let (attestation, sfs_keys, factor_r) = FactorProof::parts(factor.as_deref());
                let login = prompt.login;
                frames::Decide { req_id: *req_id, login, jws, attestation, sfs_keys, factor_r }.into()
            }
            Command::StartLogin { req_id, client } => {
                frames::StartLogin { req_id: *req_id, client: client.clone() }.into()
            }
            Command::LogoutAll { req_id } => frames::LogoutAll { req_id: *req_id }.into(),
            Command::Devices { req_id } => frames::ListDevices { req_id: *req_id }.into(),
            Command::Manage { req_id, account, action, name } => frames::ManageDevice {
                req_id: *req_id,
                account: *account,
                action: *action,
                name: name.clone(),
            }
            .into(),
            Command::Enrolments { req_id } => frames::ListEnrolments { req_id: *req_id }.into(),
            Command::Vouch { req_id, new, number } => {
                let jws = self.sign_vouch(new, number.clone())?;
                frames::DecideEnrolment { req_id: *req_id, enrolment: new.enrolment, jws }.into()
            }
            Command::Logout { req_id, login } => frames::Logout { req_id: *req_id, login: *login }.into(),
            Command::List { req_id } => frames::ListLogins { req_id: *req_id }.into(),
            Command::Ping { nonce } => frames::Ping { nonce: *nonce }.into(),
        })
    }

    /// Signs a decision. Each channel needs a new signature, because the decision contains the
    /// channel binding.
    fn sign_decision(
        &self,
        prompt: &Prompt,
        (verdict, reason, number): (Verdict, Option<RefuseReason>, Option<String>),
        factor: Option<&FactorProof>,
    ) -> Result<String, KeyError> {
        let decision = Decision {
            login: prompt.login,
            realm: prompt.realm,
            ctx: prompt.context_hash(),
            verdict,
            reason,
            number,
            att: factor.map(|proof| sha256(proof.attestation.as_bytes())),
            iat: self.now,
            cb: self.channel.binding(),
        };
        self.compact(&decision.signing_input(&self.jkt))
    }

    fn sign_vouch(&self, new: &NewPhone, number: Option<String>) -> Result<String, KeyError> {
        let vouch = Vouch {
            enrolment: new.enrolment,
            realm: self.realm,
            jkt: new.jkt,
            verdict: if number.is_some() { Verdict::Approve } else { Verdict::Refuse },
            number,
            iat: self.now,
            cb: self.channel.binding(),
        };
        self.compact(&vouch.signing_input(&self.jkt))
    }

    fn compact(&self, input: &str) -> Result<String, KeyError> {
        Ok(compact(input, &self.keys.sign(self.key, input.as_bytes())?))
    }
}

/// A frame from the server, by whether the server may send it unasked.
pub(super) enum Sorted {
    News(Event),
    /// An answer, or a frame that is not allowed now.
    Other(ServerFrame),
}

/// Separates the events, which the server sends unasked, from other frames.
pub(super) fn sort(frame: ServerFrame) -> Sorted {
    Sorted::News(match frame {
        ServerFrame::LoginChanged(c) => Event::LoginChanged { login: c.login, state: c.state },
        ServerFrame::AccountChanged(c) => Event::AccountChanged(c.state),
        ServerFrame::LoginOffered(o) => {
            Event::LoginOffered { login: o.login, client_name: o.client_name, expires_at: o.expires_at }
        }
        ServerFrame::EnrolmentWaiting(w) => Event::EnrolmentWaiting { enrolment: w.enrolment, name: w.name },
        ServerFrame::DeviceChanged(frames::DeviceChanged { account, name, app, state, since }) => {
            Event::DeviceChanged(Device { account, name, app, state, since })
        }
        other => return Sorted::Other(other),
    })
}

/// The answer to the command in flight; `None` when the frame does not answer it.
pub(super) fn answer(asked: Option<ReqId>, frame: ServerFrame, realm: RealmId) -> Option<Answer> {
    let mine = |req_id: ReqId| asked == Some(req_id);
    match frame {
        ServerFrame::Pong(p) if asked.is_none() => Some(Answer::Pong { time: p.time }),
        ServerFrame::Claimed(c) if mine(c.req_id) => {
            Prompt::read(&c, realm).map(|p| Answer::Prompt(Box::new(p)))
        }
        ServerFrame::Decided(d) if mine(d.req_id) => Some(Answer::Decided { login: d.login, state: d.state }),
        ServerFrame::Done(d) if mine(d.req_id) => Some(Answer::Done),
        ServerFrame::Logins(l) if mine(l.req_id) => Some(Answer::Logins(
            l.logins.into_iter().map(|e| (e.login, e.state, e.client_name, e.since)).collect(),
        )),
        ServerFrame::Devices(d) if mine(d.req_id) => Some(Answer::Devices(d.devices)),
        ServerFrame::Enrolments(e) if mine(e.req_id) => Some(Answer::NewPhones(e.enrolments)),
        ServerFrame::Refused(r) if mine(r.req_id) => {
            Some(Answer::Refused { code: r.code, retry_after: r.retry_after })
        }
        _ => None,
    }
}
