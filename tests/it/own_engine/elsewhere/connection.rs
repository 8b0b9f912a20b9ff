//! How a remote engine is reached: certificates, contexts and ssh, with the reason if it cannot be.

use std::fs;
use std::io::Read;
use std::process::Command;

use clusterdock_tests::dockerd::EngineBuild;
use clusterdock_tests::elsewhere::Door;
use clusterdock_tests::run::assert_success;
use clusterdock_tests::scene::NODEBASE;

use super::{await_no_program, elsewhere, programs};

#[test]
fn a_failed_tls_handshake_is_reported_with_its_reason() {
    let Some((engine, scene)) = elsewhere(EngineBuild::Installed, Door::Tls, "trust") else {
        return;
    };
    let ls = |folder: &str| {
        scene
            .run(["ls"])
            .env("DOCKER_CERT_PATH", engine.files(folder))
    };
    ls("client").succeeds();
    let url = engine.url();
    let named = format!("engine `{url}` (named by DOCKER_HOST) cannot be reached");
    ls("lost").fails(
        5,
        &[
            &named,
            "is not signed by a trusted CA",
            "hint: put the certificate of the CA",
        ],
    );
    ls("anonymous").fails(5, &[&named, "client certificate", "cert.pem and key.pem"]);
    ls("stranger").fails(
        5,
        &[
            &named,
            "does not accept the client certificate",
            "cert.pem and key.pem",
        ],
    );
    ls("nowhere").fails(
        5,
        &[&named, "nowhere/ca.pem: no such file", "DOCKER_CERT_PATH"],
    );
    // A certificate without its key.
    let half = engine.files("half");
    fs::create_dir(&half).unwrap();
    fs::copy(engine.files("client").join("ca.pem"), half.join("ca.pem")).unwrap();
    fs::write(half.join("cert.pem"), "").unwrap();
    ls("half").fails(5, &[&named, "half/key.pem: no such file"]);
    // The right engine by a name that it does not have.
    let other = engine.url_at(engine.other_address);
    let ran = ls("client")
        .env("DOCKER_HOST", &other)
        .fails(5, &[&other, "its certificate is for"]);
    let presented = format!(
        "its certificate is for {}, engine.example, not for {}",
        engine.address, engine.other_address
    );
    assert!(ran.stderr.contains(&presented), "{}", ran.stderr);
    // Verification can be turned off; the client certificate is still required.
    let unverified = |folder| {
        ls(folder)
            .env("DOCKER_TLS_VERIFY", "")
            .env("DOCKER_TLS", "1")
            .env("DOCKER_HOST", &other)
    };
    unverified("stranger").fails(5, &["does not accept the client certificate"]);
    unverified("client").succeeds();
    // Plain text where TLS is spoken, and the other way round.
    ls("client")
        .env("DOCKER_TLS_VERIFY", "")
        .fails(5, &[&named, "HTTPS server", "DOCKER_TLS_VERIFY=1"]);
    ls("client")
        .env("DOCKER_TLS_VERIFY", "")
        .env("DOCKER_HOST", url.replace("tcp:", "https:"))
        .succeeds();
}

#[test]
fn a_docker_context_brings_its_certificates() {
    let Some((engine, scene)) = elsewhere(EngineBuild::Installed, Door::Tls, "context") else {
        return;
    };
    let configuration = tempfile::tempdir().unwrap();
    let docker = |arguments: &[&str]| {
        let mut command = Command::new("docker");
        let output = command
            .arg("--config")
            .arg(configuration.path())
            .args(arguments)
            .output()
            .unwrap();
        assert_success(&output);
    };
    let client = engine.files("client").display().to_string();
    let material = format!("ca={client}/ca.pem,cert={client}/cert.pem,key={client}/key.pem");
    docker(&[
        "context",
        "create",
        "lab",
        "--docker",
        &format!("host={},{material}", engine.url()),
    ]);
    let other = engine.url_at(engine.other_address);
    let skips =
        format!("host={other},cert={client}/cert.pem,key={client}/key.pem,skip-tls-verify=true");
    docker(&["context", "create", "careless", "--docker", &skips]);
    docker(&[
        "context",
        "create",
        "named",
        "--docker",
        &format!("host={other},{material}"),
    ]);
    docker(&["context", "use", "lab"]);
    let ls = || {
        scene
            .run(["ls"])
            .env("DOCKER_HOST", "")
            .env("DOCKER_CONFIG", configuration.path())
    };
    // TLS settings of the environment do not apply to contexts.
    let ls = || {
        ls().env("DOCKER_TLS_VERIFY", "")
            .env("DOCKER_CERT_PATH", "")
    };
    ls().succeeds();
    ls().env("DOCKER_CONTEXT", "careless").succeeds();
    ls().env("DOCKER_CONTEXT", "named").fails(
        5,
        &[
            "named by Docker's context `named`",
            "its certificate is for",
        ],
    );
}

#[test]
fn errors_of_ssh_are_shown() {
    let Some((engine, scene)) = elsewhere(EngineBuild::Installed, Door::Ssh, "sshd") else {
        return;
    };
    scene.run(["ls"]).succeeds();
    let url = engine.url();
    let host = format!("root@{}", engine.address);
    let named = format!("engine `{url}` (named by DOCKER_HOST) cannot be reached");
    let at = |url: &str| scene.run(["ls"]).env("DOCKER_HOST", url);
    // A missing engine socket is reported in the words of the remote docker command.
    at(&format!("ssh://{host}/run/nothing.sock")).fails(
        5,
        &["/run/nothing.sock", &format!("ssh {host} docker version")],
    );
    at(&url.replace("root@", "nobody@")).fails(5, &["Permission denied", "without prompting"]);
    at(&url.replace("ssh://root@", "ssh://-oProxyCommand=true@")).fails(2, &["begin with `-`"]);
    // A host name from the ssh configuration.
    at(&url.replace(&host, "root@elsewhere")).succeeds();
    scene
        .run(["ls"])
        .env("PATH", engine.files("nothing"))
        .fails(5, &["no `ssh` is on the PATH", "hint: install"]);
    let configuration = fs::read_to_string(engine.sshd().configuration()).unwrap();
    fs::write(engine.files("known_hosts"), "").unwrap();
    scene.run(["ls"]).fails(
        5,
        &[&named, "Host key verification failed", "without prompting"],
    );
    fs::write(
        engine.sshd().configuration(),
        configuration.replace("yes\n", "no\n"),
    )
    .unwrap();
    scene.run(["ls"]).succeeds();
    await_no_program(&engine);
}

#[test]
fn no_ssh_process_outlives_the_program() {
    let Some((engine, scene)) = elsewhere(EngineBuild::Installed, Door::Ssh, "outlive") else {
        return;
    };
    scene.start().succeeds();
    let node = scene.fqdn("node-1");
    let mut command = scene
        .run([
            "exec",
            &node,
            "--",
            "sh",
            "-c",
            "echo it runs; exec sleep 1000",
        ])
        .command();
    let mut child = command.spawn().unwrap();
    let mut line = [0; 8];
    child
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut line)
        .unwrap();
    let ours = programs(&engine);
    assert!(!ours.is_empty());
    child.kill().unwrap();
    child.wait().unwrap();
    await_no_program(&engine);
    // Many in parallel: sshd accepts ten connections that are not yet authenticated, and drops some of the eleventh on.
    let nodes: Vec<String> = (0..14).map(|number| format!("n{number}")).collect();
    let other = format!("{}-many", scene.name);
    scene
        .run(["start", "-c", &other, "-n", &other, NODEBASE, "--nodes"])
        .args(&nodes)
        .succeeds();
    let lines = scene
        .run(["exec", "--all", "-c", &other, "--", "hostname"])
        .succeeds()
        .stdout;
    assert_eq!(lines.lines().count(), 14, "{lines}");
    scene.run(["rm", &other]).succeeds();
    await_no_program(&engine);
}
