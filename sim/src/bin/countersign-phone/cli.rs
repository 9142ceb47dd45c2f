//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// A virtual phone: enrols, logs in, refuses. Its keys are files, so it is for development and
/// tests.
#[derive(Parser)]
#[command(name = "countersign-phone", version)]
pub(crate) struct Cli {
    /// Directory this phone remembers things in.
    #[arg(long, value_name = "DIR")]
    pub(crate) state: PathBuf,
    /// One JSON object per line instead of sentences.
    #[arg(long)]
    pub(crate) json: bool,
    /// A PEM file with CAs to trust besides those of the web, for a server at wss://.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Cmd,
}

#[derive(Subcommand)]
pub(crate) enum Cmd {
    /// Make an account with an enrolment link.
    Enrol {
        link: String,
        /// What this phone calls itself.
        #[arg(long, default_value = "virtual phone")]
        device: String,
        /// The app's configuration as its publisher signed it; without one the app is open.
        #[arg(long, value_name = "FILE", requires = "publisher")]
        app_config: Option<PathBuf>,
        /// The publisher's public key, as `countersign app key` prints it.
        #[arg(long)]
        publisher: Option<String>,
    },
    /// Claim a login by its link or QR code, and decide it.
    Login {
        /// The address of the page's link, or with --scanned the text of its code.
        #[arg(required_unless_present = "qr", conflicts_with = "qr")]
        link: Option<String>,
        /// A PNG with the QR code, for example a screenshot. Waits a minute for one that is new:
        /// start this first, then take it.
        #[arg(long, value_name = "FILE")]
        qr: Option<PathBuf>,
        /// LINK is the text that a scanner read from a QR code.
        #[arg(long, requires = "link")]
        scanned: bool,
        /// Approve without asking.
        #[arg(long)]
        yes: bool,
        /// Claim only; `approve` or `refuse` follows.
        #[arg(long, conflicts_with_all = ["yes", "number"])]
        later: bool,
        /// The number the browser shows, where one is asked for.
        #[arg(long)]
        number: Option<String>,
    },
    /// Claim a login that waits for this phone (see `pending`), and decide it.
    Take {
        id: String,
        #[arg(long)]
        yes: bool,
        /// The number the browser shows, where one is asked for.
        #[arg(long)]
        number: Option<String>,
    },
    /// Log in at a client from inside the app, and approve; prints what the app hands over.
    Start {
        /// The client's name.
        client: String,
    },
    /// What waits for a decision or is running.
    Pending,
    /// Approve a claimed login.
    Approve {
        id: String,
        /// The number the browser shows, where one is asked for.
        #[arg(long)]
        number: Option<String>,
    },
    /// Refuse a claimed login.
    Refuse {
        id: String,
        /// `declined`, or `not_me`: somebody else started this.
        #[arg(long, default_value = "declined")]
        reason: String,
    },
    /// The accounts on this phone.
    Accounts,
    /// End a login; without an id, every running one of this phone.
    Logout {
        id: Option<String>,
        /// Every login of the user, on every phone.
        #[arg(long, conflicts_with = "id")]
        everywhere: bool,
    },
    /// The user's phones.
    Phones,
    /// Do something to one of the user's phones: `rename`, `block`, `unblock`, `delete`.
    Phone {
        action: String,
        account: String,
        /// With `rename`.
        name: Option<String>,
    },
    /// New phones of the user that wait for a word from this one.
    NewPhones,
    /// Let a new phone in with the number it shows; without a number, turn it away.
    Vouch {
        enrolment: String,
        #[arg(long)]
        number: Option<String>,
    },
    /// What was decided on this phone.
    History,
    /// Stay connected, print events, serve the other commands.
    Watch,
}
