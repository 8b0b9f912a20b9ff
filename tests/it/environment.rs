//! Options from environment variables.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use clusterdock_tests::run::{Ran, Run};

const NODEBASE: &str = "topologies/topology_nodebase";

/// A command that asks no engine, if nothing is wrong before.
fn with(variable: &str, value: &str) -> Run {
    Run::line(&format!("start {NODEBASE}"))
        .env("DOCKER_HOST", "unix:///nowhere/docker.sock")
        .env(variable, value)
}

/// Asserts that nothing failed before the engine, which does not exist.
#[track_caller]
fn assert_reaches_the_engine(run: &Run) -> Ran {
    run.fails(5, &["unix:///nowhere/docker.sock"])
}

#[test]
fn an_empty_variable_counts_as_unset() {
    for variable in [
        "CLUSTERDOCK_VERBOSE",
        "CLUSTERDOCK_HOST",
        "CLUSTERDOCK_PROGRESS",
        "CLUSTERDOCK_COLOR",
        "CLUSTERDOCK_START_NETWORK",
        "CLUSTERDOCK_START_CLUSTER_NAME",
        "CLUSTERDOCK_START_PULL",
        "CLUSTERDOCK_START_ALWAYS_PULL",
        "CLUSTERDOCK_START_OPERATING_SYSTEM",
        "CLUSTERDOCK_START_CPUS",
        "CLUSTERDOCK_START_TIMEOUT",
        "CLUSTERDOCK_START_NODES",
        "CLUSTERDOCK_START_PORT",
        "CLUSTERDOCK_NONSENSE",
        "DOCKER_CONTEXT",
        "DOCKER_TLS_VERIFY",
        "DOCKER_CONFIG",
        "HOME",
        "NO_COLOR",
    ] {
        let ran = assert_reaches_the_engine(&with(variable, ""));
        assert!(!ran.stderr.contains(variable), "{}", ran.stderr);
    }
    let home = tempfile::tempdir().unwrap();
    let ran = Run::line("ls")
        .env("CLUSTERDOCK_CONFIG_DIRECTORY", "")
        .env("HOME", home.path());
    assert_reaches_the_engine(&ran.env("DOCKER_HOST", "unix:///nowhere/docker.sock"));
}

#[test]
fn switches_accept_the_usual_words_and_nothing_else() {
    for word in ["1", "0", "true", "FALSE", "yes", "No", "on", "off"] {
        assert_reaches_the_engine(&with("CLUSTERDOCK_START_PREDICTABLE", word));
        assert_reaches_the_engine(&with("CLUSTERDOCK_VERBOSE", word));
    }
    for variable in [
        "CLUSTERDOCK_START_PREDICTABLE",
        "CLUSTERDOCK_START_DRY_RUN",
        "CLUSTERDOCK_VERBOSE",
    ] {
        let ran = with(variable, "maybe").fails(2, &[variable, "`maybe`", "true or false"]);
        assert!(!ran.stderr.contains("--"), "{}", ran.stderr);
    }
}

#[test]
fn a_switch_that_is_off_conflicts_with_nothing() {
    assert_reaches_the_engine(
        &with("CLUSTERDOCK_START_ALWAYS_PULL", "0").args(["--pull", "never"]),
    );
    let contradicted = with("CLUSTERDOCK_START_ALWAYS_PULL", "1").args(["--pull", "never"]);
    // What is typed counts.
    assert_reaches_the_engine(&contradicted);
    assert_reaches_the_engine(&with("CLUSTERDOCK_START_PULL", "never").args(["--always-pull"]));
}

#[test]
fn an_invalid_value_is_reported_with_its_variable() {
    for (variable, value, why) in [
        ("CLUSTERDOCK_PROGRESS", "loud", "json"),
        ("CLUSTERDOCK_COLOR", "blue", "never"),
        ("CLUSTERDOCK_START_PULL", "sometimes", "missing"),
        ("CLUSTERDOCK_START_CPUS", "many", "number"),
        ("CLUSTERDOCK_START_MEMORY", "much", ""),
        ("CLUSTERDOCK_START_TIMEOUT", "soon", ""),
        ("CLUSTERDOCK_START_BIND", "nowhere", ""),
        ("CLUSTERDOCK_START_MAX_WORKERS", "0", "1 to 256"),
        ("CLUSTERDOCK_START_PORT", "a:99999", "65535"),
        ("CLUSTERDOCK_START_NAMESPACE", "Foo", "lowercase"),
        ("CLUSTERDOCK_START_REGISTRY", "a b", "HOST"),
        ("CLUSTERDOCK_START_OPERATING_SYSTEM", "a/b", "tag"),
        ("CLUSTERDOCK_START_SUBNET", "banana", "IPv4 subnet"),
        ("CLUSTERDOCK_START_NETWORK", "Not_A", "invalid network name"),
        ("CLUSTERDOCK_START_DOMAIN", "lab.8", "invalid domain"),
        (
            "CLUSTERDOCK_START_CLUSTER_NAME",
            "a/b",
            "invalid cluster name",
        ),
        ("CLUSTERDOCK_START_NODES", "a,1.2", "invalid host name"),
        ("CLUSTERDOCK_START_NODES", "localhost", "the machine itself"),
        ("CLUSTERDOCK_START_NODE_DISKS", "nothing", "not a map"),
    ] {
        let ran =
            with(variable, value).fails(2, &[&format!("environment variable `{variable}`"), why]);
        assert!(
            ran.stderr
                .contains(value.trim_start_matches("a:").trim_start_matches("a,")),
            "{}",
            ran.stderr
        );
        assert!(!ran.stderr.contains("'--"), "{}", ran.stderr);
    }
    with("CLUSTERDOCK_HOST", "npipe://").fails(2, &["`npipe://`", "named by CLUSTERDOCK_HOST"]);
    with("CLUSTERDOCK_HOST", "tcp://a:b")
        .args(["-H", "unix:///nowhere/docker.sock"])
        .fails(5, &["named by --host"]);
    // An invalid value on the command line is reported as a flag.
    with("CLUSTERDOCK_START_PULL", "never")
        .args(["--pull", "sometimes"])
        .fails(2, &["'--pull <WHEN>'"]);
}

#[test]
fn a_value_that_is_not_utf_8_is_reported_with_its_variable() {
    let bytes = || OsString::from_vec(b"caf\xe9".to_vec());
    let run = |variable: &str| Run::line(&format!("start {NODEBASE}")).env(variable, bytes());
    for variable in [
        "CLUSTERDOCK_PROGRESS",
        "CLUSTERDOCK_START_NETWORK",
        "CLUSTERDOCK_VERBOSE",
        "CLUSTERDOCK_HOST",
    ] {
        run(variable).fails(2, &[variable]);
    }
    run("DOCKER_HOST").fails(2, &["DOCKER_HOST"]);
    // A path may have any bytes.
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join(bytes());
    let run = Run::line("ls").env("CLUSTERDOCK_CONFIG_DIRECTORY", config);
    assert_reaches_the_engine(&run.env("DOCKER_HOST", "unix:///nowhere/docker.sock"));
}

#[test]
fn an_unknown_variable_is_a_warning_with_a_suggestion() {
    let stderr_with = |variable: &str| assert_reaches_the_engine(&with(variable, "x")).stderr;
    let stderr = stderr_with("CLUSTERDOCK_PROGRES");
    assert!(
        stderr.contains("`CLUSTERDOCK_PROGRES`") && stderr.contains("`CLUSTERDOCK_PROGRESS`"),
        "{stderr}"
    );
    let stderr = stderr_with("CLUSTERDOCK_START_NETWROK");
    assert!(
        stderr.contains("did you mean `CLUSTERDOCK_START_NETWORK`?"),
        "{stderr}"
    );
    assert_eq!(
        stderr.matches("CLUSTERDOCK_START_NETWROK").count(),
        1,
        "{stderr}"
    );
    for printed in [
        "CLUSTERDOCK_CLUSTER",
        "CLUSTERDOCK_NODE_1_ADDRESS",
        "CLUSTERDOCK_NODE_1_PORT_80_TCP",
    ] {
        assert!(!stderr_with(printed).contains(printed));
    }
}

#[test]
fn invalid_image_references_are_refused_without_an_engine() {
    let start = |words: &[&str]| with("LANG", "C").args(words.iter().copied());
    for (words, why) in [
        (["-o", ""], "empty"),
        (["-o", "debian 12"], "tag"),
        (["-o", ".."], "tag"),
        (["--namespace", "Foo"], "lowercase"),
        (["--namespace", ""], "empty"),
        (["--namespace", "a//b"], "empty"),
        (["--namespace", "../x"], "name"),
        (["--registry", ""], "HOST"),
        (["--registry", "hub"], "namespace"),
        (["--registry", "r.example:port"], "HOST:PORT"),
        (["--registry", "a?b.example"], "HOST"),
        (["--registry", "r.example:65536"], "HOST:PORT"),
        (["--registry", "r.example:0"], "HOST:PORT"),
    ] {
        start(&words).fails(2, &[why]);
    }
    let build = |repository: &str| {
        let run = Run::line("build").args(["-r", repository, NODEBASE]);
        run.env("DOCKER_HOST", "unix:///nowhere/docker.sock")
            .fails(2, &["--repository"]);
    };
    for repository in [
        "",
        "Foo",
        "r.example/Foo",
        "r.example:x/a",
        "r.example:99999/a",
        "a b",
        "a:1",
        "a/../b",
    ] {
        build(repository);
    }
}

#[test]
fn usage_errors_are_json_if_progress_is_json() {
    for (arguments, message) in [
        ("--progress json strat", "unrecognized subcommand 'strat'"),
        ("strat --progress=json", "unrecognized subcommand 'strat'"),
        (
            "ls --bogus --progress json",
            "unexpected argument '--bogus' found",
        ),
        ("--progress json", "no command given"),
        (
            "start --progress json topologies/topology_nodebase --bogus",
            "unexpected argument '--bogus' found",
        ),
    ] {
        let ran = Run::line(arguments).fails(2, &[message]);
        let lines: Vec<serde_json::Value> = ran
            .stderr
            .lines()
            .map(|line| serde_json::from_str(line).expect(line))
            .collect();
        assert_eq!(lines.last().unwrap()["message"], message, "{}", ran.stderr);
        assert_eq!(lines.last().unwrap()["exit_code"], 2);
    }
    let ran = Run::line("strat").env("CLUSTERDOCK_PROGRESS", "json").run();
    serde_json::from_str::<serde_json::Value>(&ran.stderr).expect(&ran.stderr);
}
