//! A basic cluster with a Kerberos realm: a KDC, and on every node its configuration, a host principal for sshd and a
//! keytab with the principals that the user names.

use clusterdock_plugin_api::{
    export_topology, Arg, Cluster, Context, Declaration, Error, Exec, File, Group, Node, NodeSpec, Probe, Request,
    Result, Topology,
};
use std::fs;
use std::path::Path;
use std::time::Duration;

export_topology!(NodebaseKerberos, "../../../topologies/topology_nodebase_kerberos/topology.toml");

struct NodebaseKerberos;

const KEYTAB: &str = "/etc/clusterdock.keytab";
const SERVERS: Duration = Duration::from_secs(60);

impl Topology for NodebaseKerberos {
    fn declare(&self) -> Declaration {
        let principals =
            Arg::list("kerberos-principals").metavar("principal").help("Principals to make, without the realm");
        let folder = Arg::text("kerberos-config-directory")
            .metavar("path")
            .help("Folder of this machine that gets krb5.conf and clusterdock.keytab too");
        Declaration::new()
            .group(Group::new("kdc").default_nodes(["kdc"]).max(1).help("The node with the KDC"))
            .group(Group::new("nodes").default_nodes(["node-1", "node-2"]))
            .start_arg(principals)
            .start_arg(folder)
    }

    fn nodes(&self, request: &Request) -> Result<Vec<NodeSpec>> {
        for principal in request.list("kerberos-principals")? {
            check_principal(principal)?;
        }
        let node = |name: &String, group| NodeSpec::new(name, group).ready_when(Probe::port(22));
        let kdc = request.group("kdc").iter().map(|name| node(name, "kdc"));
        Ok(kdc.chain(request.group("nodes").iter().map(|name| node(name, "nodes"))).collect())
    }

    fn start(&self, cluster: &Cluster, request: &Request) -> Result<()> {
        let kdc = cluster.first_of("kdc")?;
        let realm = cluster.network().to_uppercase();
        let configuration = configuration(&realm, cluster.network(), kdc.fqdn());
        cluster.put_file("/etc/krb5.conf", &configuration)?;
        cluster.progress(format!("Making realm {realm} ..."))?;
        make_realm(kdc, &realm).context(format!("failed to make realm `{realm}`"))?;
        let principals = request.list("kerberos-principals")?;
        let users: Vec<String> = principals.iter().map(|name| format!("{name}@{realm}")).collect();
        let keytab = make_keytab(kdc, &users, KEYTAB)?;
        for node in cluster.nodes() {
            let host = make_keytab(kdc, &[format!("host/{}@{realm}", node.fqdn())], "/tmp/host.keytab")?;
            node.put(File::new("/etc/krb5.keytab", host).mode(0o600))?;
            node.put(File::new("/root/.k5login", users.join("\n") + "\n").mode(0o600))?;
            if !users.is_empty() {
                node.put(File::new(KEYTAB, &keytab).mode(0o600))?;
            }
        }
        if request.has("kerberos-config-directory") {
            let folder = Path::new(request.text("kerberos-config-directory")?);
            save(folder, &configuration, &keytab).context(format!("failed to write into `{}`", folder.display()))?;
        }
        cluster.closing(closing(&realm, kdc, principals))
    }
}

fn check_principal(name: &str) -> Result<()> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    match !name.is_empty() && name.chars().all(plain) {
        true => Ok(()),
        false => Err(Error::new(format!("`{name}` is no principal: letters, digits, `-`, `_`, `.` and `/`, no realm"))),
    }
}

fn configuration(realm: &str, domain: &str, kdc: &str) -> String {
    format!(
        "[libdefaults]
    default_realm = {realm}
    dns_lookup_realm = false
    dns_lookup_kdc = false
    forwardable = true

[realms]
    {realm} = {{
        kdc = {kdc}
        admin_server = {kdc}
    }}

[domain_realm]
    .{domain} = {realm}
    {domain} = {realm}
"
    )
}

/// A database, and the two servers. Its master key is kept beside it and known to nobody: nobody has to type it.
fn make_realm(kdc: &Node, realm: &str) -> Result<()> {
    let server = format!("[realms]\n    {realm} = {{\n        database_name = /var/lib/krb5kdc/principal\n    }}\n");
    kdc.put_file("/etc/krb5kdc/kdc.conf", server)?;
    kdc.put_file("/etc/krb5kdc/kadm5.acl", format!("*/admin@{realm} *\n"))?;
    let key = "head -c 30 /dev/urandom | base64";
    kdc.execute(Exec::new(format!("kdb5_util create -s -r {realm} -P \"$({key})\"")).quiet())?;
    kdc.execute(Exec::new("krb5kdc && kadmind").quiet())?;
    kdc.wait_for(&Probe::all([Probe::port(88), Probe::port(749)]), SERVERS)
}

/// Makes principals with random keys, and gives a keytab with all of them; empty for none.
fn make_keytab(kdc: &Node, principals: &[String], path: &str) -> Result<Vec<u8>> {
    if principals.is_empty() {
        return Ok(Vec::new());
    }
    let mut commands = format!("set -e\nrm -f {path}\n");
    for principal in principals {
        commands +=
            &format!("kadmin.local addprinc -randkey '{principal}'\nkadmin.local ktadd -k {path} '{principal}'\n");
    }
    kdc.execute(Exec::new(commands).quiet()).context("failed to make principals")?;
    kdc.get_bytes(path)
}

fn save(folder: &Path, configuration: &str, keytab: &[u8]) -> Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("krb5.conf"), configuration)?;
    if !keytab.is_empty() {
        fs::write(folder.join("clusterdock.keytab"), keytab)?;
    }
    Ok(())
}

fn closing(realm: &str, kdc: &Node, principals: &[String]) -> String {
    match principals.first() {
        Some(first) => format!("Realm {realm} is served by {}: kinit -kt {KEYTAB} {first}", kdc.fqdn()),
        None => format!("Realm {realm} is served by {}; name principals with --kerberos-principals", kdc.fqdn()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clusterdock_plugin_api::Value;

    fn request(principals: &[&str]) -> Request {
        let list = principals.iter().map(ToString::to_string).collect();
        Request {
            groups: [("kdc".to_string(), vec!["kdc".to_string()]), ("nodes".into(), vec!["a".into(), "b".into()])]
                .into(),
            args: [("kerberos-principals".to_string(), Value::List(list))].into(),
            ..Request::default()
        }
    }

    #[test]
    fn the_kdc_comes_first_and_every_node_waits_for_sshd() {
        let nodes = NodebaseKerberos.nodes(&request(&["alice", "hdfs/node"])).unwrap();
        let names: Vec<_> = nodes.iter().map(|node| (node.hostname.as_str(), node.group.as_str())).collect();
        assert_eq!(names, [("kdc", "kdc"), ("a", "nodes"), ("b", "nodes")]);
        assert!(nodes.iter().all(|node| node.probes == [Probe::port(22)]));
    }

    #[test]
    fn what_is_no_principal_is_refused_before_anything_is_made() {
        for bad in ["", "a b", "alice@REALM", "$(reboot)", "a'b"] {
            assert!(NodebaseKerberos.nodes(&request(&[bad])).is_err(), "{bad}");
        }
    }

    #[test]
    fn hosts_of_the_network_are_in_the_realm() {
        let text = configuration("LAB", "lab", "kdc.lab");
        assert!(text.contains(".lab = LAB") && text.contains("kdc = kdc.lab"), "{text}");
    }
}
