//! Files that hooks edit: a kind of file is a type that parses a text and writes it again.

use crate::Result;

/// A kind of text file that [`Node::edit`](crate::Node::edit) can change. The crate `clusterdock-config-edit` has
/// properties, ini files and Hadoop's XML; `String` stands for any text. Implement it for other kinds, over a parser that
/// keeps comments.
///
/// ```
/// use clusterdock_plugin_api::{Edit, Node, Result};
///
/// /// Lines of `NAME VALUE`.
/// struct Lines(Vec<String>);
///
/// impl Edit for Lines {
///     fn parse(text: &str) -> Result<Lines> {
///         Ok(Lines(text.lines().map(String::from).collect()))
///     }
///
///     fn to_text(&self) -> String {
///         self.0.iter().map(|line| format!("{line}\n")).collect()
///     }
/// }
///
/// fn add(node: &Node) -> Result<()> {
///     node.edit::<Lines>("/etc/app.conf", |file| {
///         file.0.push("threads 8".into());
///         Ok(())
///     })
/// }
/// ```
///
/// Since 1.0.
pub trait Edit: Sized {
    /// Parses a text.
    ///
    /// # Errors
    /// Why it cannot be parsed, with its line; the caller adds file and node.
    fn parse(text: &str) -> Result<Self>;

    /// The text, in which only what was changed differs from the parsed one.
    fn to_text(&self) -> String;
}

impl Edit for String {
    fn parse(text: &str) -> Result<String> {
        Ok(text.into())
    }

    fn to_text(&self) -> String {
        self.clone()
    }
}
