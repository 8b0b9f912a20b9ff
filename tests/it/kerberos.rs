//! The Kerberos topology: tickets from keytabs, and logins by ticket from node to node.

use clusterdock_tests::scene::Scene;

use super::images;

#[test]
fn a_keytab_ticket_logs_in_on_another_node() {
    let Some(scene) = Scene::new("kerberos") else {
        return;
    };
    if !images::base() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let start = scene.run([
        "start",
        "-c",
        &scene.name,
        "-n",
        &scene.name,
        "topologies/topology_nodebase_kerberos",
    ]);
    let start = start.args([
        "--kerberos-principals",
        "alice,hdfs",
        "--kerberos-config-directory",
    ]);
    let ran = start.args([folder.path()]).succeeds();
    let realm = scene.name.to_uppercase();
    assert!(
        ran.stderr.contains(&format!("Realm {realm} is served by")),
        "{}",
        ran.stderr
    );
    scene.on_node("node-1", "kinit -kt /etc/clusterdock.keytab alice");
    let tickets = scene.on_node("node-1", "klist");
    assert!(
        tickets.contains(&format!("krbtgt/{realm}@{realm}")),
        "{tickets}"
    );
    let login = format!(
        "ssh -o BatchMode=yes -o PreferredAuthentications=gssapi-with-mic root@{}",
        scene.fqdn("node-2")
    );
    assert_eq!(
        scene.on_node("node-1", &format!("{login} hostname -f 2>/dev/null")),
        scene.fqdn("node-2")
    );
    scene.on_node("node-1", "kdestroy");
    scene.docker_says(&[
        "exec",
        &scene.fqdn("node-1"),
        "sh",
        "-c",
        &format!("! {login} true"),
    ]);
    // The KDC serves again after its restart, at its old address.
    scene.docker_says(&["restart", "-t", "2", &scene.fqdn("kdc")]);
    scene.on_node(
        "node-2",
        "timeout 60 sh -c 'until kinit -kt /etc/clusterdock.keytab hdfs; do sleep 0.5; done'",
    );
    for name in ["krb5.conf", "clusterdock.keytab"] {
        assert!(
            folder.path().join(name).metadata().unwrap().len() > 0,
            "{name}"
        );
    }
    scene.run(["rm", &scene.name]).succeeds();
    scene.assert_empty();
}
