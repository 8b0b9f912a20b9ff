//! A command on several nodes: which one failed, and where it was still running when it was ended.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use clusterdock::cli::exec_args::Exec;
use clusterdock::commands::exec;
use clusterdock::engine::State;
use clusterdock::error::{Kind, Result};
use clusterdock_tests::fake::{EngineGeneration, ExecAnswer, FakeEngine};

use super::{Desk, MINUTE, SelectionArgs, interrupted, lab};

fn engine() -> FakeEngine {
    lab(EngineGeneration::V26, State::Running, &[])
}

fn all(timeout: Option<Duration>) -> Exec {
    Exec {
        selection: SelectionArgs {
            all: true,
            ..SelectionArgs::default()
        },
        cluster: None,
        user: "0".into(),
        workdir: None,
        env: Vec::new(),
        interactive: false,
        tty: false,
        detach: false,
        timeout,
        command: vec!["work".into()],
        is_bare: false,
    }
}

impl Desk {
    async fn exec(&self, args: &Exec) -> Result<u8> {
        self.run(async |session| exec::exec(session, args).await)
            .await
    }
}

#[tokio::test]
async fn each_failure_is_named_with_its_code() {
    let fake = engine();
    fake.on_exec(|exec| match exec.container.as_str() {
        "n1.lab" => ExecAnswer::success().stdout("fine\n"),
        _ => ExecAnswer::failure(5).stderr(b"\xff broken"),
    });
    let desk = Desk::at(&fake);
    assert_eq!(desk.exec(&all(None)).await.unwrap(), 5);
    assert_eq!(desk.stdout.text(), "n1.lab | fine\n");
    let story = desk.stderr.0.lock().unwrap().clone();
    assert!(
        story.starts_with(b"n2.lab | \xff broken\n"),
        "{}",
        String::from_utf8_lossy(&story)
    );
    let story = String::from_utf8_lossy(&story).into_owned();
    assert!(
        story.contains("the command failed on node `n2.lab` with exit code 5")
            && !story.contains("`n1.lab`")
    );
}

#[tokio::test]
async fn every_code_of_a_failure_is_named() {
    // 141 is also the program's own code when the reader of its output has gone.
    for code in [1, 126, 127, 137, 141, 255] {
        let fake = engine();
        fake.on_exec(move |_| ExecAnswer::failure(code));
        let desk = Desk::at(&fake);
        assert_eq!(i64::from(desk.exec(&all(None)).await.unwrap()), code);
        for node in ["n1.lab", "n2.lab"] {
            let named = format!("the command failed on node `{node}` with exit code {code}");
            assert!(
                desk.stderr.text().contains(&named),
                "{code}: {}",
                desk.stderr.text()
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_deadline_names_the_nodes_that_it_ended() {
    let fake = engine();
    fake.on_exec(
        |exec| match (exec.container.as_str(), exec.line().as_str()) {
            (_, line) if line.starts_with("/bin/sh") => ExecAnswer::failure(3),
            ("n1.lab", _) => ExecAnswer::failure(2),
            _ => ExecAnswer::endless(),
        },
    );
    let desk = Desk::at(&fake);
    let error = desk.exec(&all(Some(MINUTE))).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        (Kind::Timeout, "the command did not end within 1m")
    );
    assert_eq!(
        error.causes()[0],
        "the command was still running on `n2.lab`"
    );
    assert_eq!(
        error.causes()[1],
        "it could not be stopped on `n2.lab` and is still running there"
    );
    assert!(
        desk.stderr
            .text()
            .contains("the command failed on node `n1.lab` with exit code 2")
    );
}

#[tokio::test(start_paused = true)]
async fn a_command_that_is_not_found_is_looked_for_again() {
    for looks in 1..4 {
        let fake = engine();
        let (killer, failed) = (fake.clone(), AtomicUsize::new(0));
        fake.on_exec(move |exec| match exec.line() {
            line if !line.starts_with("/bin/sh") => ExecAnswer::endless(),
            _ if failed.fetch_add(1, Ordering::Relaxed) < looks => ExecAnswer::failure(3),
            _ => {
                killer.kill_execs("work");
                ExecAnswer::success()
            }
        });
        let one = Exec {
            selection: SelectionArgs {
                names: vec!["n1.lab".into()],
                ..SelectionArgs::default()
            },
            ..all(Some(MINUTE))
        };
        let error = Desk::at(&fake).exec(&one).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Timeout);
        assert!(
            !error.to_string().contains("still runs"),
            "{looks}: {error}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_interruption_names_the_nodes_that_it_ended() {
    let fake = engine();
    fake.on_exec(|_| ExecAnswer::endless());
    let desk = Desk::at(&fake);
    let cancellation = desk.cancellation.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        cancellation.cancel(interrupted());
    });
    let error = desk.exec(&all(None)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Interrupted);
    assert_eq!(
        error.causes()[0],
        "the command was still running on `n1.lab`, `n2.lab`"
    );
}

#[tokio::test]
async fn standard_input_is_connected_only_if_asked_for() {
    let fake = engine();
    let desk = Desk::at(&fake);
    desk.exec(&all(None)).await.unwrap();
    let one = Exec {
        selection: SelectionArgs {
            names: vec!["n1.lab".into()],
            ..SelectionArgs::default()
        },
        ..all(None)
    };
    desk.exec(&one).await.unwrap();
    assert!(
        fake.execs()
            .iter()
            .all(|exec| !exec.spec.stdin && !exec.spec.terminal)
    );
}
