//! PostgreSQL: a primary, and standbys that stream from it.

use clusterdock_plugin_api::prelude::*;

const PRIMARY: Group = Group::new("primary").named(&["primary"]).max(1);
const STANDBYS: Group = Group::new("standbys").sized("standby", 2).after(PRIMARY);

/// Files that only the server's user may read.
const PASSWORD: &str = "/etc/postgresql/password";
const PASSFILE: &str = "/var/lib/postgresql/.pgpass";

#[derive(Args)]
struct Options {
    /// Password of user postgres
    password: Secret,
    /// Port for clients
    #[arg(default = 5432)]
    port: Port,
    /// Memory for shared buffers
    #[arg(default = "128m", range = "1m..")]
    shared_buffers: Size,
}

struct Postgres;

#[topology(manifest = "../../../topologies/topology_postgres/topology.toml")]
impl Topology for Postgres {
    type Args = Options;
    const GROUPS: &'static [Group] = &[PRIMARY, STANDBYS];

    fn nodes(&self, plan: &Plan<Options>) -> Result<()> {
        let options = plan.args();
        let password = options.password.expose()?;
        let primary = plan.group(PRIMARY).first()?;
        primary
            .file(secret(PASSWORD, password))
            .command(serve(&format!("initdb --pwfile={PASSWORD}"), options));
        let escaped = password.replace('\\', r"\\").replace(':', r"\:");
        let copy = format!("pg_basebackup -R -c fast -D $PGDATA -d host={primary}");
        let streams = "psql -Atc 'select status from pg_stat_wal_receiver' | grep -q streaming";
        for standby in plan.group(STANDBYS) {
            standby
                .file(secret(PASSFILE, &format!("*:*:*:*:{escaped}\n")))
                .command(serve(&copy, options))
                .serves_when(Probe::command(streams));
        }
        for node in plan.nodes() {
            node.environment("PGPORT", options.port)
                .publish(options.port)
                .ready_when(Probe::command(["pg_isready", "--quiet"]));
        }
        Ok(())
    }

    fn start(&self, cluster: &Cluster<Options>) -> Result<()> {
        cluster.wait_until("every standby streams", || streaming(cluster))?;
        let address = cluster
            .group(PRIMARY)
            .first()?
            .published(cluster.args().port)?;
        cluster.output("url", format!("postgresql://postgres@{address}/postgres"))?;
        cluster.closing(format!("psql postgresql://postgres@{address}/postgres"))
    }

    fn check(&self, cluster: &Cluster<Options>) -> Result<()> {
        streaming(cluster)?.context("not every standby streams from the primary")
    }
}

fn secret(path: &str, text: &str) -> File {
    File::new(path, text).owner("postgres").mode(0o600)
}

/// The server, with data that `make` makes the first time.
fn serve(make: &str, options: &Options) -> String {
    let buffers = options.shared_buffers.mib();
    let serve = "exec postgres -c config_file=/etc/postgresql/postgresql.conf";
    format!("test -s $PGDATA/PG_VERSION || {make} && {serve} -c shared_buffers={buffers}MB")
}

/// `Some` once every standby streams from the primary.
fn streaming(cluster: &Cluster<Options>) -> Result<Option<()>> {
    let query = "select count(*) from pg_stat_replication where state = 'streaming'";
    let primary = cluster.group(PRIMARY).first()?;
    let count = primary.execute(["psql", "-Atc", query])?;
    let all = cluster.group(STANDBYS).len().to_string();
    Ok((count.text() == all).then_some(()))
}

#[cfg(test)]
mod tests {
    use clusterdock_plugin_api::testing::Fake;

    use super::*;

    const COUNT: [&str; 3] = [
        "psql",
        "-Atc",
        "select count(*) from pg_stat_replication where state = 'streaming'",
    ];

    #[test]
    fn only_files_of_the_server_have_the_password() {
        let fake = Fake::start(&Postgres, ["--password", r"a:b\c"]).unwrap();
        let password = fake.node("primary").file(PASSWORD).unwrap();
        assert_eq!(password.text(), r"a:b\c");
        assert_eq!((password.owner(), password.mode()), ("postgres", 0o600));
        let passfile = fake.node("standby-1").file(PASSFILE).unwrap();
        assert_eq!(passfile.text(), "*:*:*:*:a\\:b\\\\c\n");
        assert!(fake.node("standby-1").file(PASSWORD).is_none());
        for name in fake.hostnames() {
            assert!(!fake.node(name).command().concat().contains("a:b"));
        }
    }

    #[test]
    fn standbys_copy_the_primary_and_follow_it() {
        let fake = Fake::start(&Postgres, ["--password", "x", "--standbys", "1"]).unwrap();
        let command = fake.node("standby-1").command().concat();
        assert!(command.contains("-d host=primary.cluster"), "{command}");
        fake.answer(COUNT, "0").answer(COUNT, "1");
        fake.run().unwrap();
        let url = "postgresql://postgres@127.0.0.1:32768/postgres";
        assert_eq!(fake.output("url"), Some(url.into()));
        fake.check().unwrap();
    }

    #[test]
    fn a_standby_that_does_not_stream_is_reported() {
        let fake = Fake::start(&Postgres, ["--password", "x"]).unwrap();
        fake.answer(COUNT, "1");
        let late = fake.run().unwrap_err();
        assert_eq!(late.code(), Code::Timeout);
        let unhealthy = fake.check().unwrap_err().to_string();
        assert_eq!(unhealthy, "not every standby streams from the primary");
    }
}
