//! Image references by Docker's grammar: `[REGISTRY/]PATH[:TAG][@DIGEST]`. An invalid reference is refused before the
//! engine is called, because it could mean anything in a path of the engine's API.

/// The registry of references that do not name one.
pub const DOCKER_HUB: &str = "docker.io";

/// The longest name, without tag and digest.
const LONGEST_NAME: usize = 255;
const LONGEST_TAG: usize = 128;

/// The parts of a reference, as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reference<'a> {
    /// The registry, if named.
    pub registry: Option<&'a str>,
    /// The path within the registry.
    pub path: &'a str,
    /// The tag, if any.
    pub tag: Option<&'a str>,
    /// The digest, if any.
    pub digest: Option<&'a str>,
}

impl<'a> Reference<'a> {
    /// Reads a reference.
    ///
    /// # Errors
    /// Which part is invalid, and the rule that it breaks.
    pub fn parse(text: &'a str) -> Result<Reference<'a>, String> {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (text, None),
        };
        let (name, tag) = match rest.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
            _ => (rest, None),
        };
        let (registry, path) = match name.split_once('/') {
            Some((first, path)) if is_registry(first) => (Some(first), path),
            _ => (None, name),
        };
        registry.map_or(Ok(()), check_host)?;
        check_path(path)?;
        if name.len() > LONGEST_NAME {
            return Err(format!("its name is longer than {LONGEST_NAME} characters"));
        }
        if registry.is_none() && is_hexadecimal(path, 64) {
            return Err("64 hexadecimal digits are an image's id".into());
        }
        tag.map_or(Ok(()), check_tag)?;
        digest.map_or(Ok(()), check_digest)?;
        Ok(Reference {
            registry,
            path,
            tag,
            digest,
        })
    }
}

/// Whether the first of several parts of a reference is a registry: namespaces contain neither dots nor colons nor
/// capitals.
pub fn is_registry(first: &str) -> bool {
    first.contains(['.', ':']) || first == "localhost" || first.chars().any(char::is_uppercase)
}

/// Checks an image's reference or id.
///
/// # Errors
/// The rule it breaks.
pub fn check_image(text: &str) -> Result<(), String> {
    if is_hexadecimal(text, 64) {
        Ok(())
    } else {
        Reference::parse(text).map(drop)
    }
}

/// Checks a registry: `HOST` or `HOST:PORT` that Docker does not mistake for a namespace.
///
/// # Errors
/// The rule it breaks.
pub fn check_registry(text: &str) -> Result<(), String> {
    check_host(text)?;
    if is_registry(text) {
        return Ok(());
    }
    Err(format!(
        "Docker reads `{text}` as a namespace: write the full host name, or add its port"
    ))
}

fn check_host(text: &str) -> Result<(), String> {
    let invalid = || Err(format!("`{text}` is not HOST or HOST:PORT"));
    let (host, port) = match text.strip_prefix('[').map(|rest| rest.split_once(']')) {
        Some(Some((host, rest)))
            if is_address(host) && (rest.is_empty() || rest.starts_with(':')) =>
        {
            ("", rest.strip_prefix(':'))
        }
        Some(_) => return invalid(),
        None => text
            .split_once(':')
            .map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let label = |label: &str| {
        let bytes = label.as_bytes();
        bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
            && bytes.first().is_some_and(u8::is_ascii_alphanumeric)
            && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
    };
    let bracketed = text.starts_with('[');
    // A sign would be a number too.
    let is_port = |port: &str| {
        port.bytes().all(|byte| byte.is_ascii_digit())
            && port.parse::<u16>().is_ok_and(|port| port > 0)
    };
    if port.is_none_or(is_port) && (bracketed || host.split('.').all(label)) {
        Ok(())
    } else {
        invalid()
    }
}

/// Checks a path within a registry: a namespace, a repository, or several of both.
///
/// # Errors
/// The rule it breaks.
pub fn check_path(text: &str) -> Result<(), String> {
    match text.split('/').find(|part| !is_path_part(part)) {
        None => Ok(()),
        Some("") => Err("a part of its name is empty".into()),
        Some(part) if part.chars().any(char::is_uppercase) => {
            Err(format!("`{part}` has capitals; use lowercase"))
        }
        Some(part) => Err(format!(
            "`{part}` is not a name: use a-z and 0-9, with single dots, one or two underscores, or hyphens in between"
        )),
    }
}

/// Checks a tag.
///
/// # Errors
/// The rule it breaks.
pub fn check_tag(text: &str) -> Result<(), String> {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let valid = text.len() <= LONGEST_TAG
        && text.bytes().next().is_some_and(word)
        && text.bytes().all(|byte| word(byte) || b".-".contains(&byte));
    if valid {
        Ok(())
    } else if text.is_empty() {
        Err("its tag is empty".into())
    } else {
        Err(format!(
            "`{text}` is not a tag: use at most {LONGEST_TAG} letters, digits, `_`, `.` and `-`, beginning with none of the last two"
        ))
    }
}

fn check_digest(text: &str) -> Result<(), String> {
    let valid = match text.split_once(':') {
        Some(("sha256", digits)) => is_hexadecimal(digits, 64),
        Some(("sha384", digits)) => is_hexadecimal(digits, 96),
        Some(("sha512", digits)) => is_hexadecimal(digits, 128),
        _ => false,
    };
    if valid {
        Ok(())
    } else {
        Err(format!("`{text}` is not a digest"))
    }
}

/// Letters and digits, with separators in between: a dot, one or two underscores, or hyphens.
fn is_path_part(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let separators = text
        .split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        .filter(|part| !part.is_empty());
    text.bytes().next().is_some_and(plain)
        && text.bytes().next_back().is_some_and(plain)
        && separators
            .into_iter()
            .all(|run| matches!(run, "." | "_" | "__") || run.bytes().all(|byte| byte == b'-'))
}

fn is_hexadecimal(text: &str, length: usize) -> bool {
    text.len() == length
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_address(text: &str) -> bool {
    text.parse::<std::net::Ipv6Addr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_references_are_parsed() {
        let digest = format!("sha256:{}", "0f".repeat(32));
        let of = |registry, path, tag, digest| Reference {
            registry,
            path,
            tag,
            digest,
        };
        for (text, parts) in [
            ("debian", of(None, "debian", None, None)),
            (
                "a/b__c/d.e-f--g_h:1.0-x_Y",
                of(None, "a/b__c/d.e-f--g_h", Some("1.0-x_Y"), None),
            ),
            ("localhost/a", of(Some("localhost"), "a", None, None)),
            (
                "localhost:5000/a:b",
                of(Some("localhost:5000"), "a", Some("b"), None),
            ),
            ("r.Example/a/b", of(Some("r.Example"), "a/b", None, None)),
            (
                "[2001:db8::1]:5000/a",
                of(Some("[2001:db8::1]:5000"), "a", None, None),
            ),
            ("a:5000", of(None, "a", Some("5000"), None)),
        ] {
            assert_eq!(Reference::parse(text), Ok(parts), "{text}");
        }
        let text = format!("r.example/a:1@{digest}");
        let parts = of(Some("r.example"), "a", Some("1"), Some(digest.as_str()));
        assert_eq!(Reference::parse(&text), Ok(parts));
    }

    #[test]
    fn invalid_references_are_refused() {
        let (id, long, tag) = (
            "0f".repeat(32),
            "a".repeat(256),
            format!("a:{}", "b".repeat(129)),
        );
        let upper = format!("a@sha256:{}", "0F".repeat(32));
        for text in [
            "",
            ":",
            "a:",
            "a:b c",
            "a b",
            "Foo",
            "a/Foo",
            "/a",
            "a/",
            "a//b",
            "-a",
            "a-",
            "a..b",
            "a___b",
            "a._b",
            "a:-b",
            "a:.b",
            "a:b:c",
            "a@",
            "a@sha256:",
            "a@sha256:12",
            "a@md5:0123456789abcdef0123456789abcdef",
            "https://a/b",
            "r.example:x/a",
            "r..example/a",
            "-r.example/a",
            "[::1/a",
            "[::g]/a",
            "[::1]x/a",
            "ä",
            "a\n",
            "a\0",
            "a?b",
            "a#b",
            "a%20b",
            "../a",
            "a/../b",
            "../../containers/json?all=1#",
            "A/B",
            &id,
            &long,
            &tag,
            &upper,
        ] {
            assert!(Reference::parse(text).is_err(), "{text:?}");
        }
    }
}
