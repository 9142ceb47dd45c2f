use std::path::Path;

use openssl::{
    asn1::Asn1Time,
    ec::{EcGroup, EcKey},
    hash::MessageDigest,
    nid::Nid,
    x509::X509Builder,
};

use super::*;

/// Seconds since 1970, 2033. Nothing here depends on today.
const NOW: i64 = 2_000_000_000;
const DAY: i64 = 86_400;

fn at(secs: i64) -> Time {
    Time(u64::try_from(secs).unwrap() * 1000)
}

/// Writes a certificate that is valid between these seconds, and its key.
fn write(dir: &Path, from: i64, until: i64) -> TlsFiles {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
    let mut builder = X509Builder::new().unwrap();
    builder.set_not_before(&Asn1Time::from_unix(from).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::from_unix(until).unwrap()).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    let (certificate, private) = (dir.join("t.pem"), dir.join("t.key"));
    std::fs::write(&certificate, builder.build().to_pem().unwrap()).unwrap();
    std::fs::write(&private, key.private_key_to_pem_pkcs8().unwrap()).unwrap();
    let (certificate, key) = (Pem::File(certificate), Pem::File(private));
    TlsFiles { certificate, key, clients: ClientCertificates::Off }
}

#[test]
fn a_certificate_that_is_not_valid_yet_replaces_a_good_one_when_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let tls = Tls::load(write(dir.path(), NOW - DAY, NOW + 9 * DAY)).unwrap();
    write(dir.path(), NOW + DAY, NOW + 99 * DAY);
    let why = tls.reload(true, at(NOW)).unwrap_err().to_string();
    assert!(why.contains("not valid yet"), "{why}");
    assert_eq!((tls.not_before(), tls.not_after()), (at(NOW - DAY), at(NOW + 9 * DAY)), "the old one stays");
    assert_eq!(tls.reload(false, at(NOW + DAY - 1)).ok(), Some(false), "it is told once");
    assert_eq!(tls.reload(false, at(NOW + DAY)).ok(), Some(true));
    assert_eq!(tls.not_after(), at(NOW + 99 * DAY));
    assert_eq!(tls.reload(false, at(NOW + 2 * DAY)).ok(), Some(false));
}

#[test]
fn where_there_is_no_good_one_the_new_one_is_taken_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let tls = Tls::load(write(dir.path(), NOW + DAY, NOW + 2 * DAY)).unwrap();
    assert_eq!(tls.not_before(), at(NOW + DAY), "at the start there is nothing else");
    write(dir.path(), NOW + 3 * DAY, NOW + 9 * DAY);
    assert_eq!(tls.reload(true, at(NOW)).ok(), Some(true));
    assert_eq!(tls.not_before(), at(NOW + 3 * DAY));
}
