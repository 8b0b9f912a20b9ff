//! Text for hooks: files from templates, URLs from parts.

use std::collections::BTreeSet;
use std::fmt::Display;

use crate::{Error, Result};

/// Replaces each `{{ name }}` in a template. For a literal `{{`, write `\{{`.
///
/// ```
/// use clusterdock_plugin_api::{render, Port};
///
/// # fn main() -> clusterdock_plugin_api::Result<()> {
/// let template = "broker.id={{ id }}\nlisteners=PLAINTEXT://{{ host }}:{{ port }}\n"; // include_str!("x.properties")
/// let file = render(template, &[("id", &1), ("host", &"node-1.cluster"), ("port", &Port::tcp(9092))])?;
/// assert_eq!(file, "broker.id=1\nlisteners=PLAINTEXT://node-1.cluster:9092\n");
/// # Ok(())
/// # }
/// ```
///
/// [`File::template`](crate::File::template) makes a file of it. Since 1.0.
///
/// # Errors
/// A name without a value, or a `{{` without `}}`, with its line; a value whose name the template does not have.
pub fn render(template: &str, values: &[(&str, &dyn Display)]) -> Result<String> {
    let mut unused: BTreeSet<&str> = values.iter().map(|(name, _)| *name).collect();
    let (mut filled, mut rest) = (String::new(), template);
    while let Some((before, after)) = rest.split_once("{{") {
        if let Some(before) = before.strip_suffix('\\') {
            filled.extend([before, "{{"]);
            rest = after;
            continue;
        }
        let line = template[..template.len() - after.len()]
            .matches('\n')
            .count()
            + 1;
        let in_line = after.split('\n').next().unwrap_or_default();
        let name = in_line.split_once("}}").map(|(name, _)| name);
        let name = name.ok_or_else(|| {
            Error::new(format!(
                "line {line} of the template: `{{{{` without `}}}}`"
            ))
        })?;
        rest = &after[name.len() + 2..];
        let name = name.trim();
        let value = values.iter().find(|(known, _)| *known == name);
        let (_, value) = value.ok_or_else(|| {
            let known: BTreeSet<&str> = values.iter().map(|(name, _)| *name).collect();
            let known = known.into_iter().collect::<Vec<_>>().join(", ");
            let unknown = format!("line {line} of the template: `{name}` has no value");
            Error::new(unknown).cause(format!("available: {known}"))
        })?;
        unused.remove(name);
        filled += &format!("{before}{value}");
    }
    match unused.first() {
        Some(name) => Err(Error::new(format!(
            "the template does not use the value `{name}`"
        ))),
        None => Ok(filled + rest),
    }
}

/// Joins parts of a URL with single slashes, whatever slashes they begin and end with.
///
/// ```
/// use clusterdock_plugin_api::join_url_parts;
///
/// assert_eq!(join_url_parts(["http://node-1:7180/", "/api/v19", "hosts/"]), "http://node-1:7180/api/v19/hosts");
/// ```
///
/// Since 1.0.
pub fn join_url_parts<S: AsRef<str>>(parts: impl IntoIterator<Item = S>) -> String {
    let parts = parts
        .into_iter()
        .map(|part| part.as_ref().trim_matches('/').to_string());
    parts
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_filled() {
        assert_eq!(
            render("{{a}}-{{  a }}-{{ b }}", &[("a", &1), ("b", &'2')]).unwrap(),
            "1-1-2"
        );
        assert_eq!(render("none { } }}", &[]).unwrap(), "none { } }}");
        assert_eq!(
            render("\\{{ range }} {{ x }}", &[("x", &"{{ y }}")]).unwrap(),
            "{{ range }} {{ y }}"
        );
    }

    #[test]
    fn missing_and_unused_values_are_errors() {
        let said = |template: &str| {
            render(template, &[("host", &"h"), ("port", &"p")])
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            said("{{ host }}\n{{ prot }}\n"),
            "line 2 of the template: `prot` has no value: available: host, port"
        );
        assert_eq!(
            said("\n\n{{ host\n}}"),
            "line 3 of the template: `{{` without `}}`"
        );
        assert_eq!(
            said("{{ host }}"),
            "the template does not use the value `port`"
        );
    }

    #[test]
    fn urls_have_one_slash_between_parts() {
        assert_eq!(join_url_parts(["a//", "", "/", "//b"]), "a/b");
        assert_eq!(join_url_parts([""; 0]), "");
    }
}
