//! Parses the sides of a copy. Pure: nodes and the existence of files are passed in.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::cluster::select;
use crate::cluster::{Cluster, Node};
use crate::error::{Error, Kind, Result};

/// Where files come from or go to.
#[derive(Debug, Clone, PartialEq)]
pub enum Side<'a> {
    /// A local path, as typed.
    Local(PathBuf),
    /// A path on a node, as typed.
    Node(&'a Node, String),
    /// A tar on standard input or output.
    Pipe,
}

impl<'a> Side<'a> {
    /// Parses `-`, `NODE:PATH` or a local path. A path with a `:` is local if it begins with `/` or `.`, or if it exists
    /// and there is no node with the name before the `:`.
    ///
    /// # Errors
    /// [`Kind::NotFound`] for an unknown node; [`Kind::Usage`] for an ambiguous one, or one without a path.
    pub fn parse(
        typed: &OsStr,
        clusters: &'a [Cluster],
        is_local: impl FnOnce(&Path) -> bool,
    ) -> Result<Side<'a>> {
        if typed == "-" {
            return Ok(Side::Pipe);
        }
        let Some((name, path)) = split(typed) else {
            return Ok(Side::Local(typed.into()));
        };
        let node = match select::node(clusters, &name.to_string_lossy()) {
            Err(error) if error.kind() == Kind::NotFound && is_local(Path::new(typed)) => {
                return Ok(Side::Local(typed.into()));
            }
            Err(error) if error.kind() == Kind::NotFound => {
                let shown = Path::new(typed).display();
                return Err(error.cause(format!(
                    "`{shown}` is not a local file either; write `./{shown}` for one"
                )));
            }
            node => node?,
        };
        match path.to_str() {
            Some("") => {
                Err(
                    Error::new(Kind::Usage, format!("missing path on node `{}`", node.name)).hint(
                        format!("for its root, write `{}:/`", name.to_string_lossy()),
                    ),
                )
            }
            Some(path) => Ok(Side::Node(node, path.into())),
            None => Err(
                Error::new(Kind::Usage, format!("invalid path on node `{}`", node.name))
                    .cause("it is not UTF-8")
                    .hint("copy the folder that contains it"),
            ),
        }
    }

    /// Whether `typed` could name a node, so that [`parse`](Side::parse) needs to know the nodes.
    pub fn may_be_node(typed: &OsStr) -> bool {
        split(typed).is_some()
    }
}

/// Splits `NAME:PATH`; `None` if it can only be a local path.
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
    use crate::cluster::clusters;
    use crate::cluster::labels::{NodeLabels, Run};
    use crate::cluster::names;
    use crate::cluster::observed::Observed;
    use crate::engine::Container;

    fn node(cluster: &str, hostname: &str, network: &str) -> Container {
        let labels = NodeLabels {
            run: Run {
                cluster: cluster.into(),
                size: 1,
                ..Run::default()
            },
            hostname: hostname.into(),
            network: network.into(),
            ..NodeLabels::default()
        };
        Container {
            name: names::container(&labels.hostname, &labels.network),
            image_id: "sha256:1".into(),
            labels: labels.write("sha256:1"),
            ..Container::default()
        }
    }

    /// Parses `typed` with the nodes node-1.one (cluster red), node-1.two and edge.two (cluster blue) and these files.
    fn parsed(typed: &str, files: &[&str]) -> String {
        let containers = vec![
            node("red", "node-1", "one"),
            node("blue", "node-1", "two"),
            node("blue", "edge", "two"),
        ];
        let clusters = clusters(&Observed::new(containers, Vec::new(), Vec::new()));
        match Side::parse(OsStr::new(typed), &clusters, |path| {
            files.contains(&path.to_str().unwrap())
        }) {
            Ok(Side::Local(path)) => format!("local {}", path.display()),
            Ok(Side::Node(node, path)) => format!("{} {path}", node.fqdn),
            Ok(Side::Pipe) => "pipe".into(),
            Err(error) => format!(
                "{:?} {:?}",
                error.kind(),
                error.next_step().unwrap_or_default()
            ),
        }
    }

    #[test]
    fn a_node_can_be_named_in_three_ways() {
        assert_eq!(parsed("node-1.one:/etc", &[]), "node-1.one /etc");
        assert_eq!(parsed("blue/node-1:/etc", &[]), "node-1.two /etc");
        assert_eq!(parsed("edge:etc/a:b", &[]), "edge.two etc/a:b");
    }

    #[test]
    fn a_local_path_may_have_a_colon() {
        for typed in ["./a:b", "/a:b", "../a:b", ".a:b", ":a", "a", "edge"] {
            assert_eq!(parsed(typed, &[]), format!("local {typed}"));
        }
        assert_eq!(parsed("a:b", &["a:b"]), "local a:b");
        assert_eq!(parsed("dir/a:b", &["dir/a:b"]), "local dir/a:b");
        // An existing node comes first; `./` selects the file.
        assert_eq!(parsed("edge:b", &["edge:b"]), "edge.two b");
    }

    #[test]
    fn a_dash_is_a_pipe() {
        assert_eq!(parsed("-", &["-"]), "pipe");
        assert_eq!(parsed("./-", &[]), "local ./-");
    }

    #[test]
    fn an_unknown_node_gets_a_hint() {
        assert_eq!(
            parsed("edge.twi:/a", &[]),
            "NotFound \"did you mean `edge.two`?\""
        );
        assert_eq!(
            parsed("elsewhere:/a", &[]),
            "NotFound \"`clusterdock ps` lists all nodes\""
        );
        assert_eq!(
            parsed("node-1:/a", &["node-1:/a"]),
            "Usage \"use its FQDN or CLUSTER/HOSTNAME\""
        );
        assert_eq!(
            parsed("edge:", &[]),
            "Usage \"for its root, write `edge:/`\""
        );
    }
}
