//! A plugin that sends invalid messages to the host: the call that waits for the answer fails at
//! once, naming plugin and call, and nothing hangs.

use std::time::Duration;

use clusterdock::error::{Error, Kind};
use clusterdock::topology::plugin::Plugin;
use clusterdock_tests::plugins::misbehaving_raw;

use super::process::{Recorder, request, start};

/// A frame with this header and payload, as far as it is announced.
fn framed(header: &[u8], payload: &[u8]) -> Vec<u8> {
    announced(
        header.len() as u32,
        payload.len() as u32,
        &[header, payload].concat(),
    )
}

fn announced(header: u32, payload: u32, bytes: &[u8]) -> Vec<u8> {
    [&header.to_le_bytes(), &payload.to_le_bytes(), bytes].concat()
}

/// What can never be a message, each of another kind.
fn malformed() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("lengths without end", announced(u32::MAX, u32::MAX, b"{}")),
        ("a header without end", announced(u32::MAX, 0, b"")),
        ("a payload without end", announced(2, u32::MAX, b"{}")),
        ("text", b"GET / HTTP/1.1\r\n\r\n".to_vec()),
        ("zeroes", vec![0; 4096]),
        ("no JSON", framed(b"not JSON", b"")),
        ("half of a JSON", framed(b"{\"Done\":{\"Ok\":\"", b"")),
        ("no UTF-8", framed(b"{\"Done\":{\"Ok\":\"\xff\xfe\"}}", b"")),
        ("another type", framed(b"{\"Done\":{\"Ok\":[1,2]}}", b"")),
        ("an unknown message", framed(b"{\"Undone\":{}}", b"")),
        ("a question", framed(b"{\"Ask\":\"Declare\"}", b"")),
        (
            "brackets without end",
            framed("[".repeat(1 << 20).as_bytes(), b""),
        ),
        (
            "a number that is none",
            framed(
                b"{\"Call\":{\"id\":1e999,\"name\":\"exec\",\"input\":\"{}\"}}",
                b"",
            ),
        ),
    ]
}

#[track_caller]
fn assert_invalid_answer(error: &Error, kind: Kind, place: &str, case: &str) {
    let message = format!("plugin `topology_x` returned an invalid answer {place}");
    assert_eq!(
        (error.message(), error.kind()),
        (message.as_str(), kind),
        "{case}: {error}"
    );
    assert_eq!(error.causes().len(), 1, "{case}: {error}");
}

/// Far longer than any of these takes, and shorter than the deadline of a call.
async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(25), work)
        .await
        .expect("it fails at once")
}

#[tokio::test]
async fn malformed_messages_fail_the_waiting_call() {
    for (case, raw) in malformed() {
        let error = soon(misbehaving_raw("raw-in-constructor", &raw))
            .await
            .err()
            .expect(case);
        assert_invalid_answer(&error, Kind::Plugin, "while loading", case);

        let plugin = misbehaving_raw("raw-in-declare", &raw).await.unwrap();
        assert_invalid_answer(
            &soon(plugin.declare()).await.unwrap_err(),
            Kind::Plugin,
            "in `declare`",
            case,
        );
        let error = plugin.declare().await.unwrap_err();
        assert!(
            error.message().contains("cannot be used in `declare`"),
            "{case}: {error}"
        );

        let plugin = misbehaving_raw("raw-in-nodes", &raw).await.unwrap();
        assert_invalid_answer(
            &soon(plugin.nodes(&request())).await.unwrap_err(),
            Kind::Hook,
            "in `nodes`",
            case,
        );

        let plugin = misbehaving_raw("raw-in-start", &raw).await.unwrap();
        let error = soon(start(&plugin, &Recorder::default()))
            .await
            .unwrap_err();
        assert_invalid_answer(&error, Kind::Hook, "in its start hook", case);
    }
}

#[tokio::test]
async fn messages_out_of_turn_fail_the_call() {
    let call = framed(
        br#"{"Call":{"id":1,"name":"progress","input":"{\"message\":\"a\"}"}}"#,
        b"",
    );
    let plugin = misbehaving_raw("raw-in-declare", &call).await.unwrap();
    let error = soon(plugin.declare()).await.unwrap_err();
    assert_invalid_answer(
        &error,
        Kind::Plugin,
        "in `declare`",
        "a call without a hook",
    );
    assert_eq!(error.causes(), ["call `progress` outside of a hook"]);

    let same = framed(br#"{"Call":{"id":7,"name":"pause","input":"{}"}}"#, b"");
    let plugin = misbehaving_raw("raw-in-start", &[same.clone(), same].concat())
        .await
        .unwrap();
    let error = soon(start(&plugin, &Unanswering)).await.unwrap_err();
    assert_invalid_answer(&error, Kind::Hook, "in its start hook", "one number twice");

    let many = |id: u32| {
        framed(
            format!(r#"{{"Call":{{"id":{id},"name":"pause","input":"{{}}"}}}}"#).as_bytes(),
            b"",
        )
    };
    let plugin = misbehaving_raw(
        "raw-in-start",
        &(0..5000).flat_map(many).collect::<Vec<_>>(),
    )
    .await
    .unwrap();
    let error = soon(start(&plugin, &Unanswering)).await.unwrap_err();
    assert_eq!(error.causes(), ["more than 4096 calls at once"]);
}

/// A host that leaves every call without an answer.
struct Unanswering;

#[async_trait::async_trait]
impl clusterdock::topology::plugin::HostCalls for Unanswering {
    async fn call(
        &self,
        _: &str,
        _: &str,
        _: Vec<u8>,
    ) -> clusterdock_plugin_wire::Result<(String, Vec<u8>)> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_truncated_message_fails_the_call() {
    let whole = framed(br#"{"Done":{"Ok":"{}"}}"#, b"payload");
    for length in [1, 7, 8, 20, whole.len() - 1] {
        let plugin = misbehaving_raw("raw-in-declare-and-close", &whole[..length])
            .await
            .unwrap();
        let error = soon(plugin.declare()).await.unwrap_err();
        assert_eq!(
            error.message(),
            "plugin `topology_x` closed its connection to the host in `declare`",
            "{length}"
        );
    }
    let plugin = misbehaving_raw("raw-in-start", &whole[..whole.len() - 1])
        .await
        .unwrap();
    let error = soon(start(&plugin, &Recorder::default()))
        .await
        .unwrap_err();
    assert_invalid_answer(&error, Kind::Hook, "in its start hook", "half of a message");
    assert_eq!(
        error.causes(),
        ["1 bytes of a message are missing after 10s"]
    );
}

#[tokio::test]
async fn an_answer_with_invalid_contents_names_the_call() {
    let done = |json: &str| {
        framed(
            format!("{{\"Done\":{{\"Ok\":{}}}}}", serde_json::json!(json)).as_bytes(),
            b"",
        )
    };
    for json in [
        "",
        "null",
        "[1]",
        "{\"groups\":1}",
        "{\"groups\":[{\"min\":-1}]}",
        "{\"args\":[{\"required\":\"x\"}]}",
    ] {
        let plugin = misbehaving_raw("raw-in-declare", &done(json))
            .await
            .unwrap();
        assert_invalid_answer(
            &soon(plugin.declare()).await.unwrap_err(),
            Kind::Plugin,
            "in `declare`",
            json,
        );
    }
    for json in [
        "",
        "{}",
        "[1]",
        "[{\"hostname\":1}]",
        "[{\"ports\":[{\"container_port\":70000}]}]",
    ] {
        let plugin = misbehaving_raw("raw-in-nodes", &done(json)).await.unwrap();
        assert_invalid_answer(
            &soon(plugin.nodes(&request())).await.unwrap_err(),
            Kind::Hook,
            "in `nodes`",
            json,
        );
    }
}
