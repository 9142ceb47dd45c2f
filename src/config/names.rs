//! Names of settings: their twins in the environment, the nearest known name, and names that are
//! nobody's setting.

pub(super) const PREFIX: &str = "COUNTERSIGN_";

/// The name of a setting in the environment.
pub(super) fn twin(path: &str) -> String {
    format!("{PREFIX}{}", path.replace('.', "_").to_uppercase())
}

/// Whether Kubernetes or Docker makes this variable for a service that is called like the program:
/// `COUNTERSIGN_PORT=tcp://10.0.0.1:8080`, `COUNTERSIGN_NS_SERVICE_HOST`,
/// `COUNTERSIGN_PORT_8080_TCP_ADDR` and so on.
pub(super) fn is_service_link(name: &str, value: &str) -> bool {
    const PROTOCOLS: [&str; 3] = ["TCP", "UDP", "SCTP"];
    let link = |value: &str| PROTOCOLS.iter().any(|p| value.starts_with(&format!("{}://", p.to_lowercase())));
    if name.ends_with("_SERVICE_HOST") || name.ends_with("_SERVICE_PORT") || name.contains("_SERVICE_PORT_") {
        return true;
    }
    if name.ends_with("_PORT") && link(value) {
        return true;
    }
    let Some((_, rest)) = name.rsplit_once("_PORT_") else { return false };
    let mut parts = rest.split('_');
    let number = parts.next().is_some_and(|n| n.parse::<u16>().is_ok());
    let protocol = parts.next().is_some_and(|p| PROTOCOLS.contains(&p));
    number && protocol && parts.next().is_none_or(|what| ["PROTO", "PORT", "ADDR"].contains(&what))
}

/// The most similar known name, if it is similar enough.
pub(super) fn nearest(name: &str, known: &[String]) -> Option<String> {
    let best = known.iter().map(|k| (distance(name, k), k)).min()?;
    (best.0 <= name.len() / 3 + 1).then(|| best.1.clone())
}

/// Levenshtein distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let cost = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = cost.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::is_service_link;

    #[test]
    fn what_a_cluster_sets_is_told_from_settings() {
        for (name, value) in [
            ("COUNTERSIGN_PORT", "tcp://10.0.0.1:8080"),
            ("COUNTERSIGN_SERVICE_HOST", "10.0.0.1"),
            ("COUNTERSIGN_SERVICE_PORT", "8080"),
            ("COUNTERSIGN_SERVICE_PORT_REST", "8080"),
            ("COUNTERSIGN_NS_PORT", "tcp://10.0.0.1:8080"),
            ("COUNTERSIGN_PORT_8080_TCP", "tcp://10.0.0.1:8080"),
            ("COUNTERSIGN_PORT_8080_TCP_PROTO", "tcp"),
            ("COUNTERSIGN_PORT_8080_TCP_PORT", "8080"),
            ("COUNTERSIGN_PORT_8080_TCP_ADDR", "10.0.0.1"),
            ("COUNTERSIGN_PHONE_PORT_8888_UDP_ADDR", "10.0.0.1"),
        ] {
            assert!(is_service_link(name, value), "{name}");
        }
        for (name, value) in [
            ("COUNTERSIGN_PORT", "8080"),
            ("COUNTERSIGN_PORT_X_TCP", "x"),
            ("COUNTERSIGN_PORT_8080_HTTP", "x"),
            ("COUNTERSIGN_LISTEN_REST", "127.0.0.1:1"),
        ] {
            assert!(!is_service_link(name, value), "{name}");
        }
    }
}
