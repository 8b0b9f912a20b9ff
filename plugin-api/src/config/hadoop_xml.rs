//! Hadoop's configuration files: `<configuration>` of `<property>`, each a `<name>` and a `<value>`. An XML parser says
//! where things are; the text between is changed, and nothing else.

use crate::{Error, Result};
use roxmltree::{Document, Node, ParsingOptions};
use std::fmt;
use std::ops::Range;

/// A Hadoop configuration file that keeps everything as it was written but for the values that are set: comments,
/// descriptions, `<final>`, processing instructions, indentation.
///
/// Where a property stands twice, the last one counts, as for Hadoop. Names and values are trimmed.
///
/// ```
/// use clusterdock_plugin_api::HadoopXml;
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

/// A property, and where it stands.
struct Property {
    whole: Range<usize>,
    name: String,
    value: String,
    /// Between the tags of its value; none where it has none.
    value_at: Option<Range<usize>>,
    /// Behind its name's end tag.
    name_end: usize,
}

impl HadoopXml {
    /// Reads a text.
    ///
    /// # Errors
    /// It is no XML (with line and column), or its root is not `configuration`.
    pub fn parse(text: &str) -> Result<HadoopXml> {
        let file = HadoopXml { text: text.into() };
        file.properties()?;
        Ok(file)
    }

    /// A file without properties.
    ///
    /// ```
    /// let mut file = clusterdock_plugin_api::HadoopXml::new();
    /// file.set("a", "<b>").unwrap();
    /// assert!(file.to_string().contains("  <property>\n    <name>a</name>\n    <value>&lt;b&gt;</value>\n"));
    /// ```
    pub fn new() -> HadoopXml {
        HadoopXml { text: "<?xml version=\"1.0\"?>\n<configuration>\n</configuration>\n".into() }
    }

    /// The value of a property, entities resolved.
    pub fn get(&self, name: &str) -> Option<String> {
        self.known().into_iter().rev().find(|property| property.name == name).map(|property| property.value)
    }

    /// The names in the order in which they first come, each once.
    pub fn keys(&self) -> Vec<String> {
        let mut names = Vec::new();
        for Property { name, .. } in self.known() {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// Gives a property a value: where it stands, or as the last one of the file, indented as the one before it.
    ///
    /// # Errors
    /// A character that XML cannot hold.
    pub fn set(&mut self, name: &str, value: impl ToString) -> Result<()> {
        let (name, value) = (name.trim(), value.to_string());
        let value = value.trim();
        if let Some(bad) = name.chars().chain(value.chars()).find(|c| !is_xml(*c)) {
            return Err(Error::new(format!("XML cannot hold the character {bad:?} of property `{name}`")));
        }
        let found = self.properties()?.into_iter().rev().find(|property| property.name == name);
        let changed = match found {
            Some(property) if property.value == value && property.value_at.is_some() => return Ok(()),
            Some(Property { value_at: Some(at), .. }) => self.with_value(at, value),
            Some(Property { name_end, .. }) => {
                self.replaced(name_end..name_end, &format!("<value>{}</value>", escape(value)))
            }
            None => self.with_property(name, value)?,
        };
        *self = HadoopXml::parse(&changed).map_err(|error| error.context(format!("failed to set `{name}`")))?;
        Ok(())
    }

    /// Removes a property, wherever it stands, with its line; says whether it was there.
    pub fn remove(&mut self, name: &str) -> bool {
        let found: Vec<Property> = self.known().into_iter().filter(|property| property.name == name).collect();
        for Property { whole, .. } in found.iter().rev() {
            let before = self.text[..whole.start].trim_end_matches(&[' ', '\t'][..]);
            let line_start =
                if before.ends_with('\n') { before.trim_end_matches(&['\n', '\r'][..]).len() } else { whole.start };
            let ends_line = self.text[whole.end..].starts_with(&['\n', '\r'][..]);
            let start = if ends_line { line_start } else { whole.start };
            self.text = self.replaced(start..whole.end, "");
        }
        !found.is_empty()
    }

    /// The properties of a text that was read before.
    fn known(&self) -> Vec<Property> {
        self.properties().expect("only what can be read becomes the text")
    }

    fn properties(&self) -> Result<Vec<Property>> {
        let document = self.document()?;
        let properties = root(&document)?.children().filter(|node| node.has_tag_name("property"));
        properties.filter_map(|node| self.property(node).transpose()).collect()
    }

    fn document(&self) -> Result<Document<'_>> {
        let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
        Document::parse_with_options(&self.text, options).map_err(|error| Error::new("it is no XML").cause(error))
    }

    /// None for one without a name, which Hadoop leaves out too.
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
        Ok(Some(Property { whole, name: text_of(name), value, value_at, name_end }))
    }

    /// Where an element stands; one that an entity brought along stands nowhere.
    fn checked(node: Node<'_, '_>) -> Result<Range<usize>> {
        let (range, root) = (node.range(), node.document().root_element().range());
        match root.start <= range.start && range.end <= root.end {
            true => Ok(range),
            false => Err(Error::new("a property comes from an entity, which cannot be edited")),
        }
    }

    /// What is between an element's tags; the whole element where it is one tag.
    fn inside(&self, node: Node<'_, '_>) -> Result<Range<usize>> {
        let range = Self::checked(node)?;
        let element = &self.text[range.clone()];
        if element.ends_with("/>") && !node.has_children() {
            return Ok(range);
        }
        let (open, close) = (open_tag_end(element), element.rfind("</").unwrap_or(element.len()));
        Ok(range.start + open..range.start + close)
    }

    fn with_value(&self, at: Range<usize>, value: &str) -> String {
        match self.text[at.clone()].ends_with("/>") && self.text[at.clone()].starts_with("<value") {
            true => self.replaced(at, &format!("<value>{}</value>", escape(value))),
            false => self.replaced(at, &escape(value)),
        }
    }

    /// The text with one more property.
    fn with_property(&self, name: &str, value: &str) -> Result<String> {
        let document = self.document()?;
        let range = root(&document)?.range();
        let end_of_line = if self.text.contains("\r\n") { "\r\n" } else { "\n" };
        let last = self.properties()?.pop();
        let (indent, inner) = last.and_then(|last| self.indents(&last)).unwrap_or_else(|| ("  ".into(), "    ".into()));
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

    /// The white space before a property and before its name, where each begins a line.
    fn indents(&self, property: &Property) -> Option<(String, String)> {
        let indent = |at: usize| {
            let before = &self.text[..at];
            let blank = &before[before.trim_end_matches(&[' ', '\t'][..]).len()..];
            before[..before.len() - blank.len()].ends_with('\n').then(|| blank.to_string())
        };
        let inner = self.text[property.whole.clone()].find("<name").map(|at| property.whole.start + at)?;
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
    match root.has_tag_name("configuration") {
        true => Ok(root),
        false => Err(Error::new(format!("its root is `{}`, not `configuration`", root.tag_name().name()))),
    }
}

fn text_of(node: Node<'_, '_>) -> String {
    let pieces = node.descendants().filter(Node::is_text).filter_map(|text| text.text());
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
mod tests {
    use super::*;

    const FILE: &str = "<?xml version=\"1.0\"?>\r\n<?xml-stylesheet type=\"text/xsl\" href=\"configuration.xsl\"?>\r\n\
        <!-- <property><name>a</name></property> -->\r\n<configuration>\r\n\
        \t<property><name> a </name><value>1 &amp; <![CDATA[<2>]]></value><final>true</final></property> <!-- one -->\r\n\
        \t<property>\r\n\t\t<name>b</name>\r\n\t\t<value/>\r\n\t\t<description>x > y</description>\r\n\t</property>\r\n\
        \t<property>\r\n\t\t<name>c</name>\r\n\t</property>\r\n\t<!-- end -->\r\n</configuration>\r\n";

    #[test]
    fn values_are_read_with_entities_and_sections_resolved() {
        let file = HadoopXml::parse(FILE).unwrap();
        assert_eq!(file.to_string(), FILE);
        assert_eq!(file.keys(), ["a", "b", "c"]);
        assert_eq!(file.get("a").as_deref(), Some("1 & <2>"));
        assert_eq!((file.get("b").as_deref(), file.get("c").as_deref(), file.get("d")), (Some(""), Some(""), None));
    }

    #[test]
    fn values_are_set_in_their_place_and_new_ones_at_the_end() {
        let mut file = HadoopXml::parse(FILE).unwrap();
        file.set("a", "<é>").unwrap();
        file.set("b", 2).unwrap();
        file.set("c", 3).unwrap();
        file.set("d", 4).unwrap();
        let expected = FILE
            .replace("1 &amp; <![CDATA[<2>]]>", "&lt;&#233;&gt;")
            .replace("<value/>", "<value>2</value>")
            .replace("<name>c</name>", "<name>c</name><value>3</value>")
            .replace(
                "<!-- end -->",
                "<!-- end -->\r\n\t<property>\r\n\t\t<name>d</name>\r\n\t\t<value>4</value>\r\n\t</property>",
            );
        assert_eq!(file.to_string(), expected);
        assert_eq!(file.get("a").as_deref(), Some("<é>"));
        assert!(file.remove("d") && !file.remove("d"));
        assert!(file.remove("a"));
        assert_eq!(file.keys(), ["b", "c"]);
        assert!(file.to_string().contains("<!-- one -->"));
    }

    #[test]
    fn an_empty_configuration_takes_properties() {
        for empty in ["<configuration/>", "<configuration></configuration>", "<configuration>\n</configuration>"] {
            let mut file = HadoopXml::parse(empty).unwrap();
            file.set("a", 1).unwrap();
            let property = "  <property>\n    <name>a</name>\n    <value>1</value>\n  </property>";
            assert_eq!(file.to_string(), format!("<configuration>\n{property}\n</configuration>"));
            assert!(file.remove("a"));
            assert_eq!(file.to_string(), "<configuration>\n</configuration>");
        }
    }

    #[test]
    fn the_last_of_several_counts() {
        let text = "<configuration><property><name>a</name><value>1</value></property>\
            <property><name>a</name><value x='>'>2</value></property></configuration>";
        let mut file = HadoopXml::parse(text).unwrap();
        assert_eq!(file.get("a").as_deref(), Some("2"));
        file.set("a", 3).unwrap();
        assert_eq!(file.to_string(), text.replace(">2<", ">3<"));
        assert!(file.remove("a"));
        assert_eq!(file.to_string(), "<configuration></configuration>");
    }

    #[test]
    fn what_is_no_configuration_is_refused() {
        assert!(HadoopXml::parse("<configuration>").unwrap_err().to_string().starts_with("it is no XML: "));
        assert!(HadoopXml::parse("").is_err());
        let error = HadoopXml::parse("<a/>").unwrap_err().to_string();
        assert_eq!(error, "its root is `a`, not `configuration`");
        let entity =
            "<!DOCTYPE c [<!ENTITY p '<property><name>a</name></property>'>]><configuration>&p;</configuration>";
        assert!(HadoopXml::parse(entity).is_err());
        assert!(HadoopXml::new().set("a", "\0").is_err());
    }
}
