//! Configuration files that are changed without losing what people wrote into them: comments, order, indentation and
//! line ends stay, byte by byte, where nothing was changed.

mod hadoop_xml;
mod ini;
mod properties;

pub use hadoop_xml::HadoopXml;
pub use ini::Ini;
pub use properties::Properties;

/// Cuts a text behind its first line end; gives the line, its end (empty at the end of the text), and the rest.
fn cut_line(text: &str) -> (&str, &str, &str) {
    let length = text.find(&['\n', '\r'][..]).unwrap_or(text.len());
    let end = length + line_end(&text[length..]);
    (&text[..length], &text[length..end], &text[end..])
}

/// How long the line end is that a text begins with: 0 for none.
fn line_end(text: &str) -> usize {
    match text.as_bytes() {
        [b'\r', b'\n', ..] => 2,
        [b'\r' | b'\n', ..] => 1,
        _ => 0,
    }
}
