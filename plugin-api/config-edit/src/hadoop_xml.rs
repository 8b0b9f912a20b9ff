//! Hadoop's configuration files: a `<configuration>` of `<property>` elements with `<name>` and `<value>`. An XML parser
//! locates the values, and only their text is edited.

use std::fmt;
use std::ops::Range;

use clusterdock_plugin_api::{Error, Result};
use roxmltree::{Document, Node, ParsingOptions};

/// A Hadoop configuration file. Editing preserves everything except the values that are set: comments, descriptions,
/// `<final>`, processing instructions, indentation.
///
/// Of duplicate properties the last one counts, as in Hadoop. Names and values are trimmed.
///
/// ```
/// use clusterdock_config_edit::HadoopXml;
///
/// # fn main() -> clusterdock_plugin_api::Result<()> {
/// let mut file = HadoopXml::parse(
///     "<configuration>
///   <!-- where the files are -->
///   <property>
///     <name>fs.defaultFS</name>
///     <value>file:///</value>
///   </property>
/// </configuration>
/// ",
/// )?;
/// file.set("fs.defaultFS", "hdfs://node-1.cluster:8020")?;
/// file.set("dfs.replication", 2)?;
/// assert_eq!(file.get("fs.defaultFS").as_deref(), Some("hdfs://node-1.cluster:8020"));
/// assert_eq!(
///     file.to_string(),
///     "<configuration>
///   <!-- where the files are -->
///   <property>
///     <name>fs.defaultFS</name>
///     <value>hdfs://node-1.cluster:8020</value>
///   </property>
///   <property>
///     <name>dfs.replication</name>
///     <value>2</value>
///   </property>
/// </configuration>
/// "
/// );
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HadoopXml {
    text: String,
}

/// A property and its position.
struct Property {
    whole: Range<usize>,
    name: String,
    value: String,
    /// Between the tags of its value, if it has one.
    value_at: Option<Range<usize>>,
    /// Behind the end tag of its name.
    name_end: usize,
}

impl HadoopXml {
    /// Parses a text.
    ///
    /// # Errors
    /// It is not XML (with line and column), or its root is not `configuration`.
    pub fn parse(text: &str) -> Result<HadoopXml> {
        let file = HadoopXml { text: text.into() };
        file.properties()?;
        Ok(file)
    }

    /// A file without properties.
    ///
    /// ```
    /// let mut file = clusterdock_config_edit::HadoopXml::new();
    /// file.set("a", "<b>").unwrap();
    /// assert!(file.to_string().contains("  <property>\n    <name>a</name>\n    <value>&lt;b&gt;</value>\n"));
    /// ```
    pub fn new() -> HadoopXml {
        HadoopXml {
            text: "<?xml version=\"1.0\"?>\n<configuration>\n</configuration>\n".into(),
        }
    }

    /// The value of a property, entities resolved.
    pub fn get(&self, name: &str) -> Option<String> {
        self.known()
            .into_iter()
            .rev()
            .find(|property| property.name == name)
            .map(|property| property.value)
    }

    /// The names in the order of their first occurrence, without duplicates.
    pub fn keys(&self) -> Vec<String> {
        let mut names = Vec::new();
        for Property { name, .. } in self.known() {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// Sets the value of a property. A new one is added at the end, with the indentation of the one before.
    ///
    /// # Errors
    /// A character that is invalid in XML.
    pub fn set(&mut self, name: &str, value: impl ToString) -> Result<()> {
        let (name, value) = (name.trim(), value.to_string());
        let value = value.trim();
        if let Some(bad) = name.chars().chain(value.chars()).find(|c| !is_xml(*c)) {
            return Err(Error::new(format!(
                "invalid character {bad:?} in property `{name}`: XML cannot contain it"
            )));
        }
        let found = self
            .properties()?
            .into_iter()
            .rev()
            .find(|property| property.name == name);
        let changed = match found {
            Some(property) if property.value == value && property.value_at.is_some() => {
                return Ok(())
            }
            Some(Property {
                value_at: Some(at), ..
            }) => self.with_value(at, value),
            Some(Property { name_end, .. }) => self.replaced(
                name_end..name_end,
                &format!("<value>{}</value>", escape(value)),
            ),
            None => self.with_property(name, value)?,
        };
        *self = HadoopXml::parse(&changed)
            .map_err(|error| error.context(format!("failed to set `{name}`")))?;
        Ok(())
    }

    /// Removes all occurrences of a property with their lines, and returns whether there were any.
    pub fn remove(&mut self, name: &str) -> bool {
        let found: Vec<Property> = self
            .known()
            .into_iter()
            .filter(|property| property.name == name)
            .collect();
        for Property { whole, .. } in found.iter().rev() {
            let before = self.text[..whole.start].trim_end_matches(&[' ', '\t'][..]);
            let line_start = if before.ends_with('\n') {
                before.trim_end_matches(&['\n', '\r'][..]).len()
            } else {
                whole.start
            };
            let ends_line = self.text[whole.end..].starts_with(&['\n', '\r'][..]);
            let start = if ends_line { line_start } else { whole.start };
            self.text = self.replaced(start..whole.end, "");
        }
        !found.is_empty()
    }

    /// The properties of the text, which has been parsed successfully before.
    fn known(&self) -> Vec<Property> {
        self.properties()
            .expect("the text was parsed when it was set")
    }

    fn properties(&self) -> Result<Vec<Property>> {
        let document = self.document()?;
        let properties = root(&document)?
            .children()
            .filter(|node| node.has_tag_name("property"));
        properties
            .filter_map(|node| self.property(node).transpose())
            .collect()
    }

    fn document(&self) -> Result<Document<'_>> {
        let options = ParsingOptions {
            allow_dtd: true,
            ..ParsingOptions::default()
        };
        Document::parse_with_options(&self.text, options)
            .map_err(|error| Error::new("invalid XML").cause(error))
    }

    /// `None` if it has no name; Hadoop ignores those too.
    fn property(&self, node: Node<'_, '_>) -> Result<Option<Property>> {
        let child = |tag: &str| node.children().rfind(|child| child.has_tag_name(tag));
        let name = match child("name") {
            Some(name) => name,
            None => return Ok(None),
        };
        let value = child("value");
        let value_at = value.map(|value| self.inside(value)).transpose()?;
        let whole = Self::checked(node)?;
        let name_end = Self::checked(name)?.end;
        let value = value.map(text_of).unwrap_or_default();
        Ok(Some(Property {
            whole,
            name: text_of(name),
            value,
            value_at,
            name_end,
        }))
    }

    /// The position of an element; one that comes from an entity has none.
    fn checked(node: Node<'_, '_>) -> Result<Range<usize>> {
        let (range, root) = (node.range(), node.document().root_element().range());
        if root.start <= range.start && range.end <= root.end {
            Ok(range)
        } else {
            Err(Error::new(
                "a property comes from an entity, which cannot be edited",
            ))
        }
    }

    /// The range between an element's tags, or the whole element if it is a single tag.
    fn inside(&self, node: Node<'_, '_>) -> Result<Range<usize>> {
        let range = Self::checked(node)?;
        let element = &self.text[range.clone()];
        if element.ends_with("/>") && !node.has_children() {
            return Ok(range);
        }
        let (open, close) = (
            open_tag_end(element),
            element.rfind("</").unwrap_or(element.len()),
        );
        Ok(range.start + open..range.start + close)
    }

    fn with_value(&self, at: Range<usize>, value: &str) -> String {
        if self.text[at.clone()].ends_with("/>") && self.text[at.clone()].starts_with("<value") {
            self.replaced(at, &format!("<value>{}</value>", escape(value)))
        } else {
            self.replaced(at, &escape(value))
        }
    }

    /// The text with one more property.
    fn with_property(&self, name: &str, value: &str) -> Result<String> {
        let document = self.document()?;
        let range = root(&document)?.range();
        let end_of_line = if self.text.contains("\r\n") {
            "\r\n"
        } else {
            "\n"
        };
        let last = self.properties()?.pop();
        let (indent, inner) = last
            .and_then(|last| self.indents(&last))
            .unwrap_or_else(|| ("  ".into(), "    ".into()));
        let (name, value) = (escape(name), escape(value));
        let lines = [
            format!("{indent}<property>"),
            format!("{inner}<name>{name}</name>"),
            format!("{inner}<value>{value}</value>"),
            format!("{indent}</property>"),
        ];
        let property = [end_of_line, &lines.join(end_of_line)].concat();
        let element = &self.text[range.clone()];
        if let Some(open) = element.strip_suffix("/>") {
            let open = open.trim_end();
            let whole = format!("{open}>{property}{end_of_line}</configuration>");
            return Ok(self.replaced(range, &whole));
        }
        let close = range.start + element.rfind("</").unwrap_or(element.len());
        let at = self.text[..close].trim_end().len();
        let gap = &self.text[at..close];
        let gap = if gap.contains('\n') { gap } else { end_of_line };
        Ok(self.replaced(at..close, &[&property, gap].concat()))
    }

    /// The white space before a property and before its name, if each begins a line.
    fn indents(&self, property: &Property) -> Option<(String, String)> {
        let indent = |at: usize| {
            let before = &self.text[..at];
            let blank = &before[before.trim_end_matches(&[' ', '\t'][..]).len()..];
            before[..before.len() - blank.len()]
                .ends_with('\n')
                .then(|| blank.to_string())
        };
        let inner = self.text[property.whole.clone()]
            .find("<name")
            .map(|at| property.whole.start + at)?;
        Some((indent(property.whole.start)?, indent(inner)?))
    }

    fn replaced(&self, at: Range<usize>, by: &str) -> String {
        [&self.text[..at.start], by, &self.text[at.end..]].concat()
    }
}

impl Default for HadoopXml {
    fn default() -> HadoopXml {
        HadoopXml::new()
    }
}

impl fmt::Display for HadoopXml {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn root<'a, 'input>(document: &'a Document<'input>) -> Result<Node<'a, 'input>> {
    let root = document.root_element();
    if root.has_tag_name("configuration") {
        Ok(root)
    } else {
        Err(Error::new(format!(
            "its root is `{}`, not `configuration`",
            root.tag_name().name()
        )))
    }
}

fn text_of(node: Node<'_, '_>) -> String {
    let pieces = node
        .descendants()
        .filter(Node::is_text)
        .filter_map(|text| text.text());
    pieces.collect::<String>().trim().to_string()
}

/// Behind the `>` that ends an element's first tag; one in an attribute's value ends nothing.
fn open_tag_end(element: &str) -> usize {
    let mut quote = None;
    for (at, c) in element.char_indices() {
        match (quote, c) {
            (None, '>') => return at + 1,
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), _) if open == c => quote = None,
            _ => {}
        }
    }
    element.len()
}

/// Whether XML can hold a character.
fn is_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// A text as XML has it, in ASCII, so that the encoding that the file declares does not matter.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\n' | '\t' | ' '..='~' => escaped.push(c),
            other => escaped.push_str(&format!("&#{};", u32::from(other))),
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
