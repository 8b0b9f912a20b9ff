//! Connections to the engine, pooled by hyper-util's client: a connection serves one request after the other, unless a
//! command turned it into its stream.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::TryStreamExt;
use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::BoxStream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderValue};
use hyper::{Request, Response, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use serde::Serialize;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tower_service::Service;

use super::super::{EngineError, EngineResult, Fault};
use super::address::{Address, Transport};
use super::fault::unreachable_by;
use super::request_target::Target;
use super::ssh_tunnel::{self, Destination, Tunnel};
use super::tls::{self, Unusable};

/// The host name in requests, which HTTP requires even for a socket.
const NAME: &str = "docker";

/// How long connecting over a network may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long connecting over ssh may take, including login and the start of a program there.
const CONNECT_BY_SSH: Duration = Duration::from_secs(25);
/// How many connections over ssh are opened in parallel. From ten on that are not logged in yet, sshd refuses some, by
/// any client; established ones do not count.
const OPENED_AT_ONCE: usize = 4;
/// How long an idle connection may be reused: shorter than proxies and the engine keep it open.
const IDLE: Duration = Duration::from_secs(30);
/// The longest answer to `/_ping`.
const LONGEST_PONG: usize = 64 * 1024;
/// The kernel checks a silent connection after this time, then in this interval, and gives up after this many checks.
const ALIVE: (Duration, Duration, u32) = (Duration::from_secs(30), Duration::from_secs(10), 4);

/// The body of a request.
pub(super) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// Opens connections, and sends requests with the negotiated API version.
#[derive(Clone)]
pub(super) struct Wire(Arc<Shared>);

struct Shared {
    client: Client<Dialer, Body>,
    /// Prefix of every path; usually empty.
    path: String,
    /// `/v1.41`, once negotiated.
    version: OnceLock<String>,
}

/// Opens connections. It knows the address itself: the host in requests is only a placeholder.
#[derive(Clone)]
struct Dialer(Arc<Way>);

/// What is needed to open a connection.
enum Way {
    Unix(PathBuf),
    Tcp(String),
    Tls {
        host: String,
        name: ServerName<'static>,
        connector: TlsConnector,
    },
    Ssh {
        destination: Destination,
        executable: PathBuf,
        opening: Semaphore,
    },
}

/// A connection of any kind.
trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

type Link = Box<dyn Duplex>;

impl Connection for Link {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Wire {
    /// Prepares connections to this address; `executable` is this program.
    pub(super) fn new(address: &Address, executable: &Path) -> Result<Wire, Unusable> {
        let way = match address.transport.clone() {
            Transport::Unix(path) => Way::Unix(path),
            Transport::Tcp(host) => Way::Tcp(host),
            Transport::Tls(host, material) => {
                let name = tls::server_name(&host).ok_or("its host name is invalid for TLS")?;
                Way::Tls {
                    host,
                    name,
                    connector: material.connector()?,
                }
            }
            Transport::Ssh(destination) => Way::Ssh {
                destination,
                executable: executable.into(),
                opening: Semaphore::new(OPENED_AT_ONCE),
            },
        };
        // A request is only repeated if the connection turned out to be closed before any of it was sent.
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE)
            .pool_timer(TokioTimer::new())
            .build(Dialer(Arc::new(way)));
        let path = address.path.clone();
        Ok(Wire(Arc::new(Shared {
            client,
            path,
            version: OnceLock::new(),
        })))
    }

    /// Sets the version of all further requests.
    pub(super) fn speak(&self, version: &str) {
        // Several first calls may have asked in parallel; all got the same answer.
        self.0.version.get_or_init(|| format!("/v{version}"));
    }

    /// Sends a request to a path, replacing its own.
    pub(super) async fn send(
        &self,
        target: Target,
        mut request: Request<Body>,
    ) -> EngineResult<Response<Incoming>> {
        let version = self.0.version.get().map_or("", String::as_str);
        let uri =
            format!("http://{NAME}{}{version}{}", self.0.path, target.as_str()).parse::<Uri>();
        *request.uri_mut() = uri.map_err(|error| {
            EngineError::new(Fault::Refused, format!("invalid request: {error}"))
        })?;
        let response = self.0.client.request(request).await;
        response.map_err(|error| unreachable_by(&error))
    }
}

impl Service<Uri> for Dialer {
    type Response = TokioIo<Link>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<TokioIo<Link>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let way = self.0.clone();
        async move { Ok(TokioIo::new(way.open().await?)) }.boxed()
    }
}

impl Way {
    async fn open(&self) -> io::Result<Link> {
        Ok(match self {
            Way::Unix(path) => Box::new(UnixStream::connect(path).await?),
            Way::Tcp(host) => Box::new(in_time(CONNECT, connected(host)).await?),
            Way::Tls {
                host,
                name,
                connector,
            } => {
                let stream = async {
                    connector
                        .connect(name.clone(), connected(host).await?)
                        .await
                };
                Box::new(in_time(CONNECT, stream).await?)
            }
            Way::Ssh {
                destination,
                executable,
                opening,
            } => {
                let _opening = opening.acquire().await.map_err(io::Error::other)?;
                let tunnel = ssh_tunnel::open(destination, executable)?;
                Box::new(in_time(CONNECT_BY_SSH, greeted(tunnel)).await?)
            }
        })
    }
}

async fn in_time<T>(
    deadline: Duration,
    connecting: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    timeout(deadline, connecting).await.unwrap_or_else(|_| {
        Err(io::Error::new(
            ErrorKind::TimedOut,
            format!("no connection within {} s", deadline.as_secs()),
        ))
    })
}

async fn connected(host: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(host).await?;
    stream.set_nodelay(true)?;
    // A call that waits without a deadline must notice when the engine is gone.
    let (idle, interval, probes) = ALIVE;
    rustix::net::sockopt::set_socket_keepalive(&stream, true)?;
    rustix::net::sockopt::set_tcp_keepidle(&stream, idle)?;
    rustix::net::sockopt::set_tcp_keepintvl(&stream, interval)?;
    rustix::net::sockopt::set_tcp_keepcnt(&stream, probes)?;
    Ok(stream)
}

/// Returns the connection once the engine has answered on it: only an answer proves that ssh got through, and nobody
/// would know what became of a request with a body.
async fn greeted(tunnel: Tunnel) -> io::Result<Tunnel> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(tunnel))
        .await
        .map_err(io::Error::other)?;
    let mut request = Request::new(empty());
    *request.uri_mut() = Uri::from_static("/_ping");
    request
        .headers_mut()
        .insert(HOST, HeaderValue::from_static(NAME));
    let ask = async move {
        let answer = sender
            .send_request(request)
            .await
            .map_err(io::Error::other)?;
        let pong = Limited::new(answer.into_body(), LONGEST_PONG);
        pong.collect().await.map_err(io::Error::other)?;
        sender.ready().await.map_err(io::Error::other)
    };
    let connection = async {
        connection
            .without_shutdown()
            .await
            .map_err(io::Error::other)
    };
    let (parts, ()) = tokio::try_join!(connection, ask)?;
    Ok(parts.io.into_inner())
}

/// An empty body.
pub(super) fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// A body with one JSON value.
pub(super) fn json(value: &impl Serialize) -> EngineResult<Body> {
    let text = serde_json::to_vec(value)
        .map_err(|error| EngineError::new(Fault::Refused, error.to_string()))?;
    Ok(Full::from(text)
        .map_err(|never| match never {})
        .boxed_unsync())
}

/// A body that is streamed in pieces.
pub(super) fn streamed(pieces: BoxStream<'static, io::Result<Bytes>>) -> Body {
    StreamBody::new(pieces.map_ok(Frame::data)).boxed_unsync()
}
