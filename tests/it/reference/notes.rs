//! What the reference of commands contains besides the command line's own help.

use std::process::Command;

/// A command's exit codes and example.
pub(super) struct Note {
    pub(super) command: &'static str,
    /// Beside those that every command has.
    codes: &'static [u8],
    /// Whether it exits with the code of a command that it runs.
    passes_on: bool,
    pub(super) purpose: &'static str,
    pub(super) example: &'static str,
}

const fn note(
    command: &'static str,
    codes: &'static [u8],
    purpose: &'static str,
    example: &'static str,
) -> Note {
    Note {
        command,
        codes,
        passes_on: false,
        purpose,
        example,
    }
}

/// Codes of commands that start nodes of a topology.
const START: &[u8] = &[3, 4, 6, 7, 8, 9, 10, 12];
/// Codes of commands that wait until nodes are ready.
const READY: &[u8] = &[3, 4, 7, 8, 10];

pub(super) const NOTES: [Note; 34] = [
    note(
        "start",
        START,
        "three nodes, with port 80 of the first on a free host port",
        "clusterdock start -c lab -n lab -p web-1:80 ./topologies/topology_nodebase --nodes web-1 web-2 web-3",
    ),
    note(
        "up",
        START,
        "a cluster that is named after its topology, started or resumed",
        "clusterdock up ./topologies/topology_nodebase --nodes 3",
    ),
    note(
        "build",
        START,
        "build a topology's images and push them",
        "clusterdock build -r registry.example.com/team --push ./topologies/topology_nodebase",
    ),
    note(
        "ps",
        &[3],
        "the nodes of a cluster that do not run",
        "clusterdock ps lab --filter status=exited",
    ),
    note("ls", &[3], "the names of all clusters", "clusterdock ls -q"),
    Note {
        passes_on: true,
        ..note(
            "ssh",
            &[3, 4],
            "run one command",
            "clusterdock ssh node-1.lab tail -n 20 /var/log/messages",
        )
    },
    Note {
        passes_on: true,
        ..note(
            "exec",
            &[3, 4, 7],
            "run a command on every node of a cluster, for a minute at most",
            "clusterdock exec -c lab --timeout 1m sh -c \"hostname && uptime\"",
        )
    },
    note(
        "logs",
        &[3],
        "follow the output of a group of nodes",
        "clusterdock logs -f --since 10m -g lab/workers",
    ),
    note(
        "wait",
        READY,
        "wait until a cluster is ready",
        "clusterdock wait lab --timeout 90s",
    ),
    note(
        "stop",
        &[3, 4],
        "stop one node, which has a minute to end",
        "clusterdock stop node-2.lab -t 1m",
    ),
    note(
        "resume",
        READY,
        "start a cluster's stopped nodes",
        "clusterdock resume lab",
    ),
    note(
        "restart",
        READY,
        "restart a group of nodes",
        "clusterdock restart lab -g workers",
    ),
    note(
        "pause",
        &[3, 4],
        "pause one node",
        "clusterdock pause node-1.lab",
    ),
    note(
        "unpause",
        &[3, 4],
        "unpause all nodes of a cluster",
        "clusterdock unpause lab",
    ),
    note(
        "kill",
        &[3, 4],
        "have a node's main process read its configuration again",
        "clusterdock kill -s HUP node-1.lab",
    ),
    note(
        "top",
        &[3, 4],
        "the processes of a cluster, by node",
        "clusterdock top lab",
    ),
    note(
        "stats",
        &[3, 4],
        "what every running node uses, for a script",
        "clusterdock stats --format jsonl",
    ),
    note(
        "events",
        &[3],
        "what has happened to a cluster in the last ten minutes",
        "clusterdock events lab --since 10m --until 1s",
    ),
    note(
        "images",
        &[],
        "the references of all images",
        "clusterdock images -q",
    ),
    note(
        "version",
        &[],
        "the version of plugin-api, for a script",
        "clusterdock version -f json",
    ),
    note(
        "port",
        &[3, 4],
        "where port 80 of a node is reached",
        "clusterdock port node-1.lab 80",
    ),
    note(
        "inspect",
        &[3],
        "everything about a node",
        "clusterdock inspect node-1.lab",
    ),
    note(
        "env",
        &[3],
        "set the variables in this shell",
        "eval \"$(clusterdock env lab)\"",
    ),
    note(
        "ssh-config",
        &[3],
        "what `~/.ssh/config` needs for a cluster",
        "clusterdock ssh-config lab",
    ),
    note(
        "cp",
        &[3],
        "copy a folder's contents to a node",
        "clusterdock cp ./site/. node-1.lab:/srv/www",
    ),
    note(
        "rm",
        &[3, 12],
        "remove a cluster and one node of another",
        "clusterdock rm lab node-3.big",
    ),
    note(
        "down",
        &[3, 12],
        "remove the cluster that `up` started with a file",
        "clusterdock down -f ./project/lab.toml",
    ),
    note(
        "manage nuke",
        &[12],
        "see what would be removed",
        "clusterdock manage nuke --dry-run",
    ),
    note(
        "manage remove",
        &[3, 12],
        "remove a cluster with its network",
        "clusterdock manage remove -n lab",
    ),
    note(
        "hook",
        &[3, 4, 7, 9, 10],
        "after an edit of the topology, run its check hook on a cluster that is running",
        "clusterdock hook lab check",
    ),
    note(
        "topology new",
        &[4],
        "a topology that compiles and starts at once",
        "clusterdock topology new ./my-topology",
    ),
    note(
        "topology check",
        &[3, 9],
        "what is missing before a topology is given to others",
        "clusterdock topology check ./topologies/topology_nodebase",
    ),
    note(
        "topology test",
        &[3, 4, 6, 7, 8, 9, 10, 12],
        "in CI, with an argument of the topology",
        "clusterdock topology test ./my-topology --junit report.xml -- --greeting hi",
    ),
    note(
        "topology inspect",
        &[3, 9],
        "whether this clusterdock can load a prebuilt library",
        "clusterdock topology inspect ./libtopology_nodebase.so",
    ),
];

impl Note {
    /// As a list for people.
    pub(super) fn exit_codes(&self) -> String {
        let mut parts: Vec<String> = self
            .codes
            .iter()
            .map(|code| format!("{code} ({})", meaning(*code)))
            .collect();
        if self.passes_on {
            parts.push("and the command's own".into());
        }
        if parts.is_empty() {
            "those of every command".into()
        } else {
            parts.join(", ")
        }
    }
}

fn meaning(code: u8) -> &'static str {
    match code {
        3 => "not found",
        4 => "conflict",
        6 => "image not available",
        7 => "time-out",
        8 => "a node died",
        9 => "plugin",
        10 => "hook",
        12 => "leftovers",
        _ => unreachable!("no command is said to exit with {code}"),
    }
}

/// The words of the program's command line in a script.
pub(super) fn argv(script: &str) -> Vec<String> {
    let script = format!(
        "clusterdock() {{ printf '%s\\0' clusterdock \"$@\" >&3; }}\nexec 3>&1 >&2\n{script}"
    );
    let output = Command::new("bash").args(["-c", &script]).output().unwrap();
    let words = String::from_utf8(output.stdout).unwrap();
    words.split_terminator('\0').map(str::to_string).collect()
}
