//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::pin::{PinCmd, PinFile};

/// A virtual phone that enrols, logs in and refuses. It keeps its keys in files, so it is for
/// development and tests.
#[derive(Parser)]
#[command(name = "countersign-phone", version)]
pub(crate) struct Cli {
    /// Directory that holds this phone's state.
    #[arg(long, value_name = "DIR")]
    pub(crate) state: PathBuf,
    /// Print one JSON object per line instead of text.
    #[arg(long)]
    pub(crate) json: bool,
    /// PEM file with CAs to trust for wss:// servers, in addition to those of the public web.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Cmd,
}

#[derive(Subcommand)]
pub(crate) enum Cmd {
    /// Create an account with an enrolment link.
    Enrol {
        link: String,
        /// Name of this phone, as the user sees it in the list of phones.
        #[arg(long, default_value = "virtual phone")]
        device: String,
        /// The app's configuration, signed by its publisher. It lists the realms where the app may
        /// enrol; without it, the phone does not check the realm.
        #[arg(long, value_name = "FILE", requires = "publisher")]
        app_config: Option<PathBuf>,
        /// The publisher's public key, as `countersign app key` prints it.
        #[arg(long)]
        publisher: Option<String>,
        /// The address of the app's SFS ("sfs" in the server's ready.json), where the realm asks
        /// for a PIN and this phone has none yet.
        #[arg(long, value_name = "LINK")]
        sfs: Option<String>,
        #[command(flatten)]
        pin: PinFile,
    },
    /// Claim a login by its link or QR code, and decide it.
    Login {
        /// URL of the page's link or, with --scanned, the text of its QR code.
        #[arg(required_unless_present = "qr", conflicts_with = "qr")]
        link: Option<String>,
        /// PNG with the QR code, for example a screenshot. Without --json, the command waits up to
        /// a minute for a new file: start it first, then take the screenshot.
        #[arg(long, value_name = "FILE")]
        qr: Option<PathBuf>,
        /// Treat LINK as text that a scanner read from a QR code.
        #[arg(long, requires = "link")]
        scanned: bool,
        /// Approve without asking.
        #[arg(long)]
        yes: bool,
        /// Only claim the login; decide it later with `approve` or `refuse`.
        #[arg(long, conflicts_with_all = ["yes", "number"])]
        later: bool,
        /// The number the browser shows, if the login asks for one.
        #[arg(long)]
        number: Option<String>,
        #[command(flatten)]
        pin: PinFile,
    },
    /// Claim a login that waits for this phone (see `pending`), and decide it.
    Take {
        id: String,
        #[arg(long)]
        yes: bool,
        /// The number the browser shows, if the login asks for one.
        #[arg(long)]
        number: Option<String>,
        #[command(flatten)]
        pin: PinFile,
    },
    /// Start a login at a client from inside the app and approve it; prints what the app hands over
    /// to the client.
    Start {
        /// The client's name.
        client: String,
        #[command(flatten)]
        pin: PinFile,
    },
    /// List the logins that wait for a decision or are running.
    Pending,
    /// Approve a claimed login.
    Approve {
        id: String,
        /// The number the browser shows, if the login asks for one.
        #[arg(long)]
        number: Option<String>,
        #[command(flatten)]
        pin: PinFile,
    },
    /// Refuse a claimed login.
    Refuse {
        id: String,
        /// `declined`, or `not_me` if someone else started the login.
        #[arg(long, default_value = "declined")]
        reason: String,
    },
    /// List the accounts on this phone.
    Accounts,
    /// End a login; without an id, end every running login of this phone.
    Logout {
        id: Option<String>,
        /// End every login of the user, on every phone.
        #[arg(long, conflicts_with = "id")]
        everywhere: bool,
    },
    /// List the user's phones.
    Phones,
    /// Manage one of the user's phones: `rename`, `block`, `unblock` or `delete` it.
    Phone {
        action: String,
        account: String,
        /// The new name, for `rename`.
        name: Option<String>,
    },
    /// List new phones of the user that wait to be vouched for by this one.
    NewPhones,
    /// Vouch for a new phone with the number it shows; without a number, reject it.
    Vouch {
        enrolment: String,
        #[arg(long)]
        number: Option<String>,
    },
    /// Set, change or try the PIN of this phone.
    Pin {
        #[command(subcommand)]
        command: PinCmd,
    },
    /// List what was decided on this phone.
    History,
    /// Stay connected, print events and serve the other commands.
    Watch,
}
