//! What an error of a database means. Only errors in these lists are repeated; everything that is
//! not listed is a bug of ours, or a database that was changed by other hands, and is told as such.

use crate::StoreError;

/// The meaning of an error that diesel has no kind for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Nothing was written; the same transaction may succeed on the same connection.
    Again,
    /// Nothing was written; the transaction may succeed on another connection.
    Lost,
    /// The server lacks something: disk, memory, time, the right to write. It may recover.
    Outage,
    /// The database cannot store this value.
    Rejected,
    /// The statement itself is wrong for this database.
    Broken,
}

impl StoreError {
    /// Decides what an error that diesel has no kind for means.
    pub(crate) fn judged(self, meaning: impl FnOnce(&str) -> Meaning) -> Self {
        let Self::Unclassified(text) = self else { return self };
        match meaning(&text) {
            Meaning::Again => Self::Again(text),
            Meaning::Lost => Self::Lost(text),
            Meaning::Outage => Self::Query(text),
            Meaning::Rejected => Self::Rejected(text),
            Meaning::Broken => Self::Broken(text),
        }
    }
}

/// Where texts of the servers quote users and values, and how the quotes end.
const QUOTED: [(&str, &str); 6] = [
    ("user \"", "\""),
    ("role \"", "\""),
    ("user '", "'"),
    ("'…'@'", "'"),
    ("Duplicate entry '", "' for key"),
    ("value: '", "' for column"),
];

/// An error text of a server without the names of users and the values that it quotes. Errors are
/// shown on the admin port and stand in the log.
pub(crate) fn without_values(text: &str) -> String {
    QUOTED.iter().fold(text.to_owned(), |text, (open, close)| {
        let mut parts = text.split(open);
        let mut kept = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let rest = part.find(close).map_or("", |at| &part[at..]);
            kept.extend([open, "…", rest]);
        }
        kept
    })
}

/// The meaning of a SQLSTATE of PostgreSQL (its manual, appendix A).
pub(crate) fn of_sqlstate(code: &str) -> Meaning {
    match code {
        // serialization_failure, deadlock_detected, lock_not_available
        "40001" | "40P01" | "55P03" => Meaning::Again,
        // Transactions that the server ended with their connection; plans and statements that the
        // connection remembers and the server no longer has (a migration, a pooler); a server that
        // has become a replica, while another connection may lead to its successor.
        "25P03" | "57P01" | "57P02" | "57P03" | "57P05" | "0A000" | "26000" | "25006" => Meaning::Lost,
        // query_canceled, database_dropped, invalid_catalog_name
        "57014" | "57P04" | "3D000" => Meaning::Outage,
        _ => match &code.get(..2) {
            Some("08") => Meaning::Lost,
            // insufficient_resources, system_error, invalid_authorization
            Some("53" | "58" | "28") => Meaning::Outage,
            Some("22") => Meaning::Rejected,
            _ => Meaning::Broken,
        },
    }
}

/// The meaning of a text of MariaDB and MySQL, in English, which each session asks for. The driver's
/// own errors begin with words of their own. The numbers are those of the server's error list.
pub(crate) fn of_mysql(text: &str) -> Meaning {
    let begins = |with: &[&str]| with.iter().any(|w| text.starts_with(w));
    let contains = |with: &[&str]| with.iter().any(|w| text.contains(w));
    if contains(&["Lock wait timeout exceeded", "Deadlock found"]) {
        // 1205, 1213. After 1205 the server has undone the statement alone; we undo the rest.
        return Meaning::Again;
    }
    if begins(&["Input/output error", "Driver error", "Other error", "Connection was killed"])
        || contains(&[
            // 1053, 1047 of Galera, 1927
            "Server shutdown in progress",
            "WSREP has not yet prepared node",
            // 1243: the server has forgotten a statement that the connection remembers. 1615: a
            // migration has changed its table.
            "Unknown prepared statement handler",
            "Prepared statement needs to be re-prepared",
            // 1290, 1792, 1836: a server that has become a replica.
            "so it cannot execute this statement",
            "Running in read-only mode",
            "READ ONLY transaction",
        ])
    {
        return Meaning::Lost;
    }
    let outage = [
        // 1021, 1037, 1038, 1114, 1135, 1969 and 3024, 1317, 1044 and 1045, 1049
        "Disk full",
        "Out of memory",
        "Out of sort memory",
        " is full",
        "Can't create a new thread",
        "max_statement_time exceeded",
        "maximum statement execution time exceeded",
        "Query execution was interrupted",
        "Access denied for user",
        "Unknown database",
        "Too many connections",
    ];
    // 1366, 1406, 1264, 1292, 1153
    let rejected = [
        "Incorrect string value",
        "Data too long for column",
        "Out of range value",
        "Incorrect datetime value",
        "max_allowed_packet",
    ];
    match () {
        () if contains(&rejected) => Meaning::Rejected,
        () if contains(&outage) => Meaning::Outage,
        () => Meaning::Broken,
    }
}

/// The meaning of a text of SQLite (`sqlite3_errstr`), which is always English.
pub(crate) fn of_sqlite(text: &str) -> Meaning {
    let outage = [
        "disk I/O error",
        "database or disk is full",
        "attempt to write a readonly database",
        "unable to open database file",
        "out of memory",
        "interrupted",
    ];
    match text {
        "database is locked" | "database table is locked" | "database schema has changed" => Meaning::Again,
        "string or blob too big" => Meaning::Rejected,
        other if outage.contains(&other) => Meaning::Outage,
        _ => Meaning::Broken,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_and_values_are_not_told() {
        for (text, told) in [
            (
                "FATAL: password authentication failed for user \"ns\"",
                "FATAL: password authentication failed for user \"…\"",
            ),
            ("role \"ns\" does not exist", "role \"…\" does not exist"),
            (
                "Access denied for user 'ns'@'10.0.0.1' (using password: YES)",
                "Access denied for user '…'@'…' (using password: YES)",
            ),
            (
                "Duplicate entry 'it's alice' for key 'users.PRIMARY'",
                "Duplicate entry '…' for key 'users.PRIMARY'",
            ),
            ("permission denied for table users", "permission denied for table users"),
            ("cut off in user 'ns", "cut off in user '…"),
        ] {
            assert_eq!(without_values(text), told);
        }
    }

    #[test]
    fn only_what_is_listed_is_repeated() {
        for (code, meaning) in [
            ("40001", Meaning::Again),
            ("40P01", Meaning::Again),
            ("08006", Meaning::Lost),
            ("57P01", Meaning::Lost),
            ("53100", Meaning::Outage),
            ("25006", Meaning::Lost),
            ("22021", Meaning::Rejected),
            ("42501", Meaning::Broken),
            ("42P01", Meaning::Broken),
            ("XX000", Meaning::Broken),
            ("", Meaning::Broken),
        ] {
            assert_eq!(of_sqlstate(code), meaning, "{code}");
        }
        for (text, meaning) in [
            ("Deadlock found when trying to get lock; try restarting transaction", Meaning::Again),
            ("Input/output error: connection reset by peer", Meaning::Lost),
            (
                "The MariaDB server is running with the --read-only option so it cannot execute this \
                    statement",
                Meaning::Lost,
            ),
            ("The table 'users' is full", Meaning::Outage),
            ("Data too long for column 'name' at row 1", Meaning::Rejected),
            ("Table 'ns.users' doesn't exist", Meaning::Broken),
        ] {
            assert_eq!(of_mysql(text), meaning, "{text}");
        }
        assert_eq!(of_sqlite("database is locked"), Meaning::Again);
        assert_eq!(of_sqlite("database or disk is full"), Meaning::Outage);
        assert_eq!(of_sqlite("database disk image is malformed"), Meaning::Broken);
    }
}
