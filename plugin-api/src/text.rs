//! Text that hooks make: files from templates, addresses from parts.

use crate::{Error, Result};
use std::collections::BTreeMap;

/// Fills the `{{ name }}` of a template. What has to stand as `{{` in the end is written `\{{`.
///
/// ```
/// use clusterdock_plugin_api::render;
///
/// # fn main() -> clusterdock_plugin_api::Result<()> {
/// let template = "broker.id={{ id }}\nlisteners=PLAINTEXT://{{ host }}:9092\n"; // include_str!("server.properties")
/// let file = render(template, [("id", "1"), ("host", "node-1.cluster")])?;
/// assert_eq!(file, "broker.id=1\nlisteners=PLAINTEXT://node-1.cluster:9092\n");
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// A name without a value, or a `{{` without `}}`, with its line; a value whose name the template does not have.
pub fn render<K, V>(template: &str, values: impl IntoIterator<Item = (K, V)>) -> Result<String>
where
    K: AsRef<str>,
    V: ToString,
{
    let values = values.into_iter().map(|(name, value)| (name.as_ref().to_string(), (value.to_string(), false)));
    let mut values: BTreeMap<String, (String, bool)> = values.collect();
    let (mut filled, mut rest) = (String::new(), template);
    while let Some((before, after)) = rest.split_once("{{") {
        if let Some(before) = before.strip_suffix('\\') {
            filled.extend([before, "{{"]);
            rest = after;
            continue;
        }
        let line = template[..template.len() - after.len()].matches('\n').count() + 1;
        let in_line = after.split('\n').next().unwrap_or_default();
        let name = in_line.split_once("}}").map(|(name, _)| name);
        let name = name.ok_or_else(|| Error::new(format!("line {line} of the template: `{{{{` without `}}}}`")))?;
        rest = &after[name.len() + 2..];
        let names = values.keys().cloned().collect::<Vec<_>>().join(", ");
        let (value, used) = values.get_mut(name.trim()).ok_or_else(|| {
            let unknown = format!("line {line} of the template: `{}` has no value", name.trim());
            Error::new(unknown).cause(format!("there are: {names}"))
        })?;
        *used = true;
        filled.extend([before, value]);
    }
    match values.iter().find(|(_, (_, used))| !used) {
        Some((name, _)) => Err(Error::new(format!("the template does not use the value `{name}`"))),
        None => Ok(filled + rest),
    }
}

/// Joins parts of an address with one slash each, whatever slashes they begin and end with.
///
/// ```
/// use clusterdock_plugin_api::join_url_parts;
///
/// assert_eq!(join_url_parts(["http://node-1:7180/", "/api/v19", "hosts/"]), "http://node-1:7180/api/v19/hosts");
/// ```
pub fn join_url_parts<S: AsRef<str>>(parts: impl IntoIterator<Item = S>) -> String {
    let parts = parts.into_iter().map(|part| part.as_ref().trim_matches('/').to_string());
    parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_filled() {
        assert_eq!(render("{{a}}-{{  a }}-{{ b }}", [("a", 1), ("b", 2)]).unwrap(), "1-1-2");
        assert_eq!(render("none { } }}", [("", ""); 0]).unwrap(), "none { } }}");
        assert_eq!(render("\\{{ range }} {{ x }}", [("x", "{{ y }}")]).unwrap(), "{{ range }} {{ y }}");
    }

    #[test]
    fn what_does_not_fit_is_told() {
        let said = |template: &str| render(template, [("host", "h"), ("port", "p")]).unwrap_err().to_string();
        assert_eq!(
            said("{{ host }}\n{{ prot }}\n"),
            "line 2 of the template: `prot` has no value: there are: host, port"
        );
        assert_eq!(said("\n\n{{ host\n}}"), "line 3 of the template: `{{` without `}}`");
        assert_eq!(said("{{ host }}"), "the template does not use the value `port`");
    }

    #[test]
    fn addresses_have_one_slash_between_parts() {
        assert_eq!(join_url_parts(["a//", "", "/", "//b"]), "a/b");
        assert_eq!(join_url_parts([""; 0]), "");
    }
}
