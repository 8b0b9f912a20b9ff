//! Go templates, which docker prints answers with and clusterdock does not know.

/// Why a value is refused, if it is a template; `example` is a command that prints a single field.
pub(super) fn refusal(value: &str, example: &str) -> Option<String> {
    let is_template = value.contains("{{") || value.starts_with("table ");
    is_template.then(|| format!("templates are not supported; use JSON and jq, e.g. {example}"))
}
