//! What a failed `start` says if existing clusters show what is meant. The looks are short: they only serve a hint.

use std::ffi::{OsStr, OsString};
use std::time::Duration;

use tokio::time::timeout;

use super::{Console, list};
use crate::cluster::{Cluster, advice, names};
use crate::error::{Error, Kind};
use crate::shell::quoted;

/// How long a look for a hint may take.
const LOOK: Duration = Duration::from_secs(3);

async fn clusters(console: &Console<'_>) -> Vec<Cluster> {
    match timeout(LOOK, list::clusters(console)).await {
        Ok(Ok(clusters)) => clusters,
        _ => Vec::new(),
    }
}

/// The error for a topology that does not exist. If a cluster has its name, that is what is meant.
pub(super) async fn of_topology(console: &Console<'_>, given: &OsStr, error: Error) -> Error {
    let Some(name) = given.to_str().filter(|_| error.kind() == Kind::NotFound) else {
        return error;
    };
    let clusters = clusters(console).await;
    match clusters.iter().find(|cluster| cluster.name == name) {
        None => error,
        Some(cluster) => Error::new(Kind::NotFound, format!("no topology named `{name}`"))
            .cause(format!("it is a cluster ({})", cluster.state.as_str()))
            .hint(advice::to_run(cluster)),
    }
}

/// The error for a host name that is in use on the default network: the hint is the command with a network of its own.
pub(super) async fn of_host_name(
    console: &Console<'_>,
    argv: &[OsString],
    cluster_name: Option<&str>,
    error: Error,
) -> Error {
    if !names::is_in_use(&error) {
        return error;
    }
    let clusters = clusters(console).await;
    let is_free = |name: &String| {
        names::check_network(name).is_ok()
            && !clusters
                .iter()
                .any(|cluster| cluster.networks.contains(name))
    };
    let numbered = (2..).map(|number| format!("cluster-{number}"));
    let mut candidates = cluster_name.map(String::from).into_iter().chain(numbered);
    match candidates.find(is_free) {
        Some(network) => match on_network(argv, &network) {
            Some(command) => error.hint(format!("use another network: {command}")),
            None => error,
        },
        None => error,
    }
}

/// The typed command line of `start`, with this network.
fn on_network(argv: &[OsString], network: &str) -> Option<String> {
    let is_command = |word: &OsString| word == "start" || word == "up";
    let start = argv.iter().position(is_command)?;
    let mut words = vec!["clusterdock".to_string()];
    for word in &argv[1..=start] {
        words.push(quoted(word.to_str()?));
    }
    words.extend(["-n".into(), network.into()]);
    for word in &argv[start + 1..] {
        words.push(quoted(word.to_str()?));
    }
    Some(words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_command_is_repeated_with_a_network() {
        let of = |line: &str| {
            let argv: Vec<OsString> = line.split('|').map(Into::into).collect();
            on_network(&argv, "lab")
        };
        assert_eq!(
            of("/bin/clusterdock|-v|start|./t|--nodes|a|b c").unwrap(),
            "clusterdock -v start -n lab ./t --nodes a 'b c'"
        );
        assert_eq!(of("clusterdock|ls"), None);
    }
}
