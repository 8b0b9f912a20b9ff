//! What a user means by a side of a copy. Pure: the nodes there are, and whether a file is there, go in.

use crate::cluster::{Cluster, Node};
use crate::error::{Error, Kind, Result};
use crate::select;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Where files come from or go to.
#[derive(Debug, Clone, PartialEq)]
pub enum Side<'a> {
    /// A path of this machine, as it was typed.
    Here(PathBuf),
    /// A path of a node, as it was typed.
    Node(&'a Node, String),
    /// A tar on standard input or output.
    Pipe,
}

impl<'a> Side<'a> {
    /// What `typed` means: `-`, `NODE:PATH`, or a path of this machine. With a `:` it is one of this machine when it
    /// begins with `/` or `.`, or is there and no node has the name before the `:`.
    ///
    /// # Errors
    /// [`Kind::NotFound`] for an unknown node; [`Kind::Usage`] for an ambiguous one, or one without a path.
    pub fn parse(typed: &OsStr, clusters: &'a [Cluster], is_here: impl FnOnce(&Path) -> bool) -> Result<Side<'a>> {
        if typed == "-" {
            return Ok(Side::Pipe);
        }
        let here = || Ok(Side::Here(typed.into()));
        let Some((name, path)) = split(typed) else { return here() };
        let node = match select::node(clusters, &name.to_string_lossy()) {
            Err(error) if error.kind() == Kind::NotFound && is_here(Path::new(typed)) => return here(),
            Err(error) if error.kind() == Kind::NotFound => {
                let shown = Path::new(typed).display();
                return Err(
                    error.cause(format!("`{shown}` is no file of this machine either; write `./{shown}` for one"))
                );
            }
            node => node?,
        };
        match path.to_str() {
            Some("") => Err(Error::new(Kind::Usage, format!("no path is named on node `{}`", node.fqdn))
                .hint(format!("write `{}:/` for its root", name.to_string_lossy()))),
            Some(path) => Ok(Side::Node(node, path.into())),
            None => Err(Error::new(Kind::Usage, format!("invalid path on node `{}`", node.fqdn))
                .cause("paths of nodes are UTF-8")
                .hint("copy the folder that it is in")),
        }
    }

    /// Whether `typed` could name a node, so that the nodes there are matter.
    pub fn may_be_node(typed: &OsStr) -> bool {
        split(typed).is_some()
    }
}

/// `NAME:PATH`, unless it cannot be anything but a path of this machine.
fn split(typed: &OsStr) -> Option<(OsString, OsString)> {
    let bytes = typed.as_bytes();
    let colon = bytes.iter().position(|byte| *byte == b':')?;
    let is_path = matches!(bytes[0], b'/' | b'.' | b':');
    let part = |bytes: &[u8]| OsStr::from_bytes(bytes).to_os_string();
    (!is_path).then(|| (part(&bytes[..colon]), part(&bytes[colon + 1..])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{Observed, clusters};
    use crate::engine::Container;
    use crate::labels;
    use std::collections::BTreeMap;

    fn node(cluster: &str, hostname: &str, network: &str) -> Container {
        Container {
            name: format!("{hostname}.{network}"),
            labels: BTreeMap::from([(labels::CLUSTER.into(), cluster.into()), (labels::NODE.into(), hostname.into())]),
            ..Container::default()
        }
    }

    /// What is meant, where the nodes node-1.one (cluster red), node-1.two and edge.two (cluster blue) are there, and
    /// the files named here.
    fn meant(typed: &str, here: &[&str]) -> String {
        let containers = vec![node("red", "node-1", "one"), node("blue", "node-1", "two"), node("blue", "edge", "two")];
        let clusters = clusters(&Observed { containers, ..Observed::default() });
        match Side::parse(OsStr::new(typed), &clusters, |path| here.contains(&path.to_str().unwrap())) {
            Ok(Side::Here(path)) => format!("here {}", path.display()),
            Ok(Side::Node(node, path)) => format!("{} {path}", node.fqdn),
            Ok(Side::Pipe) => "pipe".into(),
            Err(error) => format!("{:?} {:?}", error.kind(), error.next_step().unwrap_or_default()),
        }
    }

    #[test]
    fn a_node_is_named_in_three_ways() {
        assert_eq!(meant("node-1.one:/etc", &[]), "node-1.one /etc");
        assert_eq!(meant("blue/node-1:/etc", &[]), "node-1.two /etc");
        assert_eq!(meant("edge:etc/a:b", &[]), "edge.two etc/a:b");
    }

    #[test]
    fn a_path_of_this_machine_may_have_a_colon() {
        for typed in ["./a:b", "/a:b", "../a:b", ".a:b", ":a", "a", "edge"] {
            assert_eq!(meant(typed, &[]), format!("here {typed}"));
        }
        assert_eq!(meant("a:b", &["a:b"]), "here a:b");
        assert_eq!(meant("dir/a:b", &["dir/a:b"]), "here dir/a:b");
        // A node that is there comes first; `./` chooses the file.
        assert_eq!(meant("edge:b", &["edge:b"]), "edge.two b");
    }

    #[test]
    fn a_dash_is_a_pipe() {
        assert_eq!(meant("-", &["-"]), "pipe");
        assert_eq!(meant("./-", &[]), "here ./-");
    }

    #[test]
    fn what_is_neither_is_told_with_the_nearest_node() {
        assert_eq!(meant("edge.twi:/a", &[]), "NotFound \"did you mean `edge.two`?\"");
        assert_eq!(meant("elsewhere:/a", &[]), "NotFound \"`clusterdock ps` lists the nodes there are\"");
        assert_eq!(meant("node-1:/a", &["node-1:/a"]), "Usage \"name it by its FQDN, or as CLUSTER/HOSTNAME\"");
        assert_eq!(meant("edge:", &[]), "Usage \"write `edge:/` for its root\"");
    }
}
