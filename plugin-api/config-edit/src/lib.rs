//! Configuration files that are changed without losing what people wrote into them: comments, order, indentation and
//! line ends stay, byte by byte, where nothing was changed.
//!
//! Each kind of file implements [`Edit`] of `clusterdock-plugin-api`, so a hook edits the file of a node with it:
//!
//! ```
//! use clusterdock_config_edit::{HadoopXml, Ini, Properties};
//! use clusterdock_plugin_api::{Cluster, Result};
//!
//! fn start(cluster: &Cluster) -> Result<()> {
//!     let nodes = cluster.nodes();
//!     let first = nodes[0].fqdn();
//!     nodes.edit::<Ini>("/etc/agent.ini", |file| file.set("agent", "server_host", first))?;
//!     nodes.edit::<HadoopXml>("/etc/hadoop/core-site.xml", |file| {
//!         file.set("fs.defaultFS", format!("hdfs://{first}:8020"))
//!     })?;
//!     nodes.in_parallel(|node| {
//!         node.edit::<Properties>("/etc/kafka/server.properties", |file| {
//!             file.set("broker.id", node.number())
//!         })
//!     })?;
//!     Ok(())
//! }
//! ```
//!
//! This crate has versions of its own: plugin-api knows only the trait, and any other crate may implement it.

#![warn(missing_docs)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod hadoop_xml;
mod ini;
mod properties;

use clusterdock_plugin_api::{Edit, Result};

pub use hadoop_xml::HadoopXml;
pub use ini::Ini;
pub use properties::Properties;

macro_rules! edits {
    ($($type:ident)*) => {$(
        impl Edit for $type {
            fn parse(text: &str) -> Result<$type> {
                $type::parse(text)
            }

            fn to_text(&self) -> String {
                self.to_string()
            }
        }
    )*};
}

edits!(Properties Ini HadoopXml);

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
