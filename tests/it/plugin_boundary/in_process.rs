//! A topology that is linked into the program answers as one in a process of its own does.

use super::process::{Recorder, facts, request};
use clusterdock::error::Kind;
use clusterdock::topology::in_process::InProcess;
use clusterdock::topology::plugin::{Hook, Plugin};
use clusterdock_plugin_api::{Cluster, Context, Declaration, Group, NodeSpec, Request, Result, Topology};

struct Linked;

impl Topology for Linked {
    fn declare(&self) -> Declaration {
        Declaration::new().group(Group::new("nodes"))
    }

    fn nodes(&self, _: &Request) -> Result<Vec<NodeSpec>> {
        panic!("no nodes")
    }

    fn start(&self, cluster: &Cluster, request: &Request) -> Result<()> {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                std::thread::spawn({
                    let cluster = cluster.clone();
                    move || cluster.put_file("/x", "contents")
                })
            })
            .collect();
        threads.into_iter().try_for_each(|thread| thread.join().unwrap())?;
        cluster.progress(&request.cluster)
    }

    fn build(&self, cluster: &Cluster, _: &Request) -> Result<()> {
        cluster.nodes()[0].commit("repository", "tag", false).map(drop).context("in the hook")
    }
}

#[tokio::test]
async fn its_calls_are_answered_from_any_thread_and_its_errors_are_told_alike() {
    let (plugin, host) = (InProcess::new("linked", Linked), Recorder::default());
    assert_eq!(plugin.declare().await.unwrap().groups[0].name, "nodes");
    plugin.hook(Hook::Start, &facts(), &request(), &host).await.unwrap();
    let calls = host.calls.lock().unwrap().clone();
    assert!(calls[..4].iter().all(|(name, _, payload)| name == "put-file" && payload == b"contents"));
    assert_eq!(calls[4].1, r#"{"message":"a"}"#);

    let error = plugin.hook(Hook::Build, &facts(), &request(), &host).await.unwrap_err();
    assert_eq!(error.message(), "plugin `linked` failed in its build hook");
    assert_eq!(error.causes(), ["in the hook", "this host knows no operation `commit`"]);

    let error = plugin.nodes(&request()).await.unwrap_err();
    assert_eq!(error.to_string(), "plugin `linked` panicked in `nodes`: no nodes");
    assert_eq!(error.kind(), Kind::Hook);
}
