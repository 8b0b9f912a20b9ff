//! What words of other tools (docker, compose, kind, k3d, vagrant, kubectl) are called here. Guesses from similar letters
//! are often wrong for them (`up` resembles `cp`), so that each has its line.

use crate::shell::quoted;

/// Words in place of a command, and what is meant. `{X}` stands for the words that follow, or for `X` if there are none.
const COMMANDS: [(&[&str], &str); 33] = [
    (
        &["create", "deploy", "apply"],
        "`clusterdock start {TOPOLOGY}` starts a cluster",
    ),
    (
        &["delete", "destroy", "remove", "del", "teardown"],
        "`clusterdock rm {NAME}` removes clusters and nodes",
    ),
    (
        &["get", "show", "clusters", "cluster"],
        "`clusterdock ls` lists clusters, `clusterdock ps` their nodes",
    ),
    (
        &["status", "nodes", "node", "container", "containers"],
        "`clusterdock ps` lists nodes, `clusterdock ls` clusters",
    ),
    (
        &["describe"],
        "`clusterdock inspect {NAME}` shows everything about a cluster or node",
    ),
    (
        &["config", "validate", "lint"],
        "`clusterdock topology check {FOLDER}` checks a topology, and `clusterdock start --dry-run {FOLDER}` shows what a start would do",
    ),
    (
        &["plan", "preview", "diff"],
        "`clusterdock start --dry-run {TOPOLOGY}` shows what a start would do",
    ),
    (
        &["info"],
        "`clusterdock version` prints versions, `docker info` describes the engine",
    ),
    (
        &["network", "networks"],
        "`docker network ls --filter label=com.clusterdock.clusterdock` lists the networks of clusters",
    ),
    (
        &["volume", "volumes"],
        "`docker volume ls --filter label=com.clusterdock.clusterdock` lists the records of clusters",
    ),
    (
        &["prune", "clean", "cleanup", "purge"],
        "`clusterdock ls` shows clusters and unused networks, `clusterdock rm {NAME}` removes one, and `clusterdock manage --dry-run nuke` shows what removing everything would remove",
    ),
    (
        &["system"],
        "`docker system df` shows the engine's disk usage, and `clusterdock manage --dry-run nuke` what clusterdock could remove",
    ),
    (&["nuke"], "`clusterdock manage nuke` removes all clusters"),
    (
        &[
            "shell", "sh", "bash", "attach", "connect", "console", "enter",
        ],
        "`clusterdock ssh {NODE}` opens a shell on a node",
    ),
    (
        &["scp", "sftp", "rsync"],
        "`clusterdock cp SRC DST` copies files; `clusterdock ssh-config CLUSTER` prepares plain scp and rsync",
    ),
    (
        &["halt", "poweroff", "shutdown"],
        "`clusterdock stop {NAME}` stops nodes",
    ),
    (
        &["reboot", "reload"],
        "`clusterdock restart {NAME}` restarts nodes",
    ),
    (
        &["suspend", "freeze"],
        "`clusterdock pause {NAME}` pauses nodes",
    ),
    (
        &["unsuspend", "thaw", "unfreeze", "continue"],
        "`clusterdock unpause {NAME}` unpauses paused nodes, `clusterdock resume {NAME}` starts stopped ones",
    ),
    (
        &["login", "logout"],
        "`docker login` changes the credentials that clusterdock uses",
    ),
    (
        &["pull"],
        "`clusterdock start --pull always {TOPOLOGY}` pulls images first",
    ),
    (
        &["push"],
        "`clusterdock build --push {TOPOLOGY}` builds images and pushes them",
    ),
    (
        &["image", "rmi"],
        "`clusterdock images` lists images, `docker image rm` removes them",
    ),
    (
        &["init", "new"],
        "`clusterdock topology new FOLDER` creates a topology",
    ),
    (
        &["test"],
        "`clusterdock topology test {FOLDER}` tests a topology",
    ),
    (
        &["compile", "check"],
        "`clusterdock topology check {FOLDER}` compiles a topology if necessary, and checks it",
    ),
    (
        &["topologies", "plugin", "plugins"],
        "`clusterdock topology --help` lists the commands for topologies",
    ),
    (
        &["context", "contexts", "use"],
        "the engine is chosen with -H, DOCKER_HOST, or `docker context use`",
    ),
    (
        &["provision", "converge"],
        "`clusterdock hook {CLUSTER}` runs a topology's hook again",
    ),
    (
        &["save", "load", "export", "import", "commit"],
        "`clusterdock cp NODE:/PATH -` archives files of a node; `docker` has commands for whole images",
    ),
    (
        &["scale"],
        "`clusterdock start TOPOLOGY --GROUP N` starts a cluster with N nodes in a group",
    ),
    (
        &["rename", "update"],
        "this cannot be changed while a cluster exists: start another, and remove this one with `clusterdock rm {NAME}`",
    ),
    (
        &["tail", "log"],
        "`clusterdock logs {NAME}` shows the output of nodes",
    ),
];

/// Options in place of an option of `start`.
const OPTIONS_OF_START: [(&[&str], &str); 9] = [
    (
        &["--name", "--cluster", "--project-name"],
        "the cluster's name is set with --cluster-name or -c",
    ),
    (
        &["--publish", "--ports", "--expose"],
        "ports are published with --port or -p: -p NODE:8080:80",
    ),
    (&["--net"], "the network is chosen with --network or -n"),
    (
        &["--mem", "--memory-limit"],
        "memory per node is set with --memory, e.g. 512m",
    ),
    (
        &["--detach", "--background"],
        "`start` returns once the nodes are ready; they go on running",
    ),
    (
        &["--wait"],
        "`start` always waits until the nodes are ready; --timeout sets how long",
    ),
    (
        &["--rm", "--remove"],
        "a failed start removes what it created; otherwise `clusterdock rm CLUSTER` removes a cluster",
    ),
    (
        &["--parallel", "--jobs"],
        "parallel calls are limited with --max-workers",
    ),
    (
        &["--no-cache", "--force-recreate", "--no-recreate"],
        "`start` never changes an existing cluster; --recreate removes it and starts it anew",
    ),
];

/// Nouns that other tools put after a verb.
const NOUNS: [&str; 8] = [
    "cluster",
    "clusters",
    "node",
    "nodes",
    "container",
    "containers",
    "topology",
    "all",
];

/// What an unknown command means; `words` begin with it.
pub(super) fn meaning(words: &[String]) -> Option<String> {
    let (first, rest) = words.split_first()?;
    let (_, meaning) = COMMANDS
        .iter()
        .find(|(typed, _)| typed.contains(&first.as_str()))?;
    let rest: Vec<String> = rest
        .iter()
        .skip_while(|word| NOUNS.contains(&word.as_str()))
        .filter(|word| !word.starts_with('-'))
        .map(|word| quoted(word))
        .collect();
    Some(filled(meaning, &rest.join(" ")))
}

/// What an unknown option of `start` means.
pub(super) fn option_of_start(option: &str) -> Option<&'static str> {
    let (_, meaning) = OPTIONS_OF_START
        .iter()
        .find(|(typed, _)| typed.contains(&option))?;
    Some(meaning)
}

/// A meaning with `words` in its gaps, or the gaps' own text if there are no words.
fn filled(meaning: &str, words: &str) -> String {
    let mut text = String::new();
    for (index, part) in meaning.split(['{', '}']).enumerate() {
        let is_gap = index % 2 == 1;
        text.push_str(if is_gap && !words.is_empty() {
            words
        } else {
            part
        });
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn of(line: &str) -> Option<String> {
        let words: Vec<String> = line.split(' ').map(Into::into).collect();
        meaning(&words)
    }

    #[test]
    fn the_words_that_follow_are_part_of_the_tip() {
        for (line, tip) in [
            (
                "delete ux",
                "`clusterdock rm ux` removes clusters and nodes",
            ),
            (
                "delete cluster ux",
                "`clusterdock rm ux` removes clusters and nodes",
            ),
            (
                "destroy",
                "`clusterdock rm NAME` removes clusters and nodes",
            ),
            (
                "create cluster",
                "`clusterdock start TOPOLOGY` starts a cluster",
            ),
            ("create ./lab", "`clusterdock start ./lab` starts a cluster"),
            (
                "delete -f a;b",
                "`clusterdock rm 'a;b'` removes clusters and nodes",
            ),
        ] {
            assert_eq!(of(line).as_deref(), Some(tip), "{line}");
        }
        assert_eq!(of("frobnicate ux"), None);
    }

    #[test]
    fn no_word_is_listed_twice_or_is_a_command() {
        let commands = crate::cli::command();
        let mut seen = BTreeSet::new();
        for word in COMMANDS.iter().flat_map(|(typed, _)| *typed) {
            assert!(seen.insert(word), "{word} is listed twice");
            assert!(
                commands.find_subcommand(word).is_none(),
                "`{word}` is a command"
            );
        }
        let start = commands.find_subcommand("start").unwrap();
        for option in OPTIONS_OF_START.iter().flat_map(|(typed, _)| *typed) {
            let is_option = |arg: &clap::Arg| arg.get_long() == option.strip_prefix("--");
            assert!(!start.get_arguments().any(is_option), "{option}");
        }
    }

    #[test]
    fn the_commands_that_tips_name_exist() {
        let mut checked = 0;
        for (_, meaning) in COMMANDS {
            for named in meaning.split("`clusterdock ").skip(1) {
                let word = named.split([' ', '`']).next().unwrap_or_default();
                let exists = crate::cli::command().find_subcommand(word).is_some();
                assert!(exists, "no `{word}`: {meaning}");
                checked += 1;
            }
        }
        assert!(checked > 30, "{checked}");
    }
}
