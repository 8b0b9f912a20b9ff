//! An engine over TCP: nothing assumes a shared loopback.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::thread;

use clusterdock_tests::scene::Scene;

/// Forwards connections to the machine's engine; returns the address to use.
pub(crate) fn tcp_engine() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let Ok(engine) = UnixStream::connect("/var/run/docker.sock") else {
                continue;
            };
            let (client_too, engine_too) =
                (client.try_clone().unwrap(), engine.try_clone().unwrap());
            thread::spawn(move || pass(client, engine, |engine| engine.shutdown(Shutdown::Write)));
            thread::spawn(move || {
                pass(engine_too, client_too, |client: &TcpStream| {
                    client.shutdown(Shutdown::Write)
                })
            });
        }
    });
    address
}

fn pass<R: Read, W: Write>(mut from: R, mut to: W, end: impl FnOnce(&W) -> std::io::Result<()>) {
    drop(std::io::copy(&mut from, &mut to));
    drop(end(&to));
}

#[test]
fn a_remote_engine_publishes_on_all_addresses() {
    let Some(local) = Scene::new("tcp") else {
        return;
    };
    let scene = Scene::on(&tcp_engine(), "tcp");
    scene.start().args(["-p", "node-1:80"]).succeeds();
    let published = local.docker_says(&["port", &scene.fqdn("node-1"), "80"]);
    assert!(published.starts_with("0.0.0.0:"), "{published}");
    let name = scene
        .run(["ssh", &scene.fqdn("node-2"), "--", "hostname", "-f"])
        .succeeds()
        .stdout;
    assert_eq!(name.trim(), scene.fqdn("node-2"));
    scene.run(["rm", &scene.name]).succeeds();
    scene.assert_empty();
}
