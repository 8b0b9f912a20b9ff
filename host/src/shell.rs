//! Quotes text for a shell: variables, and commands in hints and in ssh configurations.

/// A shell word that stands for this text.
pub fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@%+,".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.into()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_text_is_one_word() {
        assert_eq!(quoted("127.0.0.1:32768"), "127.0.0.1:32768");
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("it's $HOME; `x`"), r"'it'\''s $HOME; `x`'");
        assert_eq!(quoted(""), "''");
    }
}
