//! Turns error answers and broken connections into [`EngineError`]s. The engine has no error codes besides HTTP's, so
//! its messages decide; they are those of Docker 20.10 to 29.

use super::super::engine_error::says_disk_full;
use super::super::{EngineError, Fault};
use super::tls;

/// Ends the message of an error answer without a message.
const WORDLESS: &str = ", without a message";

/// Whether the engine gave no message.
pub(super) fn is_wordless(error: &EngineError) -> bool {
    error.message.ends_with(WORDLESS)
}

/// The error for an error answer, with its status and message.
pub(super) fn refused(status: u16, message: &str) -> EngineError {
    let shown = match message.trim() {
        "" => format!("the engine answered with status {status}{WORDLESS}"),
        words => words.into(),
    };
    EngineError::new(of_answer(status, message), shown)
}

/// The error that ended a stream, by its message.
pub(super) fn broken_off(message: String) -> EngineError {
    EngineError::new(of_text(&message).unwrap_or(Fault::Other), message)
}

/// The fault that an answer's status and message mean.
fn of_answer(status: u16, message: &str) -> Fault {
    if let Some(fault) = of_text(message) {
        return fault;
    }
    match status {
        // From the TLS layer, before the engine's API is reached.
        400 if message.contains("HTTP request to an HTTPS server") => Fault::Unreachable,
        404 => Fault::NotFound,
        401 => Fault::Unauthorized,
        400 => Fault::Refused,
        409 => Fault::InUse,
        _ => Fault::Other,
    }
}

/// The engine's phrases for each fault, in lower case. A phrase fits if all its parts occur; the first fault that fits
/// counts.
const PHRASES: [(Fault, &[&[&str]]); 11] = [
    (
        Fault::NameTaken,
        &[&["the container name", "already in use"]],
    ),
    (
        Fault::SubnetTaken,
        &[&["pool overlaps"], &["overlapping ipv4"]],
    ),
    (
        Fault::NetworkExists,
        &[&["network with name", "already exists"]],
    ),
    (
        Fault::PortTaken,
        &[
            &["port is already allocated"],
            &["address already in use", "bind"],
        ],
    ),
    (Fault::AddressTaken, &[&["address already in use"]]),
    (
        Fault::CapabilityMissing,
        &[
            &["unable to apply caps"],
            &["invalid capdrop"],
            &["invalid capadd"],
        ],
    ),
    (
        Fault::InUse,
        &[
            &["has active endpoints"],
            &["is already in progress"],
            &["volume is in use"],
            // Some process may still write to, or have mounted, a container that was just killed; the next attempt
            // succeeds.
            &["failed to remove root filesystem"],
        ],
    ),
    (Fault::WrongState, &[&["is not running"], &["is paused"]]),
    (
        Fault::Unauthorized,
        &[
            &["unauthorized"],
            &["authentication required"],
            &["pull access denied"],
            &["denied:"],
            &["no basic auth credentials"],
        ],
    ),
    (Fault::Version, &[&["too new"], &["too old"]]),
    (
        Fault::NotFound,
        &[
            &["no such container"],
            &["no such image"],
            &["no such network"],
            &["no such volume"],
            &["network", "not found"],
        ],
    ),
];

fn of_text(message: &str) -> Option<Fault> {
    if says_disk_full(message) {
        return Some(Fault::DiskFull);
    }
    let text = message.to_lowercase();
    let fits = |parts: &&[&str]| parts.iter().all(|part| text.contains(part));
    let mut known = PHRASES.iter();
    let found = known.find(|(_, phrases)| phrases.iter().any(fits));
    found.map(|(fault, _)| *fault)
}

/// Adjusts the error of a call that the engine passed on to a registry, where some messages mean that the registry is
/// unreachable or lacks the image.
pub(super) fn of_registry(mut error: EngineError) -> EngineError {
    const UNREACHABLE: [&str; 10] = [
        "dial tcp",
        "no such host",
        "connection refused",
        "connection reset",
        "i/o timeout",
        "request canceled",
        "deadline exceeded",
        "x509:",
        "http response to https client",
        "toomanyrequests",
    ];
    let text = error.message.to_lowercase();
    error.fault = match error.fault {
        Fault::Other if UNREACHABLE.iter().any(|words| text.contains(words)) => Fault::Registry,
        Fault::Other
            if ["manifest unknown", "name unknown", "not found"]
                .iter()
                .any(|words| text.contains(words)) =>
        {
            Fault::NotFound
        }
        known => known,
    };
    error
}

/// The error for a failed connection. The innermost cause is the most specific: "connection refused" rather than
/// "client error".
pub(super) fn unreachable_by(error: &(dyn std::error::Error + 'static)) -> EngineError {
    let mut innermost = error;
    loop {
        // `source` of an I/O error skips the error that it wraps.
        let inside = innermost
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref);
        let next = inside
            .map(|inside| inside as &(dyn std::error::Error + 'static))
            .or_else(|| innermost.source());
        let Some(source) = next else { break };
        innermost = source;
    }
    if let Some(error) = innermost.downcast_ref() {
        return tls::explained(error);
    }
    EngineError::new(Fault::Unreachable, innermost.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_messages_are_classified_from_20_10_to_29() {
        let cases = [
            (
                409,
                r#"Conflict. The container name "/a" is already in use by container "b"."#,
                Fault::NameTaken,
            ),
            (
                403,
                "Pool overlaps with other one on this address space",
                Fault::SubnetTaken,
            ),
            (
                403,
                "invalid pool request: Pool overlaps with other one on this address space",
                Fault::SubnetTaken,
            ),
            (
                403,
                "cannot create network x (br-x): conflicts with network y (br-y): networks have overlapping IPv4",
                Fault::SubnetTaken,
            ),
            (
                409,
                "network with name cluster already exists",
                Fault::NetworkExists,
            ),
            (403, "Address already in use", Fault::AddressTaken),
            (
                500,
                "driver failed programming external connectivity on endpoint a: Bind for 127.0.0.1:80 failed: port is already allocated",
                Fault::PortTaken,
            ),
            (
                500,
                "driver failed programming external connectivity on endpoint a: Error starting userland proxy: listen tcp4 127.0.0.1:80: bind: address already in use",
                Fault::PortTaken,
            ),
            (
                500,
                "OCI runtime create failed: unable to apply caps: operation not permitted: unknown",
                Fault::CapabilityMissing,
            ),
            (
                403,
                "error while removing network: network a id b has active endpoints",
                Fault::InUse,
            ),
            (
                409,
                "removal of container a is already in progress",
                Fault::InUse,
            ),
            (
                500,
                "container a: driver \"overlay2\" failed to remove root filesystem: unlinkat /b: directory not empty",
                Fault::InUse,
            ),
            (409, "Container a is not running", Fault::WrongState),
            (404, "network cluster not found", Fault::NotFound),
            (404, "No such image: a:b", Fault::NotFound),
            (
                500,
                "Get https://r/v2/: unauthorized: authentication required",
                Fault::Unauthorized,
            ),
            (500, "something else", Fault::Other),
            (
                500,
                "write /data/overlay2/a/diff/x: no space left on device",
                Fault::DiskFull,
            ),
            (
                500,
                "Error processing tar file(exit status 1): write /usr/bin/bash: no space left on device",
                Fault::DiskFull,
            ),
            (
                500,
                "mkdir /data/containers/a: disk quota exceeded",
                Fault::DiskFull,
            ),
            (
                500,
                "OCI runtime create failed: container_linux.go:380: mount through procfd: mkdir a: no space left on device: unknown",
                Fault::DiskFull,
            ),
            (
                400,
                "failed to copy: write /data/tmp/layer: No space left on device",
                Fault::DiskFull,
            ),
        ];
        for (status, text, fault) in cases {
            assert_eq!(of_answer(status, text), fault, "{text}");
        }
    }

    #[test]
    fn a_registrys_answer_differs_from_a_failed_connection() {
        let cases = [
            (
                404,
                "manifest for r:5000/a:b not found: manifest unknown: manifest unknown",
                Fault::NotFound,
            ),
            (
                500,
                "failed to resolve reference \"r:5000/a:b\": r:5000/a:b: not found",
                Fault::NotFound,
            ),
            (
                500,
                "Head \"http://r:5000/v2/a/manifests/b\": no basic auth credentials",
                Fault::Unauthorized,
            ),
            (
                500,
                "Head \"http://r:5000/v2/a/manifests/b\": unauthorized: authentication required",
                Fault::Unauthorized,
            ),
            (
                404,
                "pull access denied for a, repository does not exist or may require 'docker login'",
                Fault::Unauthorized,
            ),
            (
                500,
                "Get \"http://r:5000/v2/\": dial tcp 127.0.0.1:5000: connect: connection refused",
                Fault::Registry,
            ),
            (
                500,
                "Get \"https://r/v2/\": dial tcp: lookup r on 127.0.0.1:53: no such host",
                Fault::Registry,
            ),
            (
                500,
                "Get \"https://r/v2/\": http: server gave HTTP response to HTTPS client",
                Fault::Registry,
            ),
            (
                500,
                "Get \"https://r/v2/\": x509: certificate signed by unknown authority",
                Fault::Registry,
            ),
            (
                500,
                "write /var/lib/docker/tmp/a: no space left on device",
                Fault::DiskFull,
            ),
        ];
        for (status, text, fault) in cases {
            assert_eq!(
                of_registry(EngineError::new(of_answer(status, text), text)).fault,
                fault,
                "{text}"
            );
        }
    }
}
