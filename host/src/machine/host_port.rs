//! Host ports of the local machine, held until the engine has bound them.
//!
//! A held port is a bound socket that does not listen. The engine, whose sockets have SO_REUSEADDR, can still bind
//! it; another clusterdock that looks for a free port cannot, since it first binds without that option.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;

use clusterdock_plugin_wire::Protocol;
use rustix::fd::OwnedFd;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with, sockopt};

use crate::engine::PublishedPort;
use crate::error::{Error, Kind, Result};

/// The range of free ports to choose from, below the ports that the kernel uses for outgoing connections.
const CHOICE: Range<u16> = 20_000..32_768;
/// How many ports are tried.
const TRIES: usize = 200;

/// A port to be published.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct WantedPort {
    /// The node's host name.
    pub hostname: String,
    /// The port in the container.
    pub container_port: u16,
    /// Its protocol.
    pub protocol: Protocol,
    /// The host port. If `None`, any free one.
    pub host_port: Option<u16>,
}

/// Ports chosen for nodes, and the sockets that hold them.
#[derive(Debug, Default)]
pub struct HeldPorts {
    /// By host name.
    pub ports: BTreeMap<String, Vec<PublishedPort>>,
    _sockets: Vec<OwnedFd>,
}

/// Chooses and holds a host port for each wanted port, but none of those in `taken`, which belong to containers, running or
/// not.
///
/// # Errors
/// [`Kind::Usage`] for an address that is not local, [`Kind::Conflict`] for a host port that is in use.
pub fn hold(wanted: &[WantedPort], host_ip: IpAddr, taken: &[PublishedPort]) -> Result<HeldPorts> {
    if !wanted.is_empty()
        && let Err(error) = bound(SocketAddr::new(host_ip, 0), Protocol::Tcp, false)
        && error.kind() == std::io::ErrorKind::AddrNotAvailable
    {
        return Err(Error::new(
            Kind::Usage,
            format!("`{host_ip}` is not an address of this machine"),
        )
        .hint(
            "choose one of its addresses with --bind (`ip address` lists them), or 0.0.0.0 for all",
        ));
    }
    choose(wanted, host_ip, taken, |address, protocol| {
        bound(address, protocol, false).map(Some)
    })
}

/// Holds ports that nodes were assigned earlier, by FQDN, until the result is dropped. Earlier connections that linger in
/// the kernel do not matter. Addresses that are not local are left to the engine.
///
/// # Errors
/// [`Kind::Conflict`] for a port that is in use.
pub fn hold_again(ports: &BTreeMap<String, Vec<PublishedPort>>) -> Result<HeldPorts> {
    let mut held = HeldPorts::default();
    for (fqdn, port) in ports
        .iter()
        .flat_map(|(fqdn, ports)| ports.iter().map(move |port| (fqdn, port)))
    {
        if port.host_port == 0 || port.protocol == Protocol::Sctp {
            continue;
        }
        let address = SocketAddr::new(port.host_ip, port.host_port);
        match bound(address, port.protocol, true) {
            Ok(socket) => held._sockets.push(socket),
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
                return Err(port_in_use(fqdn, port).cause(error));
            }
            // The engine reports it better, or is permitted to bind a port below 1024.
            Err(_) => {}
        }
    }
    Ok(held)
}

/// Chooses host ports on a remote machine, where none can be held.
pub fn choose_unheld(
    wanted: &[WantedPort],
    host_ip: IpAddr,
    taken: &[PublishedPort],
) -> Result<HeldPorts> {
    choose(wanted, host_ip, taken, |_, _| Ok(None))
}

fn choose(
    wanted: &[WantedPort],
    host_ip: IpAddr,
    taken: &[PublishedPort],
    take: impl Fn(SocketAddr, Protocol) -> std::io::Result<Option<OwnedFd>>,
) -> Result<HeldPorts> {
    let mut held = HeldPorts::default();
    let is_free = |port: PublishedPort| !taken.iter().any(|other| port.clashes(other));
    let mut used: Vec<(u16, Protocol)> = wanted
        .iter()
        .filter_map(|w| Some((w.host_port?, w.protocol)))
        .collect();
    for want in wanted {
        let (host_port, socket) = match want.host_port {
            Some(port) => (
                port,
                take(SocketAddr::new(host_ip, port), want.protocol)
                    .map_err(|e| unusable(port, want, e))?,
            ),
            None => {
                let first = fastrand::u16(CHOICE);
                (first..CHOICE.end)
                    .chain(CHOICE.start..first)
                    .filter(|port| {
                        !used.contains(&(*port, want.protocol))
                            && is_free(published(want, host_ip, *port))
                    })
                    .take(TRIES)
                    .find_map(|port| {
                        Some((
                            port,
                            take(SocketAddr::new(host_ip, port), want.protocol).ok()?,
                        ))
                    })
                    .ok_or_else(|| none_free(want))?
            }
        };
        used.push((host_port, want.protocol));
        let port = published(want, host_ip, host_port);
        held.ports
            .entry(want.hostname.clone())
            .or_default()
            .push(port);
        held._sockets.extend(socket);
    }
    Ok(held)
}

fn published(want: &WantedPort, host_ip: IpAddr, host_port: u16) -> PublishedPort {
    let WantedPort {
        container_port,
        protocol,
        ..
    } = *want;
    PublishedPort {
        container_port,
        protocol,
        host_ip,
        host_port,
    }
}

/// A socket bound to the address, with `again` even if earlier connections linger. The engine's UDP sockets have no
/// SO_REUSEADDR, so a UDP port is only tried, and not held.
fn bound(address: SocketAddr, protocol: Protocol, again: bool) -> std::io::Result<OwnedFd> {
    let family = if address.is_ipv4() {
        AddressFamily::INET
    } else {
        AddressFamily::INET6
    };
    let kind = if protocol == Protocol::Udp {
        SocketType::DGRAM
    } else {
        SocketType::STREAM
    };
    let socket = socket_with(family, kind, SocketFlags::CLOEXEC, None)?;
    sockopt::set_socket_reuseaddr(&socket, again && protocol != Protocol::Udp)?;
    bind(&socket, &address)?;
    if protocol == Protocol::Udp {
        return Ok(socket_with(family, kind, SocketFlags::CLOEXEC, None)?);
    }
    sockopt::set_socket_reuseaddr(&socket, true)?;
    Ok(socket)
}

fn unusable(port: u16, want: &WantedPort, error: std::io::Error) -> Error {
    let error = Error::new(
        Kind::Conflict,
        format!("host port `{port}/{}` cannot be used", want.protocol),
    )
    .cause(error)
    .cause(format!(
        "wanted for port {} of node `{}`",
        want.container_port, want.hostname
    ));
    error.hint("choose another host port, or omit it: -p NODE:CONTAINER")
}

fn none_free(want: &WantedPort) -> Error {
    Error::new(
        Kind::Conflict,
        format!(
            "no free host port for port {} of node `{}`",
            want.container_port, want.hostname
        ),
    )
    .cause(format!(
        "{TRIES} ports from {} to {} were tried",
        CHOICE.start,
        CHOICE.end - 1
    ))
    .hint("choose one: -p \"NODE:HOST->CONTAINER\"")
}

/// The error for a host port of a node that is in use.
pub fn port_in_use(fqdn: &str, port: &PublishedPort) -> Error {
    let PublishedPort {
        container_port,
        host_port,
        protocol,
        ..
    } = port;
    Error::new(
        Kind::Conflict,
        format!("host port `{host_port}/{protocol}` of node `{fqdn}` is in use"),
    )
    .cause(format!(
        "the node keeps the host port that was assigned to its port {container_port}"
    ))
    .hint(format!(
        "free the port, then try again; find out what uses it: ss -lnp 'sport = {host_port}'"
    ))
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener, TcpStream};

    use super::*;

    const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn want(host_port: Option<u16>) -> WantedPort {
        WantedPort {
            hostname: "n".into(),
            container_port: 80,
            protocol: Protocol::Tcp,
            host_port,
        }
    }

    #[test]
    fn only_the_engine_can_bind_a_held_port() {
        let held = hold(&[want(None)], LOOPBACK, &[]).unwrap();
        let port = held.ports["n"][0].host_port;
        assert_eq!(
            hold(&[want(Some(port))], LOOPBACK, &[]).unwrap_err().kind(),
            Kind::Conflict,
            "another clusterdock"
        );
        // The standard library's listener sets SO_REUSEADDR, as the engine does.
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    }

    #[test]
    fn a_port_of_a_node_that_does_not_run_is_not_chosen() {
        // All but one are taken: on this address, on another one, and for another protocol.
        let published = |host_port, host_ip, protocol| PublishedPort {
            container_port: 80,
            protocol,
            host_ip,
            host_port,
        };
        let any = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let mut taken: Vec<PublishedPort> = CHOICE
            .filter(|port| port % 64 != 0)
            .map(|port| published(port, any, Protocol::Tcp))
            .collect();
        taken.extend(CHOICE.map(|port| published(port, LOOPBACK, Protocol::Udp)));
        for _ in 0..5 {
            let held = hold(&[want(None)], LOOPBACK, &taken).unwrap();
            assert_eq!(held.ports["n"][0].host_port % 64, 0);
            let held = choose_unheld(&[want(None)], LOOPBACK, &taken).unwrap();
            assert_eq!(held.ports["n"][0].host_port % 64, 0);
        }
    }

    #[test]
    fn an_address_of_another_machine_is_refused_by_name() {
        let foreign = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
        for host_port in [None, Some(8080)] {
            let error = hold(&[want(host_port)], foreign, &[]).unwrap_err();
            assert_eq!(
                error.to_string(),
                "`192.0.2.1` is not an address of this machine"
            );
            assert_eq!(error.kind(), Kind::Usage);
        }
        assert!(hold(&[], foreign, &[]).is_ok(), "nothing is published");
    }

    fn assigned(port: u16) -> BTreeMap<String, Vec<PublishedPort>> {
        let port = PublishedPort {
            container_port: 80,
            protocol: Protocol::Tcp,
            host_ip: LOOPBACK,
            host_port: port,
        };
        BTreeMap::from([("n.cluster".into(), vec![port])])
    }

    #[test]
    fn an_assigned_port_is_held_again_while_connections_linger() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let error = hold_again(&assigned(port)).unwrap_err();
        assert_eq!(
            error.message(),
            format!("host port `{port}/tcp` of node `n.cluster` is in use")
        );
        assert_eq!(error.kind(), Kind::Conflict);
        // The side that closes first keeps the port in TIME_WAIT.
        let client = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        drop(listener.accept().unwrap());
        drop((client, listener));
        assert_eq!(
            hold(&[want(Some(port))], LOOPBACK, &[]).unwrap_err().kind(),
            Kind::Conflict,
            "a connection lingers"
        );
        let held = hold_again(&assigned(port)).unwrap();
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        drop(held);
    }

    #[test]
    fn a_port_that_something_listens_on_is_a_conflict() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        assert_eq!(
            hold(&[want(Some(port))], LOOPBACK, &[]).unwrap_err().kind(),
            Kind::Conflict
        );
    }
}
