//! Settings of a topology reach Docker and take effect in the nodes.

mod mounts;

use std::net::TcpListener;

use clusterdock_plugin_wire::{Device, HealthCheck, NodeSpec, Port, Probe, Security, Ulimit};
use clusterdock_tests::plugins;
use clusterdock_tests::scene::{NODEBASE, Scene, skipped};
use serde_json::{Value, json};

fn inspect(scene: &Scene, name: &str) -> Value {
    serde_json::from_str(&scene.docker_says(&["inspect", "--format", "{{json .}}", name])).unwrap()
}

/// Everything but volumes, ports and security.
fn everything() -> NodeSpec {
    let check = HealthCheck {
        command: "test -e /tmp/up".into(),
        interval_ms: Some(200),
        timeout_ms: Some(5_000),
        retries: Some(7),
        start_period_ms: Some(60_000),
    };
    NodeSpec::new("", "").environment("COLOUR", "red = blue").ready_when(Probe::healthy()).with(|all| {
        all.entrypoint = Some(["sh", "-c"].map(String::from).to_vec());
        all.command = Some(vec!["pwd >/tmp/up; exec sleep 1000".into()]);
        all.user = Some("65534:65534".into());
        all.working_directory = Some("/srv/work".into());
        all.devices.push(Device { target: "/dev/lab".into(), permissions: "r".into(), ..Device::new("/dev/kmsg") });
        all.tmpfs.insert("/tmp".into(), "size=1m,mode=1777".into());
        all.sysctls.insert("net.ipv4.ip_forward".into(), "1".into());
        all.ulimits.push(Ulimit { name: "core".into(), soft: 512, hard: 600 });
        all.shm_size = Some(2 << 20);
        all.cpus = Some(0.75);
        all.memory = Some(96 << 20);
        all.restart = Some("on-failure:3".into());
        all.stop_signal = Some("SIGKILL".into());
        all.health_check = Some(check);
        all.extra_hosts.push(("ldap.example.com".into(), "192.0.2.7".into()));
        all.cgroup_namespace = Some("private".into());
        all.init = Some(false);
        all.labels.insert("com.example.owner".into(), "tests".into());
        let more = json!({ "Tty": true, "HostConfig": { "OomScoreAdj": 500, "LogConfig": { "Type": "json-file" } } });
        all.create = more.as_object().unwrap().clone();
    })
}

#[test]
fn every_setting_reaches_docker() {
    let Some(scene) = Scene::new("settings") else {
        return;
    };
    scene
        .start_like(&everything())
        .args(["--nodes", "a"])
        .succeeds();
    let seen = inspect(&scene, &scene.fqdn("a"));
    let config = &seen["Config"];
    assert_eq!(
        (&config["Entrypoint"], &config["User"]),
        (&json!(["sh", "-c"]), &json!("65534:65534"))
    );
    assert_eq!(
        (&config["WorkingDir"], &config["StopSignal"]),
        (&json!("/srv/work"), &json!("SIGKILL"))
    );
    assert!(
        config["Env"]
            .as_array()
            .unwrap()
            .contains(&json!("COLOUR=red = blue")),
        "{}",
        config["Env"]
    );
    assert_eq!(
        (&config["Labels"]["com.example.owner"], &config["Tty"]),
        (&json!("tests"), &json!(true))
    );
    let check = json!({
        "Test": ["CMD-SHELL", "test -e /tmp/up"], "Interval": 200_000_000, "Timeout": 5_000_000_000u64, "Retries": 7,
        "StartPeriod": 60_000_000_000u64,
    });
    assert_eq!(config["Healthcheck"], check);
    let host = &seen["HostConfig"];
    let expected = json!({
        "CgroupnsMode": "private", "Init": false, "Memory": 96 << 20, "NanoCpus": 750_000_000, "OomScoreAdj": 500,
        "RestartPolicy": { "Name": "on-failure", "MaximumRetryCount": 3 }, "ShmSize": 2 << 20,
        "Sysctls": { "net.ipv4.ip_forward": "1" }, "Tmpfs": { "/tmp": "size=1m,mode=1777" },
        "Ulimits": [{ "Name": "core", "Soft": 512, "Hard": 600 }],
        "Devices": [{ "PathOnHost": "/dev/kmsg", "PathInContainer": "/dev/lab", "CgroupPermissions": "r" }],
    });
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(&host[field], value, "{field}");
    }
    assert!(
        host["ExtraHosts"]
            .as_array()
            .unwrap()
            .contains(&json!("ldap.example.com:192.0.2.7"))
    );
}

#[test]
fn every_setting_takes_effect_in_the_node() {
    let Some(scene) = Scene::new("inside") else {
        return;
    };
    scene
        .start_like(&everything())
        .args(["--nodes", "a"])
        .succeeds();
    let sees = |command: &str| scene.on_node("a", command);
    assert_eq!(sees("cat /tmp/up"), "/srv/work");
    assert_eq!(
        sees("tr '\\0' '\\n' </proc/1/environ | grep COLOUR; tr '\\0' ' ' </proc/1/cmdline"),
        "COLOUR=red = blue\nsleep 1000"
    );
    assert_eq!(
        sees("grep -E '^(Uid|Gid)' /proc/1/status | tr -s '\\t' ' ' | cut -d' ' -f2"),
        "65534\n65534"
    );
    assert_eq!(
        sees("df --output=size /tmp /dev/shm | tr -d ' '"),
        "1K-blocks\n1024\n2048"
    );
    assert_eq!(sees("cat /proc/sys/net/ipv4/ip_forward"), "1");
    assert_eq!(
        sees("grep 'core file' /proc/1/limits | tr -s ' ' | cut -d' ' -f5,6"),
        "512 600"
    );
    assert_eq!(sees("cat /proc/1/oom_score_adj"), "500");
    assert_eq!(
        sees("getent hosts ldap.example.com | cut -d' ' -f1"),
        "192.0.2.7"
    );
    assert_eq!(sees("stat -c '%t:%T' /dev/lab"), "1:b");
    let write = scene.docker(&[
        "exec",
        "-u",
        "0",
        &scene.fqdn("a"),
        "sh",
        "-c",
        "echo >/dev/lab",
    ]);
    assert!(!write.status.success(), "the device may only be read");
    let memory = "cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max";
    assert_eq!(sees(memory), (96 << 20).to_string());
    assert_eq!(
        sees("grep -cv ':/$' /proc/1/cgroup || true"),
        "0",
        "it sees control groups beside its own"
    );
}

#[test]
fn the_users_limits_override_the_topologys() {
    let Some(scene) = Scene::new("limits") else {
        return;
    };
    let like =
        NodeSpec::new("", "").with(|all| (all.cpus, all.memory) = (Some(0.75), Some(96 << 20)));
    scene
        .start_like(&like)
        .args(["--cpus", "0.5", "--memory", "64m"])
        .succeeds();
    for node in ["node-1", "node-2"] {
        let host = &inspect(&scene, &scene.fqdn(node))["HostConfig"];
        assert_eq!(
            (&host["NanoCpus"], &host["Memory"]),
            (&json!(500_000_000), &json!(64 << 20))
        );
    }
}

#[test]
fn a_node_has_the_rights_of_its_security_profile() {
    let Some(scene) = Scene::new("secure") else {
        return;
    };
    let effective = |node: &str| {
        let line = scene.on_node(
            node,
            "grep -E '^(CapEff|Seccomp):' /proc/1/status | cut -f2 | tr '\\n' ' '",
        );
        let (capabilities, seccomp) = line.split_once(' ').unwrap();
        (
            u64::from_str_radix(capabilities, 16).unwrap(),
            seccomp.trim().to_string(),
        )
    };
    scene
        .start_like(&NodeSpec::new("", ""))
        .args(["--nodes", "a"])
        .succeeds();
    let host_like = effective("a");
    scene.run(["rm", &scene.name]).succeeds();
    scene
        .start_like(&NodeSpec::new("", "").security(Security::Plain))
        .args(["--nodes", "a"])
        .succeeds();
    let plain = effective("a");
    assert_eq!((host_like.1.as_str(), plain.1.as_str()), ("0", "2"));
    const SYS_ADMIN: u64 = 1 << 21;
    assert!(
        host_like.0 & SYS_ADMIN != 0 && plain.0 & SYS_ADMIN == 0,
        "{host_like:x?} {plain:x?}"
    );
    scene.run(["rm", &scene.name]).succeeds();
    let ran = scene
        .start_like(&NodeSpec::new("", "").security(Security::Privileged))
        .args(["--nodes", "a"])
        .run();
    if ran.code == 5 {
        assert!(
            ran.stderr.contains("a privileged node cannot be started"),
            "{}",
            ran.stderr
        );
        scene.assert_empty();
        return skipped("a privileged node: this engine lacks a capability");
    }
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(
        inspect(&scene, &scene.fqdn("a"))["HostConfig"]["Privileged"],
        true
    );
}

#[test]
fn ports_of_the_topology_are_published_and_shown() {
    let Some(scene) = Scene::new("declared") else {
        return;
    };
    let fixed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let like = NodeSpec::new("", "")
        .port(Port::tcp(8080))
        .port(Port::udp(53))
        .port(Port::tcp(81).on_host(fixed));
    let ran = scene.start_like(&like).args(["--nodes", "a"]).succeeds();
    let of = |port: &str| {
        scene
            .docker_says(&["port", &scene.fqdn("a"), port])
            .rsplit_once(':')
            .unwrap()
            .1
            .to_string()
    };
    let (tcp, udp) = (of("8080/tcp"), of("53/udp"));
    assert_eq!(of("81/tcp"), fixed.to_string());
    let expected = format!(
        "ports of {}: {udp}->53/udp {fixed}->81/tcp {tcp}->8080/tcp",
        scene.fqdn("a")
    );
    assert!(
        ran.stderr.contains(&expected),
        "no `{expected}` in {}",
        ran.stderr
    );
    let ps = scene.run(["ps"]).succeeds().stdout;
    for port in [
        format!("{tcp}->8080/tcp"),
        format!("{udp}->53/udp"),
        format!("{fixed}->81/tcp"),
    ] {
        assert!(ps.contains(&port), "{port}: {ps}");
    }
    let env = scene.run(["env", &scene.name]).succeeds().stdout;
    assert!(
        env.contains(&format!("CLUSTERDOCK_A_PORT_8080_TCP=127.0.0.1:{tcp}")),
        "{env}"
    );
    assert!(
        env.contains(&format!("CLUSTERDOCK_A_PORT_53_UDP=127.0.0.1:{udp}")),
        "{env}"
    );
    let other = scene.run([
        "start",
        "-c",
        &format!("{}-b", scene.name),
        "-n",
        &scene.name,
    ]);
    let other = other
        .args([plugins::library("topology_settings")])
        .args(["--nodes", "b", "--spec"]);
    other
        .args([serde_json::to_string(&like).unwrap()])
        .fails(4, &[&format!("`{fixed}"), "in use"]);
}

#[test]
fn disks_are_devices_of_their_nodes() {
    let Some(scene) = Scene::new("disks") else {
        return;
    };
    let start = scene.run(["start", "-c", &scene.name, "-n", &scene.name, NODEBASE]);
    start
        .args(["--node-disks", "node-1=/dev/zero,/dev/full"])
        .succeeds();
    let devices = |node: &str| inspect(&scene, &scene.fqdn(node))["HostConfig"]["Devices"].clone();
    let disk = |path: &str| json!({ "PathOnHost": path, "PathInContainer": path, "CgroupPermissions": "rwm" });
    assert_eq!(
        devices("node-1"),
        json!([disk("/dev/zero"), disk("/dev/full")])
    );
    assert_eq!(devices("node-2"), json!([]));
    let other = scene.run([
        "start",
        "-c",
        &format!("{}-b", scene.name),
        "-n",
        &scene.name,
        NODEBASE,
    ]);
    other
        .args(["--nodes", "x", "--node-disks", "x=/dev/nowhere"])
        .fails(1, &["/dev/nowhere", &scene.fqdn("x")]);
}

#[test]
fn invalid_settings_are_refused_before_anything_is_created() {
    let Some(scene) = Scene::new("refused") else {
        return;
    };
    let with = |create: Value| {
        NodeSpec::new("", "").with(|all| all.create = create.as_object().unwrap().clone())
    };
    let unknown = with(json!({ "HostConfig": { "OomScoreAdjust": 500 } }));
    let texts = [
        "setting `create` of node `node-1`",
        "no field `HostConfig.OomScoreAdjust`",
        "`HostConfig.OomScoreAdj`?",
    ];
    scene.start_like(&unknown).fails(2, &texts);
    scene
        .start_like(&with(json!({ "Hostname": "x" })))
        .fails(2, &["topologies cannot set field `Hostname`", "FQDN"]);
    let restart = NodeSpec::new("", "").with(|all| all.restart = Some("sometimes".into()));
    scene
        .start_like(&restart)
        .fails(2, &["setting `restart` of node `node-1`", "`sometimes`"]);
    let user = NodeSpec::new("", "").with(|all| all.user = Some("nobody-at-all".into()));
    scene.start_like(&user).fails(1, &["nobody-at-all"]);
    scene.assert_empty();
}
