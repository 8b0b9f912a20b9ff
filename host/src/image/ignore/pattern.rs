//! A pattern of a `.dockerignore`: `*`, `?`, `[a-z]`, `[^a-z]`, `**` for any number of folders, and `\` to escape a
//! character.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A byte that is not UTF-8 counts as a character above all others.
const BYTES: u32 = 0x11_0000;
const SLASH: u32 = '/' as u32;

/// A pattern.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    /// The cleaned text, without `!`.
    pub(super) text: Vec<u8>,
    /// Whether it includes (`!`) rather than excludes.
    pub(super) includes: bool,
    tokens: Vec<Token>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    /// This character.
    Literal(u32),
    /// `?`: any character except a slash.
    Any,
    /// `*`: any number of characters except slashes.
    Run,
    /// `**` in the middle: any number of whole folders.
    Folders,
    /// `**` at the end, or in `**name` alone: anything.
    Anything,
    /// `[...]`: a character in, or outside of, these ranges.
    Class {
        is_negated: bool,
        ranges: Vec<(u32, u32)>,
    },
}

/// The characters of a name or pattern.
pub(super) fn characters(bytes: &[u8]) -> Vec<u32> {
    let mut characters = Vec::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        characters.extend(chunk.valid().chars().map(u32::from));
        characters.extend(chunk.invalid().iter().map(|byte| BYTES + u32::from(*byte)));
    }
    characters
}

impl Pattern {
    /// Parses a normalized line.
    pub(super) fn parse(line: &[u8]) -> Result<Pattern, &'static str> {
        let (includes, text) = match line.strip_prefix(b"!") {
            Some(b"" | b"/") => return Err("nothing follows `!`"),
            Some(text) => (true, text),
            None => (false, line),
        };
        if text.contains(&0) {
            return Err("file names cannot contain zero bytes");
        }
        Ok(Pattern {
            text: text.to_vec(),
            includes,
            tokens: tokens(&characters(text))?,
        })
    }

    /// A pattern that includes exactly this path.
    pub(super) fn inclusion(path: &Path) -> Pattern {
        let text = path.as_os_str().as_bytes();
        let tokens = characters(text).into_iter().map(Token::Literal).collect();
        Pattern {
            text: text.to_vec(),
            includes: true,
            tokens,
        }
    }

    /// Whether the whole path matches. All possible matches are followed in parallel, so that no pattern is slow.
    pub(super) fn matches(&self, path: &[u32]) -> bool {
        let mut reached = vec![0];
        for token in &self.tokens {
            reached = token.advance(path, &reached);
            if reached.is_empty() {
                return false;
            }
        }
        reached.last() == Some(&path.len())
    }
}

impl Token {
    /// The positions at which this token can end if it begins at one of `reached`; both are sorted.
    fn advance(&self, path: &[u32], reached: &[usize]) -> Vec<usize> {
        let first = reached[0];
        let one = |fits: &dyn Fn(u32) -> bool| {
            let fitting = reached
                .iter()
                .filter(|place| path.get(**place).is_some_and(|character| fits(*character)));
            fitting.map(|place| place + 1).collect()
        };
        match self {
            Token::Literal(literal) => one(&|character| character == *literal),
            Token::Any => one(&|character| character != SLASH),
            Token::Class { is_negated, ranges } => one(&|character| {
                ranges
                    .iter()
                    .any(|(low, high)| (*low..=*high).contains(&character))
                    != *is_negated
            }),
            Token::Run => {
                let mut ends: Vec<usize> = Vec::new();
                for place in reached {
                    // Covered by a run that began earlier in the same name.
                    if ends.last().is_some_and(|last| last >= place) {
                        continue;
                    }
                    let rest = &path[*place..];
                    let length = rest
                        .iter()
                        .position(|character| *character == SLASH)
                        .unwrap_or(rest.len());
                    ends.extend(*place..=place + length);
                }
                ends
            }
            Token::Folders => {
                let slashes = (first..path.len())
                    .filter(|place| path[*place] == SLASH)
                    .map(|place| place + 1);
                let mut ends: Vec<usize> = reached.iter().copied().chain(slashes).collect();
                ends.sort_unstable();
                ends.dedup();
                ends
            }
            Token::Anything => (first..=path.len()).collect(),
        }
    }
}

fn tokens(text: &[u32]) -> Result<Vec<Token>, &'static str> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        let token = match char::from_u32(*first) {
            Some('*') if rest.first() == Some(&u32::from('*')) => {
                rest = &rest[1..];
                let has_slash = rest.first() == Some(&SLASH);
                rest = &rest[usize::from(has_slash)..];
                // To Docker, `**name` alone means "ends in `name`".
                let is_suffix = tokens.is_empty()
                    && !has_slash
                    && !rest.iter().any(|character| is_special(*character));
                if rest.is_empty() || is_suffix {
                    Token::Anything
                } else {
                    Token::Folders
                }
            }
            Some('*') => Token::Run,
            Some('?') => Token::Any,
            Some('[') => class(&mut rest)?,
            Some('\\') => {
                let (literal, after) = rest.split_first().ok_or("nothing follows `\\`")?;
                rest = after;
                Token::Literal(*literal)
            }
            _ => Token::Literal(*first),
        };
        // Two of these in a row mean the same as one.
        let is_repeated = matches!(token, Token::Run | Token::Folders | Token::Anything)
            && tokens.last() == Some(&token);
        if !is_repeated {
            tokens.push(token);
        }
    }
    Ok(tokens)
}

fn is_special(character: u32) -> bool {
    char::from_u32(character)
        .is_some_and(|character| matches!(character, '*' | '?' | '[' | ']' | '\\'))
}

/// Parses a class from behind its `[` up to its `]`.
fn class(rest: &mut &[u32]) -> Result<Token, &'static str> {
    let is_negated = take(rest, '^');
    let mut ranges = Vec::new();
    while ranges.is_empty() || !take(rest, ']') {
        let low = end_of_range(rest)?;
        let high = if take(rest, '-') {
            end_of_range(rest)?
        } else {
            low
        };
        if high < low {
            return Err("a range in `[...]` is reversed");
        }
        ranges.push((low, high));
    }
    Ok(Token::Class { is_negated, ranges })
}

fn take(rest: &mut &[u32], wanted: char) -> bool {
    let is_next = rest.first() == Some(&u32::from(wanted));
    *rest = &rest[usize::from(is_next)..];
    is_next
}

/// Parses a character in a class, where `-` and `]` must be escaped.
fn end_of_range(rest: &mut &[u32]) -> Result<u32, &'static str> {
    const UNCLOSED: &str = "a `[` has no matching `]`";
    if [']', '-']
        .iter()
        .any(|special| rest.first() == Some(&u32::from(*special)))
    {
        return Err("`-` and `]` must be escaped with `\\` in `[...]`");
    }
    take(rest, '\\');
    let (character, after) = rest.split_first().ok_or(UNCLOSED)?;
    *rest = after;
    if rest.is_empty() {
        Err(UNCLOSED)
    } else {
        Ok(*character)
    }
}
