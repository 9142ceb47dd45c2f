#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod app;
mod command;
mod connection;
mod factor;
mod keys;
mod pin;
mod prompt;
mod wallet;

pub use app::{AppError, TrustedApp};
pub use command::{Answer, Capability, Command, NewPhone};
pub use connection::{
    Connection, Ended, Event, Purpose, Turn,
    sfs::{PinStatus, SfsAnswer, SfsConnection, SfsEvent},
};
pub use countersign_protocol::{
    codes::{
        AccountState, Close, DeviceAction, FactorWish, LoginState, PinPolicy, PinState, Refusal, RefuseReason,
    },
    frames::{Device, ReturnToken},
    ids::{AccountId, EnrolmentId, FactorId, Jkt, LoginId, RealmId, ReqId},
    link::{Link, LinkError},
};
pub use factor::{FactorAsked, FactorProof, SfsDevice, SfsServer};
pub use keys::{KeyError, KeyHandle, KeyStore};
pub use pin::{MAX_DIGITS, Pin, WeakPin};
pub use prompt::Prompt;
pub use wallet::{Account, AccountServer, HistoryEntry, Wallet, WalletError, What};
