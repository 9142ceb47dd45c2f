//! The virtual phone at its SFS.

use std::{collections::VecDeque, path::Path, sync::Arc, time::Duration};

use countersign_sdk::{
    Ended, FactorId, KeyStore, Link, Pin, PinState, PinStatus, SfsAnswer, SfsConnection, SfsDevice, SfsEvent,
    SfsServer, Turn,
};
use futures_util::{SinkExt, StreamExt};
use tokio::time::timeout;
use tokio_tungstenite::{WebSocketStream, tungstenite::Message};

use crate::{PhoneError, PhoneState, online::dial, tls::Stream};

/// How long to wait for any answer of the server.
const PATIENCE: Duration = Duration::from_secs(30);

type Keys = Arc<dyn KeyStore + Send + Sync>;

/// A device that is connected to its SFS.
pub struct SfsOnline {
    ws: WebSocketStream<Stream>,
    connection: SfsConnection,
    keys: Keys,
    waiting: VecDeque<SfsEvent>,
    /// What SFS said about the PIN when the connection was ready.
    pub status: PinStatus,
}

/// An attestation with what NS needs beside it.
#[derive(Clone, Debug)]
pub struct Attested {
    pub factor: FactorId,
    pub attestation: String,
    pub keys: String,
}

impl SfsOnline {
    /// Connects as a device.
    ///
    /// # Errors
    /// When the server cannot be reached, is not the pinned one or ends the connection.
    pub async fn connect(device: &SfsDevice, keys: Keys) -> Result<Self, PhoneError> {
        let mut ws = dial(&device.server.url, None).await?;
        let version = Some(env!("CARGO_PKG_VERSION").to_owned());
        let (connection, hello) = SfsConnection::hello(&device.server.pin()?, device.key.clone(), version)
            .map_err(|_| PhoneError::NotTheServer)?;
        send(&mut ws, hello).await?;
        let status = PinStatus {
            state: PinState::None,
            tries_left: 0,
            policy: countersign_sdk::PinPolicy::Lock,
            min_digits: 0,
            wait_secs: None,
            ping_after: 0,
        };
        let mut online = Self { ws, connection, keys, waiting: VecDeque::new(), status };
        match online.event().await? {
            SfsEvent::Ready(status) => Ok(Self { status, ..online }),
            SfsEvent::Over(ended) => Err(ended.into()),
            SfsEvent::Answered(_) => Err(Ended::Protocol.into()),
        }
    }

    async fn event(&mut self) -> Result<SfsEvent, PhoneError> {
        let next = async {
            loop {
                if let Some(event) = self.waiting.pop_front() {
                    return Ok(event);
                }
                match self.ws.next().await {
                    Some(Ok(Message::Binary(message))) => {
                        let turn = self.connection.on_message(&message, &*self.keys)?;
                        self.waiting.extend(turn.events);
                        for frame in turn.send {
                            send(&mut self.ws, frame).await?;
                        }
                    }
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    Some(Ok(_)) | None => {
                        return Err(PhoneError::Unreachable("the server closed the connection".to_owned()));
                    }
                    Some(Err(e)) => return Err(PhoneError::Unreachable(e.to_string())),
                }
            }
        };
        timeout(PATIENCE, next).await.map_err(|_| PhoneError::Unreachable("no answer".to_owned()))?
    }

    async fn answer(&mut self, turn: Option<Turn<SfsEvent>>) -> Result<SfsAnswer, PhoneError> {
        let turn = turn.ok_or_else(|| PhoneError::Usage("another request is under way".to_owned()))?;
        self.waiting.extend(turn.events);
        for frame in turn.send {
            send(&mut self.ws, frame).await?;
        }
        match self.event().await? {
            SfsEvent::Answered(answer) => Ok(answer),
            SfsEvent::Over(ended) => Err(ended.into()),
            SfsEvent::Ready(_) => Err(Ended::Protocol.into()),
        }
    }

    /// Sets the PIN.
    ///
    /// # Errors
    /// When no answer arrives. A refusal is an answer, not an error; here and below.
    pub async fn set(&mut self, pin: &Pin) -> Result<SfsAnswer, PhoneError> {
        let turn = self.connection.set_pin(&*self.keys, pin)?;
        self.answer(turn).await
    }

    /// Proves the PIN.
    ///
    /// # Errors
    /// As [`SfsOnline::set`].
    pub async fn prove(&mut self, pin: &Pin) -> Result<SfsAnswer, PhoneError> {
        let turn = self.connection.prove_pin(&*self.keys, pin)?;
        self.answer(turn).await
    }

    /// Asks for an attestation.
    ///
    /// # Errors
    /// As [`SfsOnline::set`].
    pub async fn attest(&mut self, factor: Option<FactorId>, ctx: [u8; 32]) -> Result<SfsAnswer, PhoneError> {
        let turn = self.connection.attest(factor, ctx);
        self.answer(turn).await
    }

    /// Deletes the PIN and all factors.
    ///
    /// # Errors
    /// As [`SfsOnline::set`].
    pub async fn forget(&mut self) -> Result<SfsAnswer, PhoneError> {
        let turn = self.connection.forget();
        self.answer(turn).await
    }

    /// Proves the PIN and has it attested; everything but success is an error.
    ///
    /// # Errors
    /// [`PhoneError::WrongPin`], [`PhoneError::Refused`]; as [`SfsOnline::set`].
    pub async fn prove_and_attest(
        &mut self,
        pin: &Pin,
        factor: Option<FactorId>,
        ctx: [u8; 32],
    ) -> Result<Attested, PhoneError> {
        done(self.prove(pin).await?)?;
        match done(self.attest(factor, ctx).await?)? {
            SfsAnswer::Attested { factor, attestation, keys } => Ok(Attested { factor, attestation, keys }),
            _ => Err(Ended::Protocol.into()),
        }
    }

    /// The underlying socket, for tests that break the protocol.
    pub fn socket(&mut self) -> &mut WebSocketStream<Stream> {
        &mut self.ws
    }
}

async fn send(ws: &mut WebSocketStream<Stream>, frame: Vec<u8>) -> Result<(), PhoneError> {
    ws.send(Message::Binary(frame.into())).await.map_err(|e| PhoneError::Unreachable(e.to_string()))
}

/// Turns a refusal or a wrong PIN into an error.
///
/// # Errors
/// [`PhoneError::WrongPin`], [`PhoneError::Wait`], [`PhoneError::Refused`].
pub fn done(answer: SfsAnswer) -> Result<SfsAnswer, PhoneError> {
    match answer {
        SfsAnswer::WrongPin { tries_left } => Err(PhoneError::WrongPin(tries_left)),
        SfsAnswer::Refused { retry_after: Some(secs), .. } => Err(PhoneError::Wait(secs)),
        SfsAnswer::Refused { code, .. } => Err(PhoneError::Refused(code)),
        answer => Ok(answer),
    }
}

/// The device of this phone at its SFS. The first time it needs the address of the SFS, as
/// `countersign` writes it into `ready.json`.
///
/// # Errors
/// When there is none and no address was given, or the wallet cannot be written.
pub fn device(state: &PhoneState, sfs: Option<&str>) -> Result<SfsDevice, PhoneError> {
    if let Some(device) = state.wallet()?.sfs {
        return Ok(device);
    }
    let text = sfs.ok_or_else(|| {
        PhoneError::Usage("this phone has no PIN yet: give --sfs LINK (\"sfs\" in ready.json)".to_owned())
    })?;
    let Link::Sfs(link) = Link::parse(text)? else {
        return Err(PhoneError::Usage("this is not the address of an SFS".to_owned()));
    };
    let device = SfsDevice { server: SfsServer::from_link(&link)?, key: state.keys.generate()? };
    state.change(|w| w.sfs = Some(device.clone()))?;
    Ok(device)
}

/// Forgets the device, so that the next PIN is a new beginning: with another key, at the same SFS.
/// Accounts keep their factors, which nobody can prove any more; they need new ones.
///
/// # Errors
/// When the wallet cannot be written.
pub fn begin_anew(state: &PhoneState) -> Result<Option<SfsDevice>, PhoneError> {
    let Some(old) = state.wallet()?.sfs else { return Ok(None) };
    let device = SfsDevice { key: state.keys.generate()?, ..old.clone() };
    state.change(|w| w.sfs = Some(device.clone()))?;
    state.keys.forget(&old.key)?;
    Ok(Some(device))
}

/// Reads what should be a PIN from a file: its first line.
///
/// # Errors
/// When the file cannot be read.
pub fn pin_text(path: &Path) -> Result<String, PhoneError> {
    let text = std::fs::read_to_string(path).map_err(|e| PhoneError::File(path.display().to_string(), e))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}
