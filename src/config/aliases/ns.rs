//! NS's names. A variable that contains a PEM is refused with an explanation, because secrets do
//! not belong in the environment.

use super::{Alias, Carry};

pub(super) const TABLE: &[Alias] = &[
    ("NEXTAUTH_DEFAULT_WEBSOCKET_URI", "public.page", Carry::Origin),
    ("NEXTAUTH_NS_DEFAULT_WEBSOCKET_URI", "public.page", Carry::Origin),
    ("NEXTAUTH_DEFAULT_WS_URL", "public.page", Carry::Origin),
    ("NEXTAUTH_DEFAULT_SIGMAI_URI", "public.phone", Carry::Origin),
    ("NEXTAUTH_NS_DEFAULT_SIGMAI_URI", "public.phone", Carry::Origin),
    ("NEXTAUTH_NS_DB_URI", "database.url", Carry::Database),
    ("NEXTAUTH_NS_DB_URI_FILE", "database.url", Carry::DatabaseInFile),
    ("NEXTAUTH_NS_KV_URI", "kv.url", Carry::AsIs),
    ("NEXTAUTH_NS_KV_URI_FILE", "kv.url", Carry::InFile),
    ("NEXTAUTH_NS_LOG_LEVEL", "log.level", Carry::AsIs),
    ("NEXTAUTH_NS_LOG_FORMAT", "log.format", Carry::Format),
    ("NEXTAUTH_NS_HTTP_TLS_CERTIFICATE_FILE", "rest_tls.certificate_file", Carry::File),
    ("NEXTAUTH_NS_HTTP_TLS_CERTIFICATE", "rest_tls.certificate_file", Carry::File),
    ("NEXTAUTH_NS_HTTP_TLS_KEY_FILE", "rest_tls.key_file", Carry::File),
    ("NEXTAUTH_NS_HTTP_TLS_KEY", "rest_tls.key_file", Carry::File),
    ("NEXTAUTH_NS_WEBSOCKET_TLS_CERTIFICATE_FILE", "page_tls.certificate_file", Carry::File),
    ("NEXTAUTH_NS_WEBSOCKET_TLS_CERTIFICATE", "page_tls.certificate_file", Carry::File),
    ("NEXTAUTH_NS_WEBSOCKET_TLS_KEY_FILE", "page_tls.key_file", Carry::File),
    ("NEXTAUTH_NS_WEBSOCKET_TLS_KEY", "page_tls.key_file", Carry::File),
    ("NEXTAUTH_NS_SIGMAI_TLS_CERTIFICATE_FILE", "phone_tls.certificate_file", Carry::File),
    ("NEXTAUTH_NS_SIGMAI_TLS_CERTIFICATE", "phone_tls.certificate_file", Carry::File),
    ("NEXTAUTH_NS_SIGMAI_TLS_KEY_FILE", "phone_tls.key_file", Carry::File),
    ("NEXTAUTH_NS_SIGMAI_TLS_KEY", "phone_tls.key_file", Carry::File),
    ("NEXTAUTH_NS_ADMIN_TLS_CERTIFICATE_FILE", "admin_tls.certificate_file", Carry::File),
    ("NEXTAUTH_NS_ADMIN_TLS_CERTIFICATE", "admin_tls.certificate_file", Carry::File),
    ("NEXTAUTH_NS_ADMIN_TLS_KEY_FILE", "admin_tls.key_file", Carry::File),
    ("NEXTAUTH_NS_ADMIN_TLS_KEY", "admin_tls.key_file", Carry::File),
    ("NEXTAUTH_API_TLS_CERT", "rest_tls.certificate_file", Carry::File),
    ("NEXTAUTH_API_TLS_KEY", "rest_tls.key_file", Carry::File),
    ("NEXTAUTH_WS_TLS_CERT", "page_tls.certificate_file", Carry::File),
    ("NEXTAUTH_WS_TLS_KEY", "page_tls.key_file", Carry::File),
];
