//! Request headers that authenticate or name something: each may be sent once.

use actix_web::HttpRequest;

use crate::problem::ApiProblem;

/// Returns the value of a header.
///
/// # Errors
/// 400 when it is sent twice, because client and proxy may count different ones, and when it is not
/// visible ASCII.
pub fn one<'a>(request: &'a HttpRequest, name: &str) -> Result<Option<&'a str>, ApiProblem> {
    let mut all = request.headers().get_all(name);
    let Some(value) = all.next() else { return Ok(None) };
    if all.next().is_some() {
        return Err(ApiProblem::malformed().because(format!("the header {name} is sent more than once")));
    }
    let text = value.to_str();
    text.map(Some)
        .map_err(|_| ApiProblem::malformed().because(format!("the header {name} is not visible ASCII")))
}

/// Returns the token of `Authorization: Bearer …`. The scheme is case-insensitive (RFC 9110,
/// section 11.1).
#[must_use]
pub fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_start_matches(' '))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_scheme_has_no_case_and_may_be_followed_by_blanks() {
        for good in ["Bearer cs_1", "bearer cs_1", "BEARER   cs_1"] {
            assert_eq!(bearer(good), Some("cs_1"), "{good}");
        }
        for bad in ["", "Bearer", "cs_1", "Basic cs_1", "Bearer\tcs_1", "Bearers cs_1"] {
            assert_eq!(bearer(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_header_counts_once() {
        let none = TestRequest::get().to_http_request();
        assert_eq!(one(&none, "authorization").ok(), Some(None));
        let once = TestRequest::get().append_header(("Authorization", "a")).to_http_request();
        assert_eq!(one(&once, "authorization").ok(), Some(Some("a")));
        let twice = TestRequest::get()
            .append_header(("Authorization", "a"))
            .append_header(("authorization", "a"))
            .to_http_request();
        assert!(one(&twice, "authorization").is_err());
        let odd = TestRequest::get().append_header(("Authorization", "\u{e9}")).to_http_request();
        assert!(one(&odd, "authorization").is_err());
    }
}
