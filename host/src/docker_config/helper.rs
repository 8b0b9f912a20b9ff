//! Programs that keep logins for Docker: asked for one, they write it on their standard output.

use super::Login;
use crate::error::{Error, Kind, Result};
use serde::Deserialize;
use std::process::{Output, Stdio};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::timeout;

/// How long one may take: it may have to ask the user for something.
const DEADLINE: Duration = Duration::from_secs(120);

/// How all of them say that they have none.
const NONE: &str = "credentials not found";

/// The user name that stands for a token.
const TOKEN: &str = "<token>";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
}

/// The login that `docker-credential-HELPER` has for a registry, if it has one.
///
/// # Errors
/// [`Kind::Image`] naming the program that is not there, fails, or makes no sense.
pub(super) async fn ask(helper: &str, server: &str) -> Result<Option<Login>> {
    let program = format!("docker-credential-{helper}");
    let failed = |why: &str| {
        Error::new(Kind::Image, format!("`{program}` does not give the login for `{server}`"))
            .cause(why)
            .hint(format!("try it: echo {server} | {program} get; Docker's config.json names it"))
    };
    let output = match timeout(DEADLINE, run(&program, server)).await {
        Ok(Ok(output)) => output,
        Ok(Err(error)) => return Err(failed(&format!("it cannot be run: {error}"))),
        Err(_) => return Err(failed(&format!("it did not answer within {} s", DEADLINE.as_secs()))),
    };
    if !output.status.success() {
        let said = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).trim().to_string());
        if said[0].starts_with(NONE) {
            return Ok(None);
        }
        let words = said.into_iter().find(|text| !text.is_empty()).unwrap_or("it says nothing".into());
        return Err(failed(&format!("{}: {words}", output.status)));
    }
    // What it wrote is a secret, also where it makes no sense.
    login(&output.stdout).ok_or_else(|| failed("its answer is no login"))
}

/// What it wrote: a login, or that there is none.
fn login(answer: &[u8]) -> Option<Option<Login>> {
    let Answer { username, secret } = serde_json::from_slice(answer).ok()?;
    Some(match username.as_str() {
        _ if secret.is_empty() => None,
        TOKEN => Some(Login::IdentityToken(secret)),
        _ => Some(Login::Password { user: username, password: secret }),
    })
}

async fn run(program: &str, server: &str) -> std::io::Result<Output> {
    let mut command = Command::new(program);
    command.arg("get").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn()?;
    let mut input = child.stdin.take().expect("it is piped");
    // One that ends without reading says itself why.
    input.write_all(server.as_bytes()).await.unwrap_or_default();
    drop(input);
    child.wait_with_output().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_password_a_token_or_none() {
        let user = Login::Password { user: "u".into(), password: "s".into() };
        let cases = [
            (r#"{"ServerURL": "r", "Username": "u", "Secret": "s"}"#, Some(Some(user))),
            (r#"{"Username": "<token>", "Secret": "t"}"#, Some(Some(Login::IdentityToken("t".into())))),
            (r#"{"Username": "", "Secret": ""}"#, Some(None)),
            (r#"{"Username": "u"}"#, None),
            ("done", None),
        ];
        for (answer, expected) in cases {
            assert_eq!(login(answer.as_bytes()), expected, "{answer}");
        }
    }
}
