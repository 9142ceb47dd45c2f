//! `pin`: the phone's PIN at the second factor server of its app.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use countersign_sdk::{Pin, PinState};
use countersign_sim::{
    PhoneError, PhoneState,
    factor::{self, SfsOnline, done},
};
use serde_json::json;

use crate::{Out, prompt};

#[derive(Subcommand)]
pub(crate) enum PinCmd {
    /// Show the state of the PIN.
    Status,
    /// Set the first PIN.
    Set {
        /// The address of the app's SFS ("sfs" in the server's ready.json); needed once.
        #[arg(long, value_name = "LINK")]
        sfs: Option<String>,
        #[command(flatten)]
        pin: PinFile,
    },
    /// Set another PIN, with the one that is set.
    Change {
        #[command(flatten)]
        pin: PinFile,
        /// File with the new PIN in its first line.
        #[arg(long, value_name = "FILE")]
        new_pin_file: Option<PathBuf>,
    },
    /// Enter the PIN to see whether it is right.
    Verify {
        #[command(flatten)]
        pin: PinFile,
    },
    /// Begin anew after the PIN was forgotten or locked: with another key, without a PIN. Accounts
    /// need a new enrolment of their second factor then.
    New,
}

#[derive(Args, Default)]
pub(crate) struct PinFile {
    /// File with the PIN in its first line; without it, the PIN is typed.
    #[arg(long, value_name = "FILE")]
    pub(crate) pin_file: Option<PathBuf>,
}

pub(crate) async fn run(state: &PhoneState, command: &PinCmd, out: Out) -> Result<(), PhoneError> {
    match command {
        PinCmd::Status => status(state, out).await,
        PinCmd::Set { sfs, pin } => set(state, sfs.as_deref(), pin, out).await,
        PinCmd::Change { pin, new_pin_file } => change(state, pin, new_pin_file.as_ref(), out).await,
        PinCmd::Verify { pin } => {
            let mut sfs = connect(state).await?;
            let pin = prompt::pin(pin.pin_file.as_deref(), "PIN: ", out)?;
            done(sfs.prove(&pin).await?)?;
            out.say(&json!({"pin": "right"}), || "The PIN is right.".to_owned());
            Ok(())
        }
        PinCmd::New => {
            let there = factor::begin_anew(state)?.is_some();
            out.say(&json!({"pin": "none", "had_one": there}), || {
                "This phone has no PIN now. Set one with `pin set`.".to_owned()
            });
            Ok(())
        }
    }
}

async fn connect(state: &PhoneState) -> Result<SfsOnline, PhoneError> {
    SfsOnline::connect(&factor::device(state, None)?, state.keys.clone()).await
}

async fn status(state: &PhoneState, out: Out) -> Result<(), PhoneError> {
    let s = connect(state).await?.status;
    let body = json!({"pin": s.state.as_str(), "tries_left": s.tries_left, "policy": s.policy.as_str(),
        "min_digits": s.min_digits, "wait_secs": s.wait_secs});
    out.say(&body, || match s.state {
        PinState::None => "No PIN is set.".to_owned(),
        PinState::Set => format!("A PIN is set; {} tries are left.", s.tries_left),
        PinState::Locked => "The PIN is locked for ever.".to_owned(),
        PinState::Wiped => "The PIN was deleted after too many wrong tries.".to_owned(),
    });
    Ok(())
}

/// A new PIN, typed twice at a terminal.
pub(crate) fn new_pin(file: Option<&std::path::Path>, min_digits: u64, out: Out) -> Result<Pin, PhoneError> {
    let text = prompt::pin_text(file, "New PIN: ", out)?;
    let pin = Pin::new(&text, min_digits)?;
    if file.is_none() && prompt::pin_text(None, "Once more: ", out)?.trim() != text.trim() {
        return Err(PhoneError::Usage("the two PINs are not the same".to_owned()));
    }
    Ok(pin)
}

async fn set(state: &PhoneState, sfs: Option<&str>, pin: &PinFile, out: Out) -> Result<(), PhoneError> {
    let device = factor::device(state, sfs)?;
    let mut sfs = SfsOnline::connect(&device, state.keys.clone()).await?;
    match sfs.status.state {
        PinState::None => {}
        PinState::Set => {
            return Err(PhoneError::Usage("a PIN is set already; use `pin change`".to_owned()));
        }
        PinState::Locked | PinState::Wiped => {
            return Err(PhoneError::Refused(countersign_sdk::Refusal::PinLocked));
        }
    }
    let pin = new_pin(pin.pin_file.as_deref(), sfs.status.min_digits, out)?;
    done(sfs.set(&pin).await?)?;
    out.say(&json!({"pin": "set"}), || "The PIN is set.".to_owned());
    Ok(())
}

async fn change(
    state: &PhoneState,
    old: &PinFile,
    new: Option<&PathBuf>,
    out: Out,
) -> Result<(), PhoneError> {
    let mut sfs = connect(state).await?;
    let old = prompt::pin(old.pin_file.as_deref(), "PIN: ", out)?;
    done(sfs.prove(&old).await?)?;
    let pin = new_pin(new.map(PathBuf::as_path), sfs.status.min_digits, out)?;
    done(sfs.set(&pin).await?)?;
    out.say(&json!({"pin": "changed"}), || "The PIN is changed.".to_owned());
    Ok(())
}
