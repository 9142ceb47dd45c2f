//! SFS alone, and beside NS.

pub(crate) mod device;
pub(crate) mod forger;
mod login;
mod pin;
mod pods;
mod privacy;
mod renewal;
pub(crate) mod scene;
mod skeleton;
mod strangers;
