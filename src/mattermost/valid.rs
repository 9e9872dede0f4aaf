//! What the server takes for a plugin's identifier, and for a web address.

/// Returns whether this is a plugin's identifier (server/public/model/plugin_valid.go).
pub fn is_valid_id(id: &str) -> bool {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    (3..=190).contains(&id.len()) && id.chars().all(is_fine)
}

/// Returns whether this is an http or https address with a host, without white space and control
/// characters.
pub fn is_web_address(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let host = |rest: &str| !rest.split(['/', '?', '#']).next().unwrap_or_default().is_empty();
    let is_clean = |c: char| !c.is_whitespace() && !c.is_control();
    rest.is_some_and(|rest| host(rest) && rest.chars().all(is_clean))
}
