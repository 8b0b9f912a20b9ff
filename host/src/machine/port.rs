//! Ports of this machine, held until the engine has them.
//!
//! A held port is a bound socket that does not listen. The engine, whose sockets have SO_REUSEADDR, can still bind
//! it; another clusterdock that looks for a free port cannot, since it first binds without that option.

use crate::engine::PublishedPort;
use crate::error::{Error, Kind, Result};
use crate::plan::lifecycle::port_in_use;
use crate::plan::port::WantedPort;
use clusterdock_plugin_api::Protocol;
use rustix::fd::OwnedFd;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with, sockopt};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;

/// Where free ports are looked for: below the ports that the kernel gives to outgoing connections.
const CHOICE: Range<u16> = 20_000..32_768;
/// How many of them are tried.
const TRIES: usize = 200;

/// Ports chosen for nodes, and the sockets that hold them.
#[derive(Debug, Default)]
pub struct HeldPorts {
    /// By host name.
    pub ports: BTreeMap<String, Vec<PublishedPort>>,
    _sockets: Vec<OwnedFd>,
}

/// Chooses and holds a host port for each port that is wanted.
///
/// # Errors
/// [`Kind::Usage`] for an address that this machine does not have, [`Kind::Conflict`] for a host port that something else
/// on it has.
pub fn hold(wanted: &[WantedPort], host_ip: IpAddr) -> Result<HeldPorts> {
    if !wanted.is_empty()
        && let Err(error) = bound(SocketAddr::new(host_ip, 0), Protocol::Tcp, false)
        && error.kind() == std::io::ErrorKind::AddrNotAvailable
    {
        return Err(Error::new(Kind::Usage, format!("no ports can be published on `{host_ip}`"))
            .cause("it is no address of this machine")
            .hint("name one that it has with --bind, or 0.0.0.0 for all: `ip address` lists them"));
    }
    choose(wanted, host_ip, |address, protocol| bound(address, protocol, false).map(Some))
}

/// Holds ports that nodes were given earlier, by FQDN, until the result is dropped. Connections of the time before that
/// the kernel still remembers do not matter. An address that this machine does not have is left to the engine.
///
/// # Errors
/// [`Kind::Conflict`] for one that something else on this machine has now.
pub fn hold_again(ports: &BTreeMap<String, Vec<PublishedPort>>) -> Result<HeldPorts> {
    let mut held = HeldPorts::default();
    for (fqdn, port) in ports.iter().flat_map(|(fqdn, ports)| ports.iter().map(move |port| (fqdn, port))) {
        if port.host_port == 0 || port.protocol == Protocol::Sctp {
            continue;
        }
        let address = SocketAddr::new(port.host_ip, port.host_port);
        match bound(address, port.protocol, true) {
            Ok(socket) => held._sockets.push(socket),
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
                return Err(port_in_use(fqdn, port).cause(error));
            }
            // The engine says it better, or can do it although we may not (ports below 1024).
            Err(_) => {}
        }
    }
    Ok(held)
}

/// Chooses host ports on a machine that is not this one: nothing can be held there.
pub fn choose_unheld(wanted: &[WantedPort], host_ip: IpAddr) -> Result<HeldPorts> {
    choose(wanted, host_ip, |_, _| Ok(None))
}

fn choose(
    wanted: &[WantedPort],
    host_ip: IpAddr,
    take: impl Fn(SocketAddr, Protocol) -> std::io::Result<Option<OwnedFd>>,
) -> Result<HeldPorts> {
    let mut held = HeldPorts::default();
    let mut used: Vec<(u16, Protocol)> = wanted.iter().filter_map(|w| Some((w.host_port?, w.protocol))).collect();
    for want in wanted {
        let (host_port, socket) = match want.host_port {
            Some(port) => {
                (port, take(SocketAddr::new(host_ip, port), want.protocol).map_err(|e| taken(port, want, e))?)
            }
            None => {
                let mut candidates = (0..TRIES).map(|_| fastrand::u16(CHOICE));
                candidates
                    .by_ref()
                    .filter(|port| !used.contains(&(*port, want.protocol)))
                    .find_map(|port| Some((port, take(SocketAddr::new(host_ip, port), want.protocol).ok()?)))
                    .ok_or_else(|| none_free(want))?
            }
        };
        used.push((host_port, want.protocol));
        let WantedPort { container_port, protocol, .. } = *want;
        let port = PublishedPort { container_port, protocol, host_ip, host_port };
        held.ports.entry(want.hostname.clone()).or_default().push(port);
        held._sockets.extend(socket);
    }
    Ok(held)
}

/// A socket bound to the address; with `again` also where connections of an earlier one linger. For UDP the engine's own
/// socket has no SO_REUSEADDR, so a UDP port is only tried.
fn bound(address: SocketAddr, protocol: Protocol, again: bool) -> std::io::Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let kind = if protocol == Protocol::Udp { SocketType::DGRAM } else { SocketType::STREAM };
    let socket = socket_with(family, kind, SocketFlags::CLOEXEC, None)?;
    sockopt::set_socket_reuseaddr(&socket, again && protocol != Protocol::Udp)?;
    bind(&socket, &address)?;
    if protocol == Protocol::Udp {
        return Ok(socket_with(family, kind, SocketFlags::CLOEXEC, None)?);
    }
    sockopt::set_socket_reuseaddr(&socket, true)?;
    Ok(socket)
}

fn taken(port: u16, want: &WantedPort, error: std::io::Error) -> Error {
    let error = Error::new(Kind::Conflict, format!("host port `{port}/{}` cannot be used", want.protocol))
        .cause(error)
        .cause(format!("it was to be port {} of node `{}`", want.container_port, want.hostname));
    error.hint("choose another host port, or leave it out: -p NODE:CONTAINER")
}

fn none_free(want: &WantedPort) -> Error {
    Error::new(Kind::Conflict, format!("no host port is free for port {} of `{}`", want.container_port, want.hostname))
        .cause(format!("{TRIES} ports from {} to {} were tried", CHOICE.start, CHOICE.end - 1))
        .hint("name one: -p \"NODE:HOST->CONTAINER\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, TcpListener, TcpStream};

    const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn want(host_port: Option<u16>) -> WantedPort {
        WantedPort { hostname: "n".into(), container_port: 80, protocol: Protocol::Tcp, host_port }
    }

    #[test]
    fn a_held_port_is_the_engines_and_nobody_elses() {
        let held = hold(&[want(None)], LOOPBACK).unwrap();
        let port = held.ports["n"][0].host_port;
        assert_eq!(hold(&[want(Some(port))], LOOPBACK).unwrap_err().kind(), Kind::Conflict, "another clusterdock");
        // The standard library's listener sets SO_REUSEADDR, as the engine does.
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    }

    #[test]
    fn an_address_of_another_machine_is_named_whatever_the_port() {
        let elsewhere = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
        for host_port in [None, Some(8080)] {
            let error = hold(&[want(host_port)], elsewhere).unwrap_err();
            assert_eq!(error.to_string(), "no ports can be published on `192.0.2.1`: it is no address of this machine");
            assert_eq!(error.kind(), Kind::Usage);
        }
        assert!(hold(&[], elsewhere).is_ok(), "nothing is published there");
    }

    fn given(port: u16) -> BTreeMap<String, Vec<PublishedPort>> {
        let port = PublishedPort { container_port: 80, protocol: Protocol::Tcp, host_ip: LOOPBACK, host_port: port };
        BTreeMap::from([("n.cluster".into(), vec![port])])
    }

    #[test]
    fn a_port_that_was_given_is_held_again_although_connections_linger() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let error = hold_again(&given(port)).unwrap_err();
        assert_eq!(error.message(), format!("host port `{port}/tcp` of node `n.cluster` is in use"));
        assert_eq!(error.kind(), Kind::Conflict);
        // Who closes first keeps the port in TIME_WAIT.
        let client = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        drop(listener.accept().unwrap());
        drop((client, listener));
        assert_eq!(hold(&[want(Some(port))], LOOPBACK).unwrap_err().kind(), Kind::Conflict, "it lingers");
        let held = hold_again(&given(port)).unwrap();
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        drop(held);
    }

    #[test]
    fn a_port_that_something_listens_on_is_a_conflict() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        assert_eq!(hold(&[want(Some(port))], LOOPBACK).unwrap_err().kind(), Kind::Conflict);
    }
}
