//! The defaults. `config/countersign.toml` shows them, and a test keeps both equal.

use std::{net::SocketAddr, path::PathBuf};

use super::{
    Database, DatabaseAt, DatabaseTls, Drain, Http, Listen, Log, LogFormat, LogLevel, Phone, Sfs, SfsPolicy,
    Wait,
};

impl Default for Database {
    fn default() -> Self {
        Self {
            url: DatabaseAt::default(),
            tls: DatabaseTls::default(),
            ca_file: PathBuf::new(),
            client_certificate_file: PathBuf::new(),
            client_key_file: PathBuf::new(),
            connections: 16,
        }
    }
}

impl Default for Listen {
    fn default() -> Self {
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Self {
            rest: at(8080),
            page: at(9999),
            phone: at(8888),
            admin: at(9613),
            demo: at(8000),
            allow_plaintext: false,
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self {
            format: LogFormat::Pretty,
            level: LogLevel::of("info,actix_server=warn,actix_http=warn"),
            access: false,
        }
    }
}

impl Default for Phone {
    fn default() -> Self {
        Self {
            hello_ms: 5000,
            first_frame_ms: 10_000,
            enrolment_ms: 120_000,
            idle_ms: 600_000,
            lifetime_ms: 12 * 3_600_000,
            ping_after_secs: 240,
            write_ms: 10_000,
            strangers: 4096,
            strangers_per_address: 1024,
            connections: 1_000_000,
            workers: 0,
        }
    }
}

impl Default for Http {
    fn default() -> Self {
        Self { workers: 0, keep_alive_ms: 30_000, connections: 2048, request_ms: 5000 }
    }
}

impl Default for Sfs {
    fn default() -> Self {
        Self {
            policy: SfsPolicy::Lock,
            unused_days: 400,
            registrations_per_hour: 1000,
            evaluations_per_minute: 6000,
        }
    }
}

impl Default for Wait {
    fn default() -> Self {
        Self { safety_poll_ms: 5000 }
    }
}

impl Default for Drain {
    fn default() -> Self {
        Self { spread_ms: 1000, deadline_ms: 10_000 }
    }
}
