//! Files that programs read at run time without declaring them anywhere.

use std::path::{Path, PathBuf};

use super::machine_root::Machine;

/// The folders of terminal descriptions that ncurses searches.
const TERMINFO: [&str; 3] = ["/etc/terminfo", "/lib/terminfo", "/usr/share/terminfo"];

/// Terminals that people use: the value of `TERM` is passed into the node.
const TERMINALS: [&str; 24] = [
    "alacritty",
    "ansi",
    "dumb",
    "foot",
    "konsole-256color",
    "linux",
    "putty",
    "putty-256color",
    "rxvt",
    "rxvt-unicode",
    "rxvt-unicode-256color",
    "screen",
    "screen-256color",
    "screen.xterm-256color",
    "st-256color",
    "tmux",
    "tmux-256color",
    "vt100",
    "vt220",
    "xterm",
    "xterm-256color",
    "xterm-color",
    "xterm-ghostty",
    "xterm-kitty",
];

/// The locale `C.UTF-8` under the names that glibc looks for.
const UNICODE: [&str; 2] = ["/usr/lib/locale/C.utf8", "/usr/lib/locale/C.UTF-8"];

/// Names of services and protocols.
const NAMES: [&str; 2] = ["/etc/protocols", "/etc/services"];

/// The files, or folders with all their contents, that a program or library needs, by the prefix of its file name.
const WANTED: [(&str, &[&str]); 5] = [
    ("libssl.so", &CERTIFICATES),
    ("libgnutls.so", &CERTIFICATES),
    (
        "openssl",
        &[
            "/etc/ssl/openssl.cnf",
            "/usr/lib/ssl/openssl.cnf",
            "/etc/pki/tls/openssl.cnf",
        ],
    ),
    ("tc", &["/usr/lib/tc", "/usr/lib64/tc", "/usr/share/tc"]),
    (
        "xtables-",
        &[
            "/usr/lib/x86_64-linux-gnu/xtables",
            "/usr/lib/aarch64-linux-gnu/xtables",
            "/usr/lib64/xtables",
        ],
    ),
];

/// The certificate authorities that the machine trusts, bundled in one file per distribution.
const CERTIFICATES: [&str; 3] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
];

/// The additional files that an image with entries of these names needs, as far as the machine has them.
pub(super) fn wanted<'n>(machine: &Machine, names: impl Iterator<Item = &'n str>) -> Vec<PathBuf> {
    let mut wanted: Vec<PathBuf> = NAMES.iter().chain(&UNICODE).map(PathBuf::from).collect();
    for folder in TERMINFO.map(Path::new) {
        wanted.extend(
            TERMINALS
                .iter()
                .map(|name| folder.join(&name[..1]).join(name)),
        );
    }
    let mut is_wanted = [false; WANTED.len()];
    for name in names {
        for ((prefix, _), is_wanted) in WANTED.iter().zip(&mut is_wanted) {
            *is_wanted |= name.starts_with(prefix);
        }
    }
    for ((_, paths), is_wanted) in WANTED.iter().zip(is_wanted) {
        if is_wanted {
            wanted.extend(paths.iter().map(PathBuf::from));
        }
    }
    let mut files = Vec::new();
    for path in wanted {
        collect(machine, path, &mut files);
    }
    files
}

/// Whether the machine has the locale `C.UTF-8` as files.
pub(super) fn has_unicode(machine: &Machine) -> bool {
    UNICODE
        .iter()
        .any(|folder| machine.follow(Path::new(folder)).is_ok())
}

fn collect(machine: &Machine, path: PathBuf, files: &mut Vec<PathBuf>) {
    let Ok(found) = machine.follow(&path) else {
        return;
    };
    if found.stat.is_file() {
        files.push(path);
    } else if found.stat.is_dir() {
        // These files are optional, so a folder that cannot be listed is skipped.
        for name in machine.names(&path).unwrap_or_default() {
            collect(machine, path.join(name), files);
        }
    }
}
