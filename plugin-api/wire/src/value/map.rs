//! Maps as users write them: `a=x,y`, repeated, or the original's `{a: [x, y], b: z}` in one argument.

use std::collections::BTreeMap;

/// Reads a map from all its arguments.
pub fn parse<'a>(
    words: impl IntoIterator<Item = &'a str>,
) -> Result<BTreeMap<String, Vec<String>>, String> {
    let mut map: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for word in words {
        let word = word.trim();
        let pairs = match word
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'))
        {
            Some(inside) => flow(inside)?,
            None => vec![plain(word)?],
        };
        for (name, values) in pairs {
            map.entry(name).or_default().extend(values);
        }
    }
    Ok(map)
}

fn plain(word: &str) -> Result<(String, Vec<String>), String> {
    let (name, values) = word
        .split_once('=')
        .filter(|(name, _)| !name.is_empty())
        .ok_or_else(|| malformed(word))?;
    Ok((name.into(), list(values)))
}

/// The inside of `{a: [x, y], b: z}`; quotes around names and values are removed.
fn flow(mut rest: &str) -> Result<Vec<(String, Vec<String>)>, String> {
    let mut pairs = Vec::new();
    while !rest.trim().is_empty() {
        let (name, tail) = rest.split_once(':').ok_or_else(|| malformed(rest))?;
        let tail = tail.trim_start();
        let (values, tail) = match tail.strip_prefix('[') {
            Some(inside) => inside.split_once(']').ok_or_else(|| malformed(rest))?,
            None => tail.split_at(tail.find(',').unwrap_or(tail.len())),
        };
        pairs.push((unquoted(name), list(values)));
        rest = tail.trim_start().trim_start_matches(',');
    }
    Ok(pairs)
}

fn list(values: &str) -> Vec<String> {
    values
        .split(',')
        .map(unquoted)
        .filter(|value| !value.is_empty())
        .collect()
}

fn unquoted(text: &str) -> String {
    text.trim().trim_matches(['"', '\'']).to_string()
}

fn malformed(word: &str) -> String {
    format!("`{word}` is not a map; expected NAME=VALUE[,VALUE] or '{{NAME: [VALUE, VALUE]}}'")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str]) -> String {
        match parse(words.iter().copied()) {
            Ok(map) => map
                .iter()
                .map(|(name, values)| format!("{name}={}", values.join("+")))
                .collect::<Vec<_>>()
                .join(" "),
            Err(error) => error,
        }
    }

    #[test]
    fn both_spellings_mean_the_same() {
        assert_eq!(
            parsed(&["node-1=/dev/sdb,/dev/sdc", "node-2=/dev/sdd"]),
            "node-1=/dev/sdb+/dev/sdc node-2=/dev/sdd"
        );
        assert_eq!(
            parsed(&["{'node-1': ['/dev/sdb', \"/dev/sdc\"], node-2: /dev/sdd}"]),
            "node-1=/dev/sdb+/dev/sdc node-2=/dev/sdd"
        );
        assert_eq!(parsed(&["a=x", "a=y"]), "a=x+y");
        assert_eq!(parsed(&["{}"]), "");
    }

    #[test]
    fn anything_else_is_not_a_map() {
        assert!(parsed(&["node-1"]).contains("not a map"));
        assert!(parsed(&["{node-1}"]).contains("not a map"));
    }
}
