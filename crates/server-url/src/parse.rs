//! Takes a URL apart.

use super::{Host, Password, ServerUrl, UrlError};

pub(super) fn url(text: &str, schemes: &[&str]) -> Result<ServerUrl, UrlError> {
    let text = text.trim();
    let unknown =
        || UrlError::Scheme(schemes.iter().map(|s| format!("{s}://")).collect::<Vec<_>>().join(", "));
    let (scheme, rest) = text.split_once("://").ok_or_else(unknown)?;
    let scheme = scheme.to_ascii_lowercase();
    if !schemes.contains(&scheme.as_str()) {
        return Err(unknown());
    }
    let (who, place) = rest.rsplit_once('@').map_or((None, rest), |(who, place)| (Some(who), place));
    if who.is_some_and(|who| who.contains(['/', '?', '#'])) {
        return Err(UrlError::Raw);
    }
    let (user, password) = credentials(who.unwrap_or_default())?;
    if place.contains('#') {
        return Err(UrlError::Fragment);
    }
    let (place, query) = place.split_once('?').map_or((place, ""), |(place, query)| (place, query));
    let (authority, path) =
        place.split_once('/').map_or((place, None), |(authority, path)| (authority, Some(path)));
    let hosts = match authority.trim() {
        "" => Vec::new(),
        all => all.split(',').map(|one| host(one.trim())).collect::<Result<_, _>>()?,
    };
    let path = path.map_or_else(|| Ok(Vec::new()), |path| path.split('/').map(decoded).collect())?;
    Ok(ServerUrl { scheme, user, password, hosts, path, parameters: parameters(query)? })
}

fn credentials(who: &str) -> Result<(Option<String>, Option<Password>), UrlError> {
    let (user, password) = who.split_once(':').map_or((who, None), |(user, password)| (user, Some(password)));
    let user = Some(decoded(user)?).filter(|user| !user.is_empty());
    let password = password.filter(|p| !p.is_empty()).map(|p| decoded(p).map(Password::new)).transpose()?;
    Ok((user, password))
}

fn host(text: &str) -> Result<Host, UrlError> {
    let (name, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (name, port) = rest.split_once(']').ok_or(UrlError::Host)?;
            if name.parse::<std::net::Ipv6Addr>().is_err() {
                return Err(UrlError::Host);
            }
            let port = match port {
                "" => None,
                port => Some(port.strip_prefix(':').ok_or(UrlError::Host)?),
            };
            (name.to_owned(), port)
        }
        None => {
            let (name, port) = text.split_once(':').map_or((text, None), |(name, port)| (name, Some(port)));
            (decoded(name)?, port)
        }
    };
    let in_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    if name.is_empty() || !name.starts_with('/') && !name.chars().all(in_name) {
        return Err(UrlError::Host);
    }
    let port = port.map(|port| match port.parse() {
        // The parser accepts a sign, too.
        Ok(number) if number > 0 && port.bytes().all(|b| b.is_ascii_digit()) => Ok(number),
        _ => Err(UrlError::Port),
    });
    Ok(Host { name, port: port.transpose()? })
}

fn parameters(query: &str) -> Result<Vec<(String, String)>, UrlError> {
    let pair = |pair: &str| {
        let (key, value) = pair.split_once('=').ok_or(UrlError::NoValue)?;
        Ok((decoded(key)?, decoded(value)?))
    };
    query.split('&').filter(|part| !part.is_empty()).map(pair).collect()
}

/// The key if it looks like the name of an option, otherwise a text that shows nothing of it.
pub(super) fn plausible_key(key: &str) -> String {
    let plain = |c: char| c.is_ascii_lowercase() || matches!(c, '_' | '-');
    if key.len() <= 32 && key.chars().all(plain) { key.to_owned() } else { "(hidden)".to_owned() }
}

fn decoded(text: &str) -> Result<String, UrlError> {
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(UrlError::Blank);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first == b'%' {
            let digits = after.get(..2).ok_or(UrlError::Percent)?;
            let digit = |d: u8| char::from(d).to_digit(16).and_then(|d| u8::try_from(d).ok());
            let (high, low) = (digit(digits[0]), digit(digits[1]));
            bytes.push(high.zip(low).map(|(high, low)| high << 4 | low).ok_or(UrlError::Percent)?);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok().filter(|text| !text.chars().any(char::is_control)).ok_or(UrlError::Encoding)
}
