//! Connections to the engine. Ordinary calls go through the client library, which hands its requests over here;
//! commands with a terminal take a connection for themselves.

use super::address::Transport;
use bollard::BollardRequest;
use bollard::errors::Error;
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{HOST, HeaderValue};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::sync::{Arc, OnceLock};
use tokio::net::{TcpStream, UnixStream};

/// What stands for the engine in requests, which name a host even where there is none.
const NAME: &str = "docker";

/// Headers that carry credentials for registries.
const CREDENTIALS: [&str; 2] = ["x-registry-auth", "x-registry-config"];

/// Opens connections and sends requests with the API version that was agreed on.
#[derive(Debug, Clone)]
pub(super) struct Wire {
    transport: Transport,
    /// `/v1.41`, once it is known.
    prefix: Arc<OnceLock<String>>,
}

impl Wire {
    pub(super) fn new(transport: Transport) -> Wire {
        Wire { transport, prefix: Arc::default() }
    }

    /// Sets the version that all further requests are made with.
    pub(super) fn speak(&self, version: &str) {
        // Several first calls may have asked at once; all got the same answer.
        self.prefix.get_or_init(|| format!("/v{version}"));
    }

    /// The path with the version in front.
    pub(super) fn path(&self, path: &str) -> String {
        format!("{}{path}", self.prefix.get().map_or("", String::as_str))
    }

    /// A connection of its own for one request. The connection goes on in a task until both sides are done with it.
    pub(super) async fn open<B>(&self) -> Result<SendRequest<B>, Error>
    where
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        match &self.transport {
            Transport::Unix(path) => shake(UnixStream::connect(path).await?).await,
            Transport::Tcp(host) => shake(TcpStream::connect(host).await?).await,
        }
    }

    /// Sends a request of the client library.
    pub(super) async fn send(self, request: BollardRequest) -> Result<Response<Incoming>, Error> {
        let (mut head, body) = request.into_parts();
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        head.uri = self.path(path).parse()?;
        head.headers.insert(HOST, HeaderValue::from_static(NAME));
        for name in CREDENTIALS {
            if let Some(value) = head.headers.get_mut(name) {
                *value = url_safe(value);
            }
        }
        Ok(self.open().await?.send_request(Request::from_parts(head, body)).await?)
    }
}

/// The client library writes base64 with `+` and `/`. The engine wants that of URLs, and takes some passwords for none
/// otherwise.
fn url_safe(value: &HeaderValue) -> HeaderValue {
    let safe = |byte: &u8| match byte {
        b'+' => b'-',
        b'/' => b'_',
        other => *other,
    };
    let bytes: Vec<u8> = value.as_bytes().iter().map(safe).collect();
    HeaderValue::from_bytes(&bytes).expect("letters of base64 make a header")
}

async fn shake<B, S>(stream: S) -> Result<SendRequest<B>, Error>
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
{
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Its errors are those of the request, which tells them.
    tokio::spawn(async move { connection.with_upgrades().await.ok() });
    Ok(sender)
}

/// The client library's idea of where requests go.
pub(super) fn library_address() -> String {
    format!("http://{NAME}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_written_in_the_base64_of_urls() {
        assert_eq!(url_safe(&HeaderValue::from_static("ab+/c==")), HeaderValue::from_static("ab-_c=="));
    }
}
