//! Docker's credential helpers: programs that print stored credentials on request.

use std::process::{Output, Stdio};
use std::time::Duration;

use serde::Deserialize;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::timeout;

use super::Login;
use crate::error::{Error, Kind, Result};

/// How long a helper may take: it may have to ask the user.
const DEADLINE: Duration = Duration::from_secs(120);

/// How all helpers report that they have no credentials.
const NONE: &str = "credentials not found";

/// The user name that marks a token.
const TOKEN: &str = "<token>";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
}

/// The credentials that `docker-credential-HELPER` has for a registry, if any.
///
/// # Errors
/// [`Kind::Image`] if the program is missing, fails, or prints something malformed; the error names it.
pub(super) async fn ask(helper: &str, server: &str) -> Result<Option<Login>> {
    let program = format!("docker-credential-{helper}");
    let failed = |why: &str| {
        Error::new(
            Kind::Image,
            format!("`{program}` returned no credentials for `{server}`"),
        )
        .cause(why)
        .hint(format!(
            "run it to see why: echo {server} | {program} get; Docker's config.json selects it"
        ))
    };
    let output = match timeout(DEADLINE, run(&program, server)).await {
        Ok(Ok(output)) => output,
        Ok(Err(error)) => return Err(failed(&format!("it cannot be run: {error}"))),
        Err(_) => {
            return Err(failed(&format!(
                "it did not answer within {} s",
                DEADLINE.as_secs()
            )));
        }
    };
    if !output.status.success() {
        let outputs = [&output.stdout, &output.stderr]
            .map(|bytes| String::from_utf8_lossy(bytes).trim().to_string());
        if outputs[0].starts_with(NONE) {
            return Ok(None);
        }
        let message = outputs
            .into_iter()
            .find(|text| !text.is_empty())
            .unwrap_or("no output".into());
        return Err(failed(&format!("{}: {message}", output.status)));
    }
    // Its output is a secret, even if malformed.
    login(&output.stdout).ok_or_else(|| failed("its output is not a credential"))
}

/// Parses a helper's output: credentials, or the answer that it has none.
fn login(answer: &[u8]) -> Option<Option<Login>> {
    let Answer { username, secret } = serde_json::from_slice(answer).ok()?;
    Some(match username.as_str() {
        _ if secret.is_empty() => None,
        TOKEN => Some(Login::IdentityToken(secret)),
        _ => Some(Login::Password {
            user: username,
            password: secret,
        }),
    })
}

async fn run(program: &str, server: &str) -> std::io::Result<Output> {
    let mut command = Command::new(program);
    command
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command.spawn()?;
    let mut input = child.stdin.take().expect("it is piped");
    // A helper that exits without reading reports its own error.
    input.write_all(server.as_bytes()).await.unwrap_or_default();
    drop(input);
    child.wait_with_output().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_helpers_answer_is_a_password_a_token_or_nothing() {
        let user = Login::Password {
            user: "u".into(),
            password: "s".into(),
        };
        let cases = [
            (
                r#"{"ServerURL": "r", "Username": "u", "Secret": "s"}"#,
                Some(Some(user)),
            ),
            (
                r#"{"Username": "<token>", "Secret": "t"}"#,
                Some(Some(Login::IdentityToken("t".into()))),
            ),
            (r#"{"Username": "", "Secret": ""}"#, Some(None)),
            (r#"{"Username": "u"}"#, None),
            ("done", None),
        ];
        for (answer, expected) in cases {
            assert_eq!(login(answer.as_bytes()), expected, "{answer}");
        }
    }
}
