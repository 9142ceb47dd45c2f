#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod app;
mod command;
mod connection;
mod keys;
mod prompt;
mod wallet;

pub use app::{AppError, TrustedApp};
pub use command::{Answer, Capability, Command, NewPhone};
pub use connection::{Connection, Ended, Event, Purpose, Turn};
pub use countersign_protocol::{
    codes::{AccountState, Close, DeviceAction, LoginState, Refusal, RefuseReason},
    frames::{Device, ReturnToken},
    ids::{AccountId, EnrolmentId, LoginId, RealmId, ReqId},
    link::{Link, LinkError},
};
pub use keys::{KeyError, KeyHandle, KeyStore};
pub use prompt::Prompt;
pub use wallet::{Account, AccountServer, HistoryEntry, Wallet, WalletError, What};
