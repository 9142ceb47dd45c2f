//! SFS alone, and beside NS.

mod device;
mod login;
mod pin;
mod skeleton;
mod strangers;
