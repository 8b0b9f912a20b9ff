//! The base images of a Dockerfile: the engine needs credentials for their registries before the build.

use std::collections::{BTreeMap, BTreeSet};

/// Stands for no image.
const NOTHING: &str = "scratch";

/// The images that a Dockerfile names, given these build arguments, except its own stages and images whose names are
/// only known during the build.
pub(super) fn images(dockerfile: &str, arguments: &BTreeMap<String, String>) -> BTreeSet<String> {
    let mut variables = BTreeMap::new();
    let mut images = BTreeSet::new();
    let mut stages = BTreeSet::from([NOTHING.to_string()]);
    for line in logical_lines(dockerfile) {
        let mut words = line.split_whitespace();
        let instruction = words.next().unwrap_or_default().to_ascii_uppercase();
        let named = match instruction.as_str() {
            "ARG" => {
                for (name, value) in words.map(|word| word.split_once('=').unwrap_or((word, ""))) {
                    let value = arguments
                        .get(name)
                        .map_or(value.trim_matches(['"', '\'']), String::as_str);
                    variables.insert(name.to_string(), value.to_string());
                }
                continue;
            }
            "FROM" => {
                let mut words = words.skip_while(|word| word.starts_with("--"));
                let image = words.next();
                let stage = words.nth(1).map(str::to_lowercase);
                image.map(|image| (image, stage))
            }
            "COPY" => words
                .find_map(|word| word.strip_prefix("--from="))
                .map(|image| (image, None)),
            _ => None,
        };
        let Some((image, stage)) = named else {
            continue;
        };
        let image = expanded(image.trim_matches(['"', '\'']), &variables);
        // Stages can also be named by their numbers.
        let is_stage =
            stages.contains(&image.to_lowercase()) || image.chars().all(|c| c.is_ascii_digit());
        if !is_stage && !image.contains('$') {
            images.insert(image);
        }
        stages.extend(stage);
    }
    images
}

/// Lines without comments, with continued lines joined.
fn logical_lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut open = String::new();
    for line in text
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with('#'))
    {
        match line.strip_suffix('\\') {
            Some(begun) => open.push_str(&format!("{begun} ")),
            None => lines.push(std::mem::take(&mut open) + line),
        }
    }
    lines.push(open);
    lines
}

/// Replaces `$NAME`, `${NAME}` and `${NAME:-default}`; variables without a value stay as they are.
fn expanded(text: &str, variables: &BTreeMap<String, String>) -> String {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        expanded.push_str(before);
        let (name, end) = match after
            .strip_prefix('{')
            .and_then(|inner| inner.split_once('}'))
        {
            Some(found) => found,
            None => after.split_at(
                after
                    .find(|c: char| !c.is_alphanumeric() && c != '_')
                    .unwrap_or(after.len()),
            ),
        };
        let (name, default) = name
            .split_once(":-")
            .map_or((name, None), |(name, default)| (name, Some(default)));
        let value = variables
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
            .or(default);
        match value {
            Some(value) => expanded.push_str(value),
            None => expanded.push_str(&rest[before.len()..rest.len() - end.len()]),
        }
        rest = end;
    }
    expanded + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_images_exclude_the_stages_of_the_dockerfile() {
        let dockerfile = r#"
            # FROM comment
            ARG TAG=12
            ARG REGISTRY
            from --platform=linux/amd64 debian:${TAG} as Base
            FROM "$REGISTRY/tools" AS tools
            FROM scratch
            COPY --from=base /a /a
            COPY --chown=0 --from=0 /b \
                 /b
            COPY --from=quay.io/x/y:${V:-1} /c /c
            FROM $UNKNOWN
            RUN echo FROM nowhere
        "#;
        let arguments = BTreeMap::from([("REGISTRY".to_string(), "r:5000".to_string())]);
        let found: Vec<String> = images(dockerfile, &arguments).into_iter().collect();
        assert_eq!(found, ["debian:12", "quay.io/x/y:1", "r:5000/tools"]);
    }
}
