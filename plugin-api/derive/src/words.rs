//! Words of a source as the user of a topology reads them: names with dashes, help from doc comments.

use syn::{Attribute, Expr, ExprLit, Ident, Lit, Meta};

/// `client_port` and `ClientPort` as `client-port`.
pub(crate) fn dashed(name: &Ident) -> String {
    let name = name.to_string();
    let mut dashed = String::new();
    for letter in name.trim_start_matches("r#").chars() {
        if letter.is_uppercase() && !dashed.is_empty() && !dashed.ends_with('-') {
            dashed.push('-');
        }
        match letter {
            '_' => dashed.push('-'),
            other => dashed.extend(other.to_lowercase()),
        }
    }
    dashed
}

/// The first paragraph of a doc comment, on one line; empty if there is none.
pub(crate) fn help(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(doc);
    let paragraph = lines
        .map(|line| line.trim().to_string())
        .skip_while(String::is_empty)
        .take_while(|line| !line.is_empty());
    paragraph.collect::<Vec<_>>().join(" ")
}

fn doc(attribute: &Attribute) -> Option<String> {
    match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(ExprLit {
                lit: Lit::Str(text),
                ..
            }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    }
}
