//! What can be done with one node, with the nodes of a group, and with all nodes of a cluster alike.

use crate::guard::guard;
use crate::ops::{self, call, call_with};
use crate::{Cluster, Error, Exec, File, HadoopXml, Host, Ini, Node, NodeGroup, Output, Probe, Properties, Result};
use std::path::Path;
use std::time::Duration;

macro_rules! on_nodes {
    ($($type:ident: $whole:ident, $slice:expr;)*) => {$(
        /// Files, and waiting for them to have an effect.
        impl $type {
            /// Puts a file of mode 644, owned by root, making the folders above it.
            ///
            /// # Errors
            /// The node and the cause.
            pub fn put_file(&self, path: &str, contents: impl AsRef<[u8]>) -> Result<()> {
                self.put(File::new(path, contents))
            }

            /// Puts a file that says more than its contents: mode, owner, or where it comes from.
            ///
            /// ```
            /// # use clusterdock_plugin_api::{testing::FakeHost, File};
            /// # let cluster = FakeHost::new().node("brokers", "broker-1").cluster();
            /// # let brokers = cluster.group("brokers");
            /// brokers.put(File::new("/etc/app/secret", "...").owner("app").mode(0o600))?;
            /// # Ok::<(), clusterdock_plugin_api::Error>(())
            /// ```
            ///
            /// # Errors
            /// The node and the cause: the node does not know the owner, a folder is where the file is to go.
            pub fn put(&self, file: File) -> Result<()> {
                let $whole = self;
                put(&*self.host, $slice, file)
            }

            /// Puts what is in a folder of this machine into a folder of the node, which is made when it is not there;
            /// all of it owned by root. [`put`](Self::put) of a [`File::local`] can give it to others.
            ///
            /// ```no_run
            /// # use clusterdock_plugin_api::testing::FakeHost;
            /// # let cluster = FakeHost::new().node("brokers", "broker-1").cluster();
            /// cluster.put_folder("conf", "/etc/app")?; // conf/app.yml becomes /etc/app/app.yml
            /// # Ok::<(), clusterdock_plugin_api::Error>(())
            /// ```
            ///
            /// # Errors
            /// As [`put`](Self::put), or there is no such folder.
            pub fn put_folder(&self, local: impl AsRef<Path>, path: &str) -> Result<()> {
                let local = local.as_ref();
                match local.is_dir() {
                    true => self.put(File::local(local, path)),
                    false => Err(Error::new(format!("no folder `{}`", local.display()))),
                }
            }

            /// Waits until a probe holds; several nodes are waited for at once.
            ///
            /// ```
            /// # use clusterdock_plugin_api::{testing::FakeHost, Probe};
            /// # let cluster = FakeHost::new().node("brokers", "broker-1").cluster();
            /// let minute = std::time::Duration::from_secs(60);
            /// cluster.wait_for(&Probe::port(9092), minute)?;
            /// # Ok::<(), clusterdock_plugin_api::Error>(())
            /// ```
            ///
            /// # Errors
            /// [`Code::Timeout`](crate::Code::Timeout) with the node and what did not hold; or the node died.
            pub fn wait_for(&self, probe: &Probe, timeout: Duration) -> Result<()> {
                let $whole = self;
                let timeout_ms = ops::milliseconds(timeout);
                call(&*self.host, &ops::WaitFor { nodes: fqdns($slice), probe: probe.clone(), timeout_ms })
            }
        }
    )*};
}

on_nodes! {
    Node: node, std::slice::from_ref(node);
    NodeGroup: group, &group.nodes;
    Cluster: cluster, &cluster.nodes;
}

macro_rules! on_many {
    ($($type:ident)*) => {$(
        /// Commands and configuration files on all nodes at once.
        impl $type {
            /// Runs a command on every node in parallel; outputs in node order.
            ///
            /// ```
            /// # use clusterdock_plugin_api::testing::FakeHost;
            /// # let cluster = FakeHost::new().node("nodes", "node-1").node("nodes", "node-2").cluster();
            /// for output in cluster.execute("cat /proc/loadavg")? {
            ///     println!("{}: {}", output.node, output.text());
            /// }
            /// # Ok::<(), clusterdock_plugin_api::Error>(())
            /// ```
            ///
            /// # Errors
            /// The first node, in node order, on which it failed: node, command, exit code and last lines.
            pub fn execute(&self, exec: impl Into<Exec>) -> Result<Vec<Output>> {
                execute(&*self.host, &self.nodes, exec.into())
            }

            /// Does the same on every node, each in a thread of its own; gives what came of it in node order. For what
            /// differs from node to node.
            ///
            /// ```
            /// # use clusterdock_plugin_api::{render, testing::FakeHost};
            /// # let host = FakeHost::new().node("brokers", "broker-1").node("brokers", "broker-2");
            /// # let cluster = host.cluster();
            /// cluster.group("brokers").in_parallel(|node| {
            ///     let template = "name={{ host }}\n"; // include_str!("broker.properties")
            ///     node.put_file("/etc/broker.properties", render(template, [("host", node.fqdn())])?)
            /// })?;
            /// # assert_eq!(host.file("broker-2", "/etc/broker.properties").unwrap(), b"name=broker-2.cluster\n");
            /// # Ok::<(), clusterdock_plugin_api::Error>(())
            /// ```
            ///
            /// # Errors
            /// That of the first node, in node order, on which it failed, when it has ended on all of them. A panic is
            /// an error too.
            pub fn in_parallel<T: Send>(&self, work: impl Fn(&Node) -> Result<T> + Sync) -> Result<Vec<T>> {
                in_parallel(&self.nodes, work)
            }

            /// Changes a file of text on every node; see [`Node::edit_text`].
            ///
            /// # Errors
            /// As [`Node::edit_text`].
            pub fn edit_text(&self, path: &str, edit: impl Fn(&str) -> Result<String> + Sync) -> Result<()> {
                self.in_parallel(|node| node.edit_text(path, &edit)).map(drop)
            }

            /// Changes a properties file on every node; see [`Node::edit_properties`].
            ///
            /// # Errors
            /// As [`Node::edit_properties`].
            pub fn edit_properties(
                &self,
                path: &str,
                edit: impl Fn(&mut Properties) -> Result<()> + Sync,
            ) -> Result<()> {
                self.in_parallel(|node| node.edit_properties(path, &edit)).map(drop)
            }

            /// Changes an ini file on every node; see [`Node::edit_ini`].
            ///
            /// # Errors
            /// As [`Node::edit_ini`].
            pub fn edit_ini(&self, path: &str, edit: impl Fn(&mut Ini) -> Result<()> + Sync) -> Result<()> {
                self.in_parallel(|node| node.edit_ini(path, &edit)).map(drop)
            }

            /// Changes a Hadoop configuration file on every node; see [`Node::edit_xml`].
            ///
            /// # Errors
            /// As [`Node::edit_xml`].
            pub fn edit_xml(&self, path: &str, edit: impl Fn(&mut HadoopXml) -> Result<()> + Sync) -> Result<()> {
                self.in_parallel(|node| node.edit_xml(path, &edit)).map(drop)
            }
        }
    )*};
}

on_many!(NodeGroup Cluster);

pub(crate) fn execute(host: &dyn Host, nodes: &[Node], exec: Exec) -> Result<Vec<Output>> {
    let on = ops::ExecOn { nodes: fqdns(nodes), exec };
    let outputs = call(host, &on)?;
    if !on.exec.may_fail {
        if let Some(failed) = outputs.iter().find(|output| !output.success()) {
            return Err(command_failed(&on.exec.command, failed));
        }
    }
    Ok(outputs)
}

fn command_failed(command: &str, output: &Output) -> Error {
    let message = format!("command `{command}` on node `{}` exited with {}", output.node, output.exit_code);
    let lines: Vec<&str> = output.output.lines().collect();
    let last = &lines[lines.len().saturating_sub(10)..];
    last.iter().fold(Error::new(message), |error, line| error.cause(line))
}

fn put(host: &dyn Host, nodes: &[Node], file: File) -> Result<()> {
    let File { path, contents, mode, owner } = file;
    let nodes = fqdns(nodes);
    match contents {
        crate::file::Contents::Bytes(bytes) => {
            let put = ops::PutFile { nodes, path, mode: mode.unwrap_or(0o644), owner };
            call_with(host, &put, &bytes).map(|((), _)| ())
        }
        crate::file::Contents::Local(local) => {
            let local = absolute(&local)?;
            call(host, &ops::PutLocal { nodes, local, path, mode, owner })
        }
    }
}

/// A path of this machine as the host finds it, whose working directory may be another one.
pub(crate) fn absolute(local: &Path) -> Result<std::path::PathBuf> {
    Ok(std::env::current_dir()?.join(local))
}

fn in_parallel<T: Send>(nodes: &[Node], work: impl Fn(&Node) -> Result<T> + Sync) -> Result<Vec<T>> {
    let work = &work;
    std::thread::scope(|scope| {
        let threads: Vec<_> = nodes.iter().map(|node| scope.spawn(move || guard(|| work(node)))).collect();
        let results: Vec<_> = threads.into_iter().map(|thread| thread.join()).collect();
        let ended = |result: std::thread::Result<_>| result.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        results.into_iter().map(ended).collect()
    })
}

fn fqdns(nodes: &[Node]) -> Vec<String> {
    nodes.iter().map(|node| node.fqdn().to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::FakeHost;
    use crate::{Code, Context};

    fn two() -> (FakeHost, Cluster) {
        let host = FakeHost::new().node("brokers", "broker-1").node("brokers", "broker-2");
        let cluster = host.cluster();
        (host, cluster)
    }

    #[test]
    fn a_file_is_put_on_all_nodes_by_one_call() {
        let (host, cluster) = two();
        cluster.put(File::new("/a", "x").owner("app").mode(0o600)).unwrap();
        assert_eq!(host.calls(), ["put-file /a on broker-1.cluster, broker-2.cluster: 600 app"]);
        let missing = cluster.put_folder("no/such/folder", "/etc").unwrap_err();
        assert_eq!(missing.to_string(), "no folder `no/such/folder`");
    }

    #[test]
    fn each_node_gets_its_own_and_the_first_error_is_told() {
        let (host, cluster) = two();
        let names = cluster.in_parallel(|node| Ok(node.hostname().to_string())).unwrap();
        assert_eq!(names, ["broker-1", "broker-2"]);
        let failed = cluster.in_parallel(|node| match node.hostname() {
            "broker-2" => panic!("no luck"),
            _ => node.put_file("/a", ""),
        });
        let failed = failed.unwrap_err();
        assert_eq!((failed.code(), failed.to_string().as_str()), (Code::Panic, "no luck"));
        assert!(failed.detail().contains("nodes.rs"));
        assert!(host.file("broker-1", "/a").is_some());
    }

    #[test]
    fn an_edited_file_keeps_its_owner_and_mode_and_an_unchanged_one_is_not_put() {
        let (host, cluster) = two();
        cluster.put(File::new("/a", "x = 1\ny = 2\n").owner("7:8").mode(0o640)).unwrap();
        cluster.edit_properties("/a", |file| file.set("x", 3)).unwrap();
        assert_eq!(host.file("broker-2", "/a").unwrap(), b"x = 3\ny = 2\n");
        let puts = host.calls().into_iter().filter(|call| call.starts_with("put-file /a on broker-2.cluster:"));
        assert_eq!(puts.collect::<Vec<_>>(), ["put-file /a on broker-2.cluster: 640 7:8"]);
        let before = host.calls().len();
        cluster.first_of("brokers").unwrap().edit_properties("/a", |file| file.set("x", 3)).unwrap();
        assert_eq!(host.calls()[before..], ["get-file /a from broker-1.cluster"]);
    }

    #[test]
    fn what_fails_in_an_edit_names_the_file_and_the_node() {
        let (_, cluster) = two();
        cluster.put_file("/a", "[x").unwrap();
        let said = cluster.edit_ini("/a", |_| Ok(())).unwrap_err().to_string();
        assert_eq!(said, "failed to edit `/a` on node `broker-1.cluster`: line 1: `[x` has no `]`");
        let said = cluster.edit_text("/a", |_| Err::<String, _>(Error::new("no")).context("why")).unwrap_err();
        assert_eq!(said.to_string(), "failed to edit `/a` on node `broker-1.cluster`: why: no");
    }

    #[test]
    fn a_command_that_fails_says_where_and_how_unless_it_may() {
        let host = FakeHost::new().node("nodes", "node-1").answer_with("make", 2, "a\nb\n");
        let node = host.cluster().nodes()[0].clone();
        let failed = node.execute("make").unwrap_err();
        assert_eq!(failed.chain(), ["command `make` on node `node-1.cluster` exited with 2", "a", "b"]);
        assert_eq!(node.execute(Exec::new("make").may_fail()).unwrap().exit_code, 2);
    }
}
