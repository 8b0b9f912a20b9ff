//! Parts of image references as users write them: registries, namespaces, repositories and tags.

use crate::engine::reference;

/// Reads a registry, with or without a URL's scheme, and returns it as image references name it.
pub(super) fn registry(text: &str) -> Result<String, String> {
    let host = without_scheme(text);
    if host.is_empty() || host.contains('/') {
        Err("expected HOST or HOST:PORT".into())
    } else {
        reference::check_registry(host).map(|()| host.into())
    }
}

/// Reads a namespace.
pub(super) fn namespace(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("must not be empty".into());
    }
    reference::check_path(text).map(|()| text.into())
}

/// Reads an operating system, which is the tag of its image.
pub(super) fn system(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("must not be empty".into());
    }
    reference::check_tag(text).map(|()| text.into())
}

/// Reads `REGISTRY/NAMESPACE`, or a namespace of Docker Hub.
pub(super) fn repository(text: &str) -> Result<String, String> {
    let path = without_scheme(text);
    if path.split('/').any(str::is_empty) {
        return Err("expected REGISTRY/NAMESPACE".into());
    }
    match path.split_once('/') {
        Some((registry, namespace)) if reference::is_registry(registry) => {
            reference::check_registry(registry)?;
            reference::check_path(namespace)?;
        }
        _ => reference::check_path(path)?,
    }
    Ok(path.into())
}

fn without_scheme(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.strip_suffix('/').unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_is_read_with_or_without_scheme_and_slash() {
        for text in [
            "r.example:5000",
            "https://r.example:5000",
            "http://r.example:5000/",
        ] {
            assert_eq!(registry(text).as_deref(), Ok("r.example:5000"));
            assert_eq!(
                repository(&format!("{text}/a/b").replace("//a", "/a")).as_deref(),
                Ok("r.example:5000/a/b")
            );
        }
        for text in [
            "",
            "https://",
            "r.example/namespace",
            "a b",
            "r.example:x",
            "r..example",
            "-r.example",
            "hub",
        ] {
            assert!(registry(text).is_err(), "{text}");
        }
        for text in [
            "r.example//a",
            "",
            "Foo",
            "r.example/Foo",
            "r.example:x/a",
            "a b",
            "a:1",
            "r.example/a:1",
            "a@b",
        ] {
            assert!(repository(text).is_err(), "{text}");
        }
    }

    #[test]
    fn invalid_parts_of_a_reference_are_refused() {
        for text in [
            "", "Foo", "a b", "a//b", "/a", "a/", "a:1", "../a", "a_", "-a",
        ] {
            assert!(namespace(text).is_err(), "{text}");
        }
        for text in ["", ".a", "-a", "a b", "a/b", "a:b", "ä", &"a".repeat(129)] {
            assert!(system(text).is_err(), "{text}");
        }
        assert!(namespace("a/b-c").is_ok() && system("Debian_12.1-x").is_ok());
    }
}
