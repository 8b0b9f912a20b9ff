//! `.dockerignore`, by the rules of Docker's own matcher (moby/patternmatcher): the last pattern that matches decides,
//! `!` takes back in, a folder that is left out takes what is in it along, `**` stands for any number of folders.

/// The patterns of a `.dockerignore`.
#[derive(Debug, Clone, Default)]
pub struct Ignore {
    patterns: Vec<Pattern>,
}

#[derive(Debug, Clone)]
struct Pattern {
    parts: Vec<String>,
    takes_back: bool,
}

impl Ignore {
    /// Reads patterns: one a line, `#` for comments.
    pub fn parse(text: &str) -> Ignore {
        let lines = text.trim_start_matches('\u{feff}').lines().filter(|line| !line.starts_with('#'));
        Ignore { patterns: lines.filter_map(|line| Pattern::parse(line.trim())).collect() }
    }

    /// Whether a path, relative to the context and with slashes, is left out.
    pub fn leaves_out(&self, path: &str) -> bool {
        let parts: Vec<&str> = path.split('/').collect();
        let mut out = false;
        for pattern in &self.patterns {
            // What matches a folder above matches the path.
            if pattern.takes_back == out && (1..=parts.len()).any(|length| matches(&pattern.parts, &parts[..length])) {
                out = !pattern.takes_back;
            }
        }
        out
    }

    /// Whether nothing below a folder that is left out can be taken back in.
    pub fn is_final(&self) -> bool {
        !self.patterns.iter().any(|pattern| pattern.takes_back)
    }
}

impl Pattern {
    /// Cleans a line as Go's `filepath.Clean` does; none for an empty one.
    fn parse(line: &str) -> Option<Pattern> {
        let (takes_back, line) = match line.strip_prefix('!') {
            Some(rest) => (true, rest.trim()),
            None => (false, line),
        };
        let mut parts: Vec<String> = Vec::new();
        for part in line.split('/') {
            match part {
                "" | "." => {}
                ".." => drop(parts.pop()),
                part => parts.push(part.to_string()),
            }
        }
        (!parts.is_empty()).then_some(Pattern { parts, takes_back })
    }
}

fn matches(pattern: &[String], path: &[&str]) -> bool {
    match (pattern.split_first(), path.split_first()) {
        (None, None) => true,
        (Some((first, rest)), _) if first == "**" => {
            // At the end it wants something below.
            (!rest.is_empty() && matches(rest, path))
                || (!path.is_empty() && (rest.is_empty() || matches(pattern, &path[1..])))
        }
        (Some((first, rest)), Some((part, below))) => {
            let (first, part): (Vec<char>, Vec<char>) = (first.chars().collect(), part.chars().collect());
            part_matches(&first, &part) && matches(rest, below)
        }
        _ => false,
    }
}

/// One part of a path: `*`, `?`, `[a-z]`, `[^a-z]` and `\` before a character that means itself.
fn part_matches(pattern: &[char], part: &[char]) -> bool {
    match (pattern, part) {
        ([], []) => true,
        (['*', rest @ ..], _) => (0..=part.len()).any(|taken| part_matches(rest, &part[taken..])),
        (['?', rest @ ..], [_, below @ ..]) => part_matches(rest, below),
        (['[', rest @ ..], [character, below @ ..]) => match rest.iter().position(|c| *c == ']') {
            Some(end) => in_class(&rest[..end], *character) && part_matches(&rest[end + 1..], below),
            None => false,
        },
        (['\\', literal, rest @ ..], [character, below @ ..]) | ([literal, rest @ ..], [character, below @ ..]) => {
            literal == character && part_matches(rest, below)
        }
        _ => false,
    }
}

fn in_class(class: &[char], character: char) -> bool {
    let (negated, class) = match class {
        ['^', rest @ ..] => (true, rest),
        _ => (false, class),
    };
    let mut found = false;
    let mut index = 0;
    while let Some(low) = class.get(index) {
        match (class.get(index + 1), class.get(index + 2)) {
            (Some('-'), Some(high)) => {
                found |= (*low..=*high).contains(&character);
                index += 3;
            }
            _ => {
                found |= *low == character;
                index += 1;
            }
        }
    }
    found != negated
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cases as moby/patternmatcher publishes them: pattern, path, whether it matches.
    #[test]
    fn patterns_match_as_dockers_own_matcher_has_it() {
        let cases = [
            ("**", "file", true),
            ("**", "dir/file", true),
            ("**/", "file", true),
            ("**/**", "dir/file", true),
            ("dir/**", "dir/file", true),
            ("dir/**", "dir/dir2/file", true),
            ("**/dir", "dir", true),
            ("**/dir", "dir/file", true),
            ("**/dir2/*", "dir/dir2/file", true),
            ("**/dir2/**", "dir/dir2/dir2/file", true),
            ("**file", "file", true),
            ("**/file", "dir/file", true),
            ("**/*.txt", "dir/dir/file.txt", true),
            ("**/a*.txt", "dir/file.txt", false),
            ("a[b-d]e", "ae", false),
            ("a[b-d]e", "ace", true),
            ("a[b-d]e", "aae", false),
            ("a[^b-d]e", "aze", true),
            (".*", ".foo", true),
            (".*", "foo", false),
            ("abc.def", "abcdef", false),
            ("abc?def", "abcZdef", true),
            ("a\\\\", "a\\", true),
            ("**/foo/bar", "foo/bar", true),
            ("**/foo/bar", "dir/dir2/foo/bar", true),
            ("abc/**", "abc", false),
            ("abc/**", "abc/def/ghi", true),
            ("*", "a/b", true),
            ("/abc", "abc", true),
            ("abc/", "abc/def", true),
            ("x/../abc", "abc", true),
        ];
        for (pattern, path, expected) in cases {
            assert_eq!(Ignore::parse(pattern).leaves_out(path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn the_last_pattern_that_matches_decides() {
        let ignore = Ignore::parse("# not this\n*\n!docs\ndocs/*.tmp\n\n!docs/keep.tmp\n");
        let out: Vec<&str> = ["src", "docs", "docs/a.md", "docs/a.tmp", "docs/keep.tmp"]
            .into_iter()
            .filter(|path| ignore.leaves_out(path))
            .collect();
        assert_eq!(out, ["src", "docs/a.tmp"]);
        assert!(!ignore.is_final());
    }
}
