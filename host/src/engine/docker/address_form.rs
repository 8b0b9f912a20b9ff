//! Parses the address of an engine in all forms of the docker CLI: `unix://`, `tcp://:2375`, `box`, `box:2375`,
//! `[::1]:2375`, ... Texts that the CLI mistakes for a host are refused.

use std::net::Ipv6Addr;
use std::path::PathBuf;

/// Docker's default local socket.
const LOCAL_SOCKET: &str = "/var/run/docker.sock";
const LOCAL_HOST: &str = "localhost";

/// A parsed address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Form {
    /// A socket.
    Unix(PathBuf),
    /// A host.
    Network(Network),
    /// `USER@HOST:PORT/PATH`, not parsed further.
    Ssh(String),
}

/// A host on a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Network {
    /// `https`, or another scheme as written.
    pub(super) scheme: &'static str,
    /// A name or an address; an IPv6 address has brackets.
    pub(super) host: String,
    /// The port, if given.
    pub(super) port: Option<u16>,
    /// Prefix of the paths of all requests: empty, or `/PATH`.
    pub(super) path: String,
}

impl Form {
    /// Parses an address. A blank one means the local socket.
    ///
    /// # Errors
    /// Why it is invalid; empty if there is nothing more specific.
    pub(super) fn parse(text: &str) -> Result<Form, String> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(Form::Unix(LOCAL_SOCKET.into()));
        }
        // The replacement character for invalid bytes.
        if text.contains(char::REPLACEMENT_CHARACTER) {
            return Err("it is not UTF-8".into());
        }
        let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
        match scheme {
            "unix" => socket(rest),
            "" if rest.len() < text.len() => Err("no scheme before `://`".into()),
            "" => without_scheme(rest),
            "tcp" => network("tcp", rest).map(Form::Network),
            "http" => network("http", rest).map(Form::Network),
            "https" => network("https", rest).map(Form::Network),
            "ssh" => Ok(Form::Ssh(rest.into())),
            "npipe" => Err("named pipes exist on Windows only".into()),
            "fd" => Err("`fd://` is for the engine itself".into()),
            other if KNOWN.contains(&&*other.to_lowercase()) => Err(format!(
                "`{other}` must be lowercase: `{}`",
                other.to_lowercase()
            )),
            other => Err(format!("unknown scheme `{other}`")),
        }
    }
}

const KNOWN: [&str; 7] = ["unix", "tcp", "http", "https", "ssh", "npipe", "fd"];

fn socket(path: &str) -> Result<Form, String> {
    match path {
        "" => Ok(Form::Unix(LOCAL_SOCKET.into())),
        _ if path.contains("://") => Err("it has two schemes".into()),
        _ => Ok(Form::Unix(path.into())),
    }
}

fn without_scheme(text: &str) -> Result<Form, String> {
    if text.starts_with(['/', '.', '~']) {
        return Err(format!("a path needs a scheme: unix://{text}"));
    }
    match text.split_once(':') {
        Some((scheme, rest)) if KNOWN.contains(&scheme) => {
            Err(format!("`//` is missing: {scheme}://{rest}"))
        }
        _ => network("tcp", text).map(Form::Network),
    }
}

fn network(scheme: &'static str, text: &str) -> Result<Network, String> {
    // The docker CLI ignores these, too.
    let text = text.split(['?', '#']).next().unwrap_or_default();
    let (authority, path) = match text.find('/') {
        Some(slash) => text.split_at(slash),
        None => (text, ""),
    };
    let authority = authority.rsplit('@').next().unwrap_or_default();
    let (host, port) = host_and_port(authority)?;
    let path = path.trim_end_matches('/');
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@%".contains(&byte);
    if !path.bytes().all(plain) {
        return Err(format!("invalid path `{path}`"));
    }
    Ok(Network {
        scheme,
        host,
        port,
        path: path.into(),
    })
}

fn host_and_port(authority: &str) -> Result<(String, Option<u16>), String> {
    let in_brackets = authority
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'));
    let (host, port) = match in_brackets {
        Some((host, "")) => (host, ""),
        Some((host, rest)) => (host, rest.strip_prefix(':').ok_or("invalid port")?),
        None if address(authority) => (authority, ""),
        None => authority.split_once(':').unwrap_or((authority, "")),
    };
    let port = match port {
        "" => None,
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => Some(
            digits
                .parse()
                .map_err(|_| format!("port {digits} is above 65535"))?,
        ),
        other => return Err(format!("invalid port `{other}`")),
    };
    let name =
        |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte) || !byte.is_ascii();
    if in_brackets.is_some() || address(host) {
        return if address(host) {
            Ok((format!("[{host}]"), port))
        } else {
            Err(format!("invalid address `{host}`"))
        };
    }
    match host {
        "" => Ok((LOCAL_HOST.into(), port)),
        _ if host.bytes().all(name) => Ok((host.into(), port)),
        _ => Err(format!("invalid host `{host}`")),
    }
}

/// Whether this is an IPv6 address, with or without an interface name.
fn address(text: &str) -> bool {
    let (address, interface) = text.split_once('%').unwrap_or((text, "lo"));
    let name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    address.parse::<Ipv6Addr>().is_ok() && !interface.is_empty() && interface.bytes().all(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        match Form::parse(text) {
            Ok(Form::Unix(path)) => path.display().to_string(),
            Ok(Form::Network(Network {
                scheme,
                host,
                port,
                path,
            })) => {
                format!(
                    "{scheme} {host} {} {path}",
                    port.map(|port| port.to_string()).unwrap_or("-".into())
                )
            }
            Ok(Form::Ssh(to)) => format!("ssh {to}"),
            Err(why) => format!("error: {why}"),
        }
    }

    #[test]
    fn every_form_of_the_docker_command_line_is_accepted() {
        let socket = "/var/run/docker.sock";
        for (text, expected) in [
            ("", socket),
            (" \t", socket),
            ("unix://", socket),
            (" unix:///run/a.sock\n", "/run/a.sock"),
            ("unix://relative.sock", "relative.sock"),
            ("tcp://", "tcp localhost - "),
            ("tcp://:9", "tcp localhost 9 "),
            ("tcp://box", "tcp box - "),
            ("tcp://box:", "tcp box - "),
            ("tcp://10.0.0.1:009", "tcp 10.0.0.1 9 "),
            ("box", "tcp box - "),
            ("box:9", "tcp box 9 "),
            (":9", "tcp localhost 9 "),
            (":", "tcp localhost - "),
            ("::1", "tcp [::1] - "),
            ("[::1]:9", "tcp [::1] 9 "),
            ("[::1]:", "tcp [::1] - "),
            ("tcp://::1", "tcp [::1] - "),
            ("[fe80::1%eth0]:9", "tcp [fe80::1%eth0] 9 "),
            ("box:9/", "tcp box 9 "),
            ("tcp://box:9/a/b", "tcp box 9 /a/b"),
            ("tcp:///a", "tcp localhost - /a"),
            ("tcp://box:9?a=b#c", "tcp box 9 "),
            ("tcp://user:word@box:9", "tcp box 9 "),
            ("ssh://user@box:22/a", "ssh user@box:22/a"),
        ] {
            assert_eq!(shown(text), expected, "{text:?}");
        }
        // The docker CLI does not accept these, although their meaning is clear.
        assert_eq!(shown("[::1]"), "tcp [::1] - ");
        assert_eq!(shown("https://box"), "https box - ");
    }

    #[test]
    fn an_invalid_address_is_refused_with_a_reason() {
        for (text, why) in [
            (
                "npipe:////./pipe/docker_engine",
                "named pipes exist on Windows only",
            ),
            ("fd://", "`fd://` is for the engine itself"),
            ("TCP://box", "`TCP` must be lowercase: `tcp`"),
            ("Unix:///a.sock", "`Unix` must be lowercase: `unix`"),
            ("ftp://a", "unknown scheme `ftp`"),
            ("://a", "no scheme before `://`"),
            (
                "/var/run/docker.sock",
                "a path needs a scheme: unix:///var/run/docker.sock",
            ),
            (
                "unix:/var/run/docker.sock",
                "`//` is missing: unix:///var/run/docker.sock",
            ),
            ("tcp:box:9", "`//` is missing: tcp://box:9"),
            ("unix://unix:///a", "it has two schemes"),
            ("tcp://a:b", "invalid port `b`"),
            ("box:+9", "invalid port `+9`"),
            ("box:65536", "port 65536 is above 65535"),
            ("a b", "invalid host `a b`"),
            ("unix:///caf\u{fffd}", "it is not UTF-8"),
            ("tcp://a b:9", "invalid host `a b`"),
            ("tcp://a%20b", "invalid host `a%20b`"),
            ("tcp://[::g]:9", "invalid address `::g`"),
            ("[::1]9", "invalid port"),
            ("unix:///a,unix:///b", "it has two schemes"),
            ("tcp://box/a b", "invalid path `/a b`"),
        ] {
            assert_eq!(shown(text), format!("error: {why}"), "{text:?}");
        }
    }
}
