//! A basic cluster with a Kerberos realm: a KDC, and on every node its configuration, a host principal for sshd and a
//! keytab with the principals that the user names.

use std::fs;
use std::path::{Path, PathBuf};

use clusterdock_plugin_api::prelude::*;

const KDC: Group = Group::new("kdc")
    .named(&["kdc"])
    .max(1)
    .help("The node with the KDC");
const NODES: Group = Group::new("nodes").sized("node", 2);

const KEYTAB: &str = "/etc/clusterdock.keytab";
const SERVERS: Duration = Duration::from_secs(60);

#[derive(Args)]
struct Options {
    /// Principals to create, without the realm
    #[arg(metavar = "principal", pattern = "[-A-Za-z0-9_./]+")]
    kerberos_principals: Vec<String>,
    /// Local folder to copy krb5.conf and clusterdock.keytab to
    #[arg(metavar = "path")]
    kerberos_config_directory: Option<PathBuf>,
}

struct NodebaseKerberos;

#[topology(manifest = "../../../topologies/topology_nodebase_kerberos/topology.toml")]
impl Topology for NodebaseKerberos {
    type Args = Options;
    const GROUPS: &'static [Group] = &[KDC, NODES];

    fn nodes(&self, plan: &Plan<Options>) -> Result<()> {
        for node in plan.nodes() {
            node.ready_when(Probe::port(22));
        }
        Ok(())
    }

    fn start(&self, cluster: &Cluster<Options>) -> Result<()> {
        let kdc = cluster.group(KDC).first()?;
        let realm = cluster.domain().to_uppercase();
        let configuration = configuration(&realm, cluster.domain(), kdc.fqdn());
        cluster.nodes().write("/etc/krb5.conf", &configuration)?;
        cluster.progress(format!("Creating realm {realm} ..."))?;
        create_realm(kdc, &realm).context(format!("failed to create realm `{realm}`"))?;
        let principals = &cluster.args().kerberos_principals;
        let users: Vec<String> = principals
            .iter()
            .map(|name| format!("{name}@{realm}"))
            .collect();
        let keytab = make_keytab(kdc, &users, KEYTAB)?;
        for node in cluster.nodes() {
            let host = [format!("host/{node}@{realm}")];
            let host = make_keytab(kdc, &host, "/tmp/host.keytab")?;
            node.put(File::new("/etc/krb5.keytab", host).mode(0o600))?;
            node.put(File::new("/root/.k5login", users.join("\n") + "\n").mode(0o600))?;
            if !users.is_empty() {
                node.put(File::new(KEYTAB, &keytab).mode(0o600))?;
            }
        }
        if let Some(folder) = &cluster.args().kerberos_config_directory {
            save(folder, &configuration, &keytab)
                .context(format!("failed to write into `{}`", folder.display()))?;
        }
        cluster.output("realm", realm.as_str())?;
        cluster.closing(closing(&realm, kdc, principals))
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

/// Creates the database and starts both servers. The random master key is stashed next to the database, so that nobody has
/// to type it.
fn create_realm(kdc: &Node, realm: &str) -> Result<()> {
    let server = format!(
        "[realms]\n    {realm} = {{\n        database_name = /var/lib/krb5kdc/principal\n    }}\n"
    );
    kdc.write("/etc/krb5kdc/kdc.conf", server)?;
    kdc.write("/etc/krb5kdc/kadm5.acl", format!("*/admin@{realm} *\n"))?;
    let key = "head -c 30 /dev/urandom | base64";
    kdc.execute(format!("kdb5_util create -s -r {realm} -P \"$({key})\""))?;
    kdc.execute("krb5kdc && kadmind")?;
    kdc.wait_for(&Probe::all([Probe::port(88), Probe::port(749)]), SERVERS)
}

/// Creates principals with random keys, and returns a keytab with all of them; empty if there are none.
fn make_keytab(kdc: &Node, principals: &[String], path: &str) -> Result<Vec<u8>> {
    if principals.is_empty() {
        return Ok(Vec::new());
    }
    let mut commands = format!("set -e\nrm -f {path}\n");
    for principal in principals {
        commands +=
            &format!("kadmin.local addprinc -randkey '{principal}'\nkadmin.local ktadd -k {path} '{principal}'\n");
    }
    kdc.execute(commands)
        .context("failed to create principals")?;
    kdc.read(path)
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
        Some(first) => format!(
            "Realm {realm} is served by {}: kinit -kt {KEYTAB} {first}",
            kdc.fqdn()
        ),
        None => format!(
            "Realm {realm} is served by {}; name principals with --kerberos-principals",
            kdc.fqdn()
        ),
    }
}

#[cfg(test)]
mod tests {
    use clusterdock_plugin_api::testing::Fake;

    use super::*;

    #[test]
    fn the_kdc_comes_first_and_every_node_waits_for_sshd() {
        let arguments = [
            "--nodes",
            "a",
            "b",
            "--kerberos-principals",
            "alice,hdfs/node",
        ];
        let fake = Fake::start(&NodebaseKerberos, arguments).unwrap();
        assert_eq!(fake.hostnames(), ["kdc", "a", "b"]);
        for name in fake.hostnames() {
            assert_eq!(fake.node(name).ready_when(), [Probe::port(22)]);
        }
    }

    #[test]
    fn invalid_principals_are_refused_early() {
        for bad in ["", "a b", "alice@REALM", "$(reboot)", "a'b"] {
            let arguments = ["--kerberos-principals", bad];
            Fake::start(&NodebaseKerberos, arguments).expect_err(bad);
        }
    }

    #[test]
    fn every_node_gets_the_realm_and_its_own_key() {
        let fake = Fake::start(&NodebaseKerberos, ["--nodes", "a"]).unwrap();
        fake.lenient()
            .node("kdc")
            .add_file("/tmp/host.keytab", "key");
        fake.run().unwrap();
        let configuration = fake.node("a").file("/etc/krb5.conf").unwrap().text();
        assert!(
            configuration.contains(".cluster = CLUSTER")
                && configuration.contains("kdc = kdc.cluster"),
            "{configuration}"
        );
        let key = fake.node("a").file("/etc/krb5.keytab").unwrap();
        assert_eq!((key.text().as_str(), key.mode()), ("key", 0o600));
        assert!(fake.node("a").file(KEYTAB).is_none(), "there are no users");
        let closing = fake.closing().concat();
        assert!(closing.contains("--kerberos-principals"), "{closing}");
    }
}
