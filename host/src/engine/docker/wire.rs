//! Connections to the engine. Ordinary calls go through the client library, which hands its requests over here;
//! commands with a terminal take a connection for themselves. A connection that has served its request serves the next.

use super::address::Transport;
use super::ssh::{self, Destination};
use super::tls::{self, Unusable};
use bollard::BollardRequest;
use bollard::errors::Error;
use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{HOST, HeaderValue};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

/// What stands for the engine in requests, which name a host even where there is none.
const NAME: &str = "docker";

/// Headers that carry credentials for registries.
const CREDENTIALS: [&str; 2] = ["x-registry-auth", "x-registry-config"];

/// How long it may take to connect over a network.
const CONNECT: Duration = Duration::from_secs(10);
/// The same through ssh, which logs in, and starts a program there.
const CONNECT_BY_SSH: Duration = Duration::from_secs(25);
/// How many connections through ssh are opened at once. An sshd refuses some of them from ten on that are not logged in
/// yet, whoever opens them; afterwards they do not count.
const OPENED_AT_ONCE: usize = 4;
/// How long after its last answer a connection is used again: no longer than what lies between here and the engine keeps
/// it, too.
const IDLE: Duration = Duration::from_secs(30);
/// After how long a silence the kernel asks whether the other side of a connection is still there, how often, and how
/// often in vain before it gives up.
const ALIVE: (Duration, Duration, u32) = (Duration::from_secs(30), Duration::from_secs(10), 4);

type Failure = Box<dyn std::error::Error + Send + Sync>;
type Sender = SendRequest<UnsyncBoxBody<Bytes, Failure>>;

/// Opens connections and sends requests with the API version that was agreed on.
#[derive(Clone)]
pub(super) struct Wire(Arc<Shared>);

struct Shared {
    dialer: Dialer,
    /// `/v1.41`, once it is known.
    prefix: OnceLock<String>,
    /// Connections that have answered, and when: those whose answer has been read wait for the next request.
    used: Mutex<Vec<(Sender, Instant)>>,
}

/// What it takes to open a connection.
enum Dialer {
    Unix(PathBuf),
    Tcp(String),
    Tls { host: String, name: ServerName<'static>, connector: TlsConnector },
    Ssh { destination: Destination, executable: PathBuf, opening: Semaphore },
}

impl Wire {
    /// Connections by this transport; `executable` is this program.
    pub(super) fn new(transport: &Transport, executable: &Path) -> Result<Wire, Unusable> {
        let dialer = match transport.clone() {
            Transport::Unix(path) => Dialer::Unix(path),
            Transport::Tcp(host) => Dialer::Tcp(host),
            Transport::Tls(host, material) => {
                let name = tls::server_name(&host).ok_or("no certificate can be for a host of that name")?;
                Dialer::Tls { host, name, connector: material.connector()? }
            }
            Transport::Ssh(destination) => {
                Dialer::Ssh { destination, executable: executable.into(), opening: Semaphore::new(OPENED_AT_ONCE) }
            }
        };
        Ok(Wire(Arc::new(Shared { dialer, prefix: OnceLock::new(), used: Mutex::default() })))
    }

    /// Sets the version that all further requests are made with.
    pub(super) fn speak(&self, version: &str) {
        // Several first calls may have asked at once; all got the same answer.
        self.0.prefix.get_or_init(|| format!("/v{version}"));
    }

    /// Sends a request of the client library.
    pub(super) async fn pass(self, mut request: BollardRequest) -> Result<Response<Incoming>, Error> {
        for name in CREDENTIALS {
            if let Some(value) = request.headers_mut().get_mut(name) {
                *value = url_safe(value);
            }
        }
        self.send(request).await
    }

    /// Sends a request, whose address is a path without a version.
    pub(super) async fn send<B>(&self, request: Request<B>) -> Result<Response<Incoming>, Error>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Failure>,
    {
        let (mut head, body) = request.into_parts();
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        head.uri = format!("{}{path}", self.0.prefix.get().map_or("", String::as_str)).parse()?;
        head.headers.insert(HOST, HeaderValue::from_static(NAME));
        let mut request = Request::from_parts(head, body.map_err(Into::into).boxed_unsync());
        while let Some(mut idle) = self.idle() {
            match idle.try_send_request(request).await {
                Ok(response) => {
                    self.keep(idle);
                    return Ok(response);
                }
                // It was closed before anything was sent: nothing has happened.
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(error.into_error().into()),
                },
            }
        }
        let mut fresh = self.0.dialer.open().await?;
        let response = fresh.send_request(request).await?;
        self.keep(fresh);
        Ok(response)
    }

    fn idle(&self) -> Option<Sender> {
        let mut used = self.0.used.lock().expect("nobody panics with it");
        used.retain(|(sender, since)| !sender.is_closed() && since.elapsed() < IDLE);
        let idle = used.iter().rposition(|(sender, _)| sender.is_ready())?;
        Some(used.remove(idle).0)
    }

    /// Keeps a connection for when its answer has been read. It is closed by an answer that is not read to its end.
    fn keep(&self, sender: Sender) {
        self.0.used.lock().expect("nobody panics with it").push((sender, Instant::now()));
    }
}

impl Dialer {
    async fn open(&self) -> Result<Sender, Error> {
        match self {
            Dialer::Unix(path) => shake(UnixStream::connect(path).await?).await,
            Dialer::Tcp(host) => shake(in_time(CONNECT, connected(host)).await?).await,
            Dialer::Tls { host, name, connector } => {
                let stream = async { connector.connect(name.clone(), connected(host).await?).await };
                shake(in_time(CONNECT, stream).await?).await
            }
            Dialer::Ssh { destination, executable, opening } => {
                let _opening = opening.acquire().await.map_err(io::Error::other)?;
                let mut sender = shake(ssh::open(destination, executable)?).await?;
                // Only an answer tells that ssh got through; a request with a body would not know what became of it.
                let asked = async { greet(&mut sender).await.map_err(io::Error::other) };
                in_time(CONNECT_BY_SSH, asked).await?;
                Ok(sender)
            }
        }
    }
}

async fn in_time<T>(deadline: Duration, connecting: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(deadline, connecting).await.unwrap_or_else(|_| {
        Err(io::Error::new(ErrorKind::TimedOut, format!("no connection within {} s", deadline.as_secs())))
    })
}

async fn connected(host: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(host).await?;
    stream.set_nodelay(true)?;
    // Whoever waits for an answer for as long as it takes must hear of an engine that is gone.
    let (idle, interval, probes) = ALIVE;
    rustix::net::sockopt::set_socket_keepalive(&stream, true)?;
    rustix::net::sockopt::set_tcp_keepidle(&stream, idle)?;
    rustix::net::sockopt::set_tcp_keepintvl(&stream, interval)?;
    rustix::net::sockopt::set_tcp_keepcnt(&stream, probes)?;
    Ok(stream)
}

async fn greet(sender: &mut Sender) -> hyper::Result<()> {
    let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
    let mut request = Request::new(body);
    *request.uri_mut() = hyper::Uri::from_static("/_ping");
    request.headers_mut().insert(HOST, HeaderValue::from_static(NAME));
    sender.send_request(request).await?.into_body().collect().await?;
    sender.ready().await
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

async fn shake<S>(stream: S) -> Result<Sender, Error>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
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
