//! Every call fails in every way. These commands roll nothing back: they have to end, report the failure, and succeed
//! when they are repeated.

use clusterdock_tests::fake::{Call, ExecAnswer, Mishap, Trial, for_every_call};

use super::*;

/// Runs a command of a trial, interrupted if the mishap is an interrupt; a stalled call is interrupted after an hour.
async fn tried(
    trial: &Trial,
    command: impl AsyncFnOnce(&Desk) -> Result<()>,
) -> Option<Result<()>> {
    let desk = Desk::at(&trial.fake);
    let cancellation = Arc::clone(&desk.cancellation);
    trial.on_interrupt(move || cancellation.cancel(interrupted()));
    let impatient = async {
        tokio::time::sleep(60 * MINUTE).await;
        desk.cancellation.cancel(interrupted());
        std::future::pending::<()>().await;
    };
    let work = async {
        tokio::select! {
            done = command(&desk) => done,
            () = impatient => unreachable!("it never ends"),
        }
    };
    let done = trial.run(work).await;
    match &done {
        Some(Ok(())) => {
            // Events are asked for again; and an interruption may come too late to keep anything from being done.
            let harmless =
                |call: &Call| call.method == "deaths" || trial.mishap == Mishap::Interrupts;
            assert!(
                trial.fake.calls().get(trial.call).is_none_or(harmless),
                "it went wrong unnoticed"
            );
        }
        Some(Err(error)) => assert!(trial.struck(), "{error}"),
        None => {}
    }
    done
}

const ALL: [Mishap; 6] = [
    Mishap::Fails,
    Mishap::FailsAfterEffect,
    Mishap::Stalls,
    Mishap::StallsAfterEffect,
    Mishap::Interrupts,
    Mishap::Abandons,
];

#[tokio::test(start_paused = true)]
async fn a_failed_resume_is_completed_by_the_next() {
    let seed = async || {
        lab(
            EngineGeneration::V26,
            State::Exited,
            &[Probe::port(22), Probe::command("true")],
        )
    };
    let trials = for_every_call(
        &ALL,
        async || listening(seed().await),
        async |trial| {
            tried(trial, async |desk| desk.resume().await).await;
            Desk::at(&trial.fake).resume().await.unwrap();
            assert_whole(&trial.fake).await;
        },
    );
    assert!(trials.await > 100);
}

#[tokio::test(start_paused = true)]
async fn a_failed_resume_without_network_is_completed_by_the_next() {
    for generation in [EngineGeneration::V20, EngineGeneration::V29] {
        let seed = async || {
            let fake = lab(generation, State::Exited, &[]);
            fake.remove_network("lab").await.unwrap();
            fake
        };
        for_every_call(&ALL, seed, async |trial| {
            tried(trial, async |desk| desk.resume().await).await;
            Desk::at(&trial.fake).resume().await.unwrap();
            assert_whole(&trial.fake).await;
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_restart_is_completed_by_a_resume() {
    let seed = async || {
        listening(lab(
            EngineGeneration::V26,
            State::Running,
            &[Probe::port(22)],
        ))
    };
    for_every_call(&ALL, seed, async |trial| {
        tried(trial, async |desk| desk.restart().await).await;
        Desk::at(&trial.fake).resume().await.unwrap();
        assert_whole(&trial.fake).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_fails_on_one_node_stops_the_others() {
    let seed = async || lab(EngineGeneration::V26, State::Running, &[]);
    for_every_call(&ALL, seed, async |trial| {
        let done = tried(trial, async |desk| desk.stop().await).await;
        let began = trial.fake.count("stop_container");
        if done.is_some() && began > 0 && trial.mishap != Mishap::Interrupts {
            assert_eq!(began, 2, "each node is tried");
        }
        Desk::at(&trial.fake).stop().await.unwrap();
        for node in ["n1.lab", "n2.lab"] {
            assert_eq!(
                trial.fake.container_state(node).await.unwrap().state,
                State::Exited
            );
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_resume_starts_nothing_more() {
    let fake = lab(EngineGeneration::V26, State::Exited, &[]);
    let desk = Desk::at(&fake);
    let cancellation = Arc::clone(&desk.cancellation);
    fake.on_call(("container_state", 0), move |_| {
        cancellation.cancel(interrupted())
    });
    assert_eq!(desk.resume().await.unwrap_err().kind(), Kind::Interrupted);
    assert_eq!(fake.count("start_container"), 0);
}

/// Lets something listen on port 22 of every node.
fn listening(fake: FakeEngine) -> FakeEngine {
    fake.on_exec(|_| {
        ExecAnswer::success().stdout("sl local\n 0: 00000000:0016 00000000:0000 0A\n")
    });
    fake
}

#[tokio::test(start_paused = true)]
async fn a_stop_may_take_as_long_as_its_grace_period() {
    let fake = lab(EngineGeneration::V26, State::Running, &[]);
    fake.stall(("stop_container", 0));
    let args = StopArgs {
        change: change(),
        time: 10 * MINUTE,
        timeout: MINUTE,
    };
    let began = tokio::time::Instant::now();
    let stopped = Desk::at(&fake)
        .run(async |session| lifecycle::stop(session, &args).await)
        .await;
    assert_eq!(stopped.unwrap_err().kind(), Kind::Timeout);
    assert!(began.elapsed() > 10 * MINUTE, "{:?}", began.elapsed());
}
