//! SFS's names.

use super::{Alias, Carry};

pub(super) const TABLE: &[Alias] = &[
    ("NEXTAUTH_SFS_DEFAULT_SIGMAI_URI", "public.phone", Carry::Origin),
    ("NEXTAUTH_SFS_DB_URI", "sfs_database.url", Carry::Database),
    ("NEXTAUTH_SFS_DB_URI_FILE", "sfs_database.url", Carry::DatabaseInFile),
    ("NEXTAUTH_SFS_LOG_LEVEL", "log.level", Carry::AsIs),
    ("NEXTAUTH_SFS_LOG_FORMAT", "log.format", Carry::Format),
    ("NEXTAUTH_SFS_SIGMAI_TLS_CERTIFICATE_FILE", "phone_tls.certificate_file", Carry::File),
    ("NEXTAUTH_SFS_SIGMAI_TLS_CERTIFICATE", "phone_tls.certificate_file", Carry::Pem),
    ("NEXTAUTH_SFS_SIGMAI_TLS_KEY_FILE", "phone_tls.key_file", Carry::File),
    ("NEXTAUTH_SFS_SIGMAI_TLS_KEY", "phone_tls.key_file", Carry::Pem),
    ("NEXTAUTH_SFS_ADMIN_TLS_CERTIFICATE_FILE", "admin_tls.certificate_file", Carry::File),
    ("NEXTAUTH_SFS_ADMIN_TLS_CERTIFICATE", "admin_tls.certificate_file", Carry::Pem),
    ("NEXTAUTH_SFS_ADMIN_TLS_KEY_FILE", "admin_tls.key_file", Carry::File),
    ("NEXTAUTH_SFS_ADMIN_TLS_KEY", "admin_tls.key_file", Carry::Pem),
];
