//! Cookies of services live under the gateway's host. Ours never reach a service, and theirs come back to it alone.

use http::{
    HeaderMap, HeaderValue,
    header::{COOKIE, SET_COOKIE},
};

/// Takes the gateway's own cookies out of a request.
pub fn hide_ours(headers: &mut HeaderMap) {
    let lines: Vec<_> = headers.get_all(COOKIE).iter().filter_map(without_ours).collect();
    headers.remove(COOKIE);
    for line in lines {
        headers.append(COOKIE, line);
    }
}

fn without_ours(line: &HeaderValue) -> Option<HeaderValue> {
    // A line that is no text is one that we cannot read, so it may hold anything.
    let text = line.to_str().ok()?;
    let is_theirs = |pair: &&str| !is_ours(pair.split('=').next().unwrap_or_default());
    let kept: Vec<_> =
        text.split(';').map(str::trim).filter(|pair| !pair.is_empty()).filter(is_theirs).collect();
    let mut value = (!kept.is_empty()).then(|| HeaderValue::from_str(&kept.join("; ")).ok())??;
    value.set_sensitive(true);
    Some(value)
}

/// By name, whatever prefix it carries.
fn is_ours(name: &str) -> bool {
    let name = name.trim().to_ascii_lowercase();
    let bare = name.strip_prefix("__host-").or_else(|| name.strip_prefix("__secure-")).unwrap_or(&name);
    bare == "session_token" || bare.starts_with("rgw_")
}

/// Binds the cookies of an answer to the path of their service, and drops those that would be taken for ours.
pub fn bind_theirs(headers: &mut HeaderMap, slug: &str) {
    let lines: Vec<_> = headers.get_all(SET_COOKIE).iter().filter_map(|line| bound(line, slug)).collect();
    headers.remove(SET_COOKIE);
    for line in lines {
        headers.append(SET_COOKIE, line);
    }
}

fn bound(line: &HeaderValue, slug: &str) -> Option<HeaderValue> {
    let text = line.to_str().ok()?;
    let mut parts = text.split(';').map(str::trim);
    let pair = parts.next()?;
    let (name, _) = pair.split_once('=')?;
    // The prefix means the whole host, which is not theirs.
    if name.trim().is_empty() || is_ours(name) || name.trim().to_ascii_lowercase().starts_with("__host-") {
        return None;
    }
    let mut bound = format!("{pair}; Path=/svc/{slug}/");
    let kept = parts.filter(|part| {
        let attribute = part.split('=').next().unwrap_or_default().trim();
        !attribute.is_empty()
            && !attribute.eq_ignore_ascii_case("path")
            && !attribute.eq_ignore_ascii_case("domain")
    });
    for part in kept {
        bound.push_str("; ");
        bound.push_str(part);
    }
    HeaderValue::from_str(&bound).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(lines: &[&str]) -> Vec<String> {
        let mut headers: HeaderMap = lines.iter().map(|line| (COOKIE, line.parse().unwrap())).collect();
        hide_ours(&mut headers);
        headers.get_all(COOKIE).iter().map(|line| line.to_str().unwrap().to_owned()).collect()
    }

    fn answer(line: &str) -> Option<String> {
        let mut headers = HeaderMap::from_iter([(SET_COOKIE, line.parse().unwrap())]);
        bind_theirs(&mut headers, "web");
        headers.get(SET_COOKIE).map(|line| line.to_str().unwrap().to_owned())
    }

    #[test]
    fn ours_stay_here() {
        let mixed =
            "a=1; session_token=rgs_x;__Host-session_token=rgs_y; rgw_oauth_state=z; b=session_token=2";
        assert_eq!(request(&[mixed]), ["a=1; b=session_token=2"]);
        assert_eq!(request(&["session_token=x", "c=3"]), ["c=3"]);
        assert_eq!(request(&["SESSION_TOKEN=x; __Secure-rgw_trusted_device=y"]), Vec::<String>::new());
        assert_eq!(request(&["my_session_token=1"]), ["my_session_token=1"]);
    }

    #[test]
    fn theirs_are_bound_to_their_path() {
        for (line, expected) in [
            ("a=1", Some("a=1; Path=/svc/web/")),
            ("a=1; Path=/; HttpOnly", Some("a=1; Path=/svc/web/; HttpOnly")),
            ("a=1;path=/x;DOMAIN=example.com; Max-Age=5", Some("a=1; Path=/svc/web/; Max-Age=5")),
            ("__Secure-a=1; Secure", Some("__Secure-a=1; Path=/svc/web/; Secure")),
            ("__Host-a=1; Secure; Path=/", None),
            ("session_token=x", None),
            (" session_token =x", None),
            ("rgw_trusted_device=x; Path=/", None),
            ("nonsense", None),
            ("=x", None),
        ] {
            assert_eq!(answer(line).as_deref(), expected, "{line}");
        }
    }
}
