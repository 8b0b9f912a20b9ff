//! How long functions are, from `fn` to the closing brace. Only code counts: no comments, no contents of strings, and
//! no blanks, which depend on the formatter's settings.

use super::{FOLDERS, assert_none, is_test, shown, sources};

/// The most characters in the median function, in nine of ten, and in 99 of 100. On 2026-11-24, before the host was
/// divided into floors, they were 221, 602 and 1120.
const MOST: [(usize, usize); 3] = [(50, 225), (90, 610), (99, 1130)];

/// The most lines of code in a function outside of tests.
const MOST_LINES: usize = 50;

/// A text without comments and the contents of strings and character literals. Line ends stay.
fn without_words(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let skipped = match c {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '"' => quoted(rest),
            'r' | 'b' if !code.ends_with(is_of_word) => raw_string(rest),
            '\'' => character(rest),
            _ => 0,
        };
        if skipped == 0 {
            code.push(c);
            rest = &rest[c.len_utf8()..];
        } else {
            rest = &rest[skipped..];
        }
    }
    code
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The length of a string literal at the beginning of a text.
fn quoted(text: &str) -> usize {
    let mut is_escaped = false;
    let end = text[1..].find(|c| {
        let ends = c == '"' && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        ends
    });
    end.expect("strings end") + 2
}

/// The length of a raw string at the beginning of a text; 0 if it does not begin with one.
fn raw_string(text: &str) -> usize {
    let after = text.trim_start_matches('b');
    let Some(opening) = after.strip_prefix('r') else {
        return 0;
    };
    let body = opening.trim_start_matches('#');
    let hashes = opening.len() - body.len();
    if !body.starts_with('"') {
        return 0;
    }
    let end = format!("\"{}", "#".repeat(hashes));
    let length = body[1..].find(&end).expect("raw strings end") + 1 + end.len();
    text.len() - body.len() + length
}

/// The length of a character literal at the beginning of a text; 0 for a lifetime.
fn character(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    match chars.next() {
        Some((_, '\\')) => text[3..].find('\'').map_or(0, |end| end + 4),
        Some(_) => match chars.next() {
            Some((end, '\'')) => end + 1,
            _ => 0,
        },
        None => 0,
    }
}

/// The functions with bodies of a text without words, each with its name.
fn functions(code: &str) -> Vec<(&str, &str)> {
    let mut functions = Vec::new();
    for (start, _) in code.match_indices("fn ") {
        let is_keyword = !code[..start].ends_with(is_of_word);
        let name = code[start + 3..].split(|c| !is_of_word(c)).next();
        if let Some(name) = name.filter(|name| is_keyword && !name.is_empty())
            && let Some(end) = end_of_body(&code[start..])
        {
            functions.push((name, &code[start..start + end]));
        }
    }
    functions
}

/// Where the body of a function ends; `None` for a declaration.
fn end_of_body(function: &str) -> Option<usize> {
    let (mut brackets, mut braces) = (0, 0);
    for (at, c) in function.char_indices() {
        match c {
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets -= 1,
            '{' => braces += 1,
            ';' if brackets == 0 && braces == 0 => return None,
            '}' => {
                braces -= 1;
                if braces == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

#[test]
fn words_and_blanks_do_not_count() {
    let text = r##"fn a() -> &'static str { // "}"
        let c = ['{', '\'', '\n'];
        (r#"}"}"#, "}\"}", b"}") }
    trait T { fn none(&self); }"##;
    let code = without_words(text);
    let found = functions(&code);
    assert_eq!(found.len(), 1, "{found:?}");
    let (name, function) = found[0];
    let dense: String = function.split_whitespace().collect();
    assert_eq!(
        (name, dense.as_str()),
        ("a", "fna()->&'staticstr{letc=[,,];(,,b)}")
    );
}

#[test]
fn functions_have_at_most_50_lines() {
    let mut offenders = Vec::new();
    for (path, text) in FOLDERS.into_iter().flat_map(sources) {
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        if is_test(&path) {
            continue;
        }
        for (name, function) in functions(&without_words(text)) {
            let lines = function.lines().filter(|line| !line.trim().is_empty());
            let count = lines.count();
            if count > MOST_LINES {
                offenders.push(format!("{}: `{name}` has {count} lines", shown(&path)));
            }
        }
    }
    assert_none(&offenders);
}

#[test]
#[expect(clippy::print_stdout, reason = "the figures, with `--nocapture`")]
fn functions_are_no_longer_than_they_were() {
    let mut sizes = Vec::new();
    for (_, text) in FOLDERS.into_iter().flat_map(sources) {
        let code = without_words(&text);
        let functions = functions(&code).into_iter();
        sizes.extend(functions.map(|(_, function)| {
            let characters = function.chars();
            characters.filter(|c| !c.is_whitespace()).count()
        }));
    }
    sizes.sort_unstable();
    for (percent, most) in MOST {
        let size = sizes[sizes.len() * percent / 100];
        println!("{percent} of 100 functions have at most {size} characters");
        assert!(size <= most, "{percent} of 100 have {size}, at most {most}");
    }
}
