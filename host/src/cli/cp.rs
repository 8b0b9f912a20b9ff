//! The command line of `cp`.

use clap::Args;
use std::ffi::OsString;

/// Arguments of `cp`.
#[derive(Debug, Args)]
#[command(after_help = "\
As docker cp: SRC/. copies what is in a folder; into a folder that is there, else to that very name. \
NODE is an FQDN, CLUSTER/HOSTNAME, or a host name that is there once; its paths begin at its root. \
A path of this machine with a colon begins with / or ./")]
pub struct Cp {
    /// Keep users and groups, and with them setuid, setgid and capabilities
    #[arg(short, long)]
    pub archive: bool,
    /// Copy what SRC links to in place of the link
    #[arg(short = 'L', long)]
    pub follow_link: bool,
    /// What is copied: NODE:PATH, a path of this machine, or - for a tar on standard input
    #[arg(value_name = "SRC")]
    pub source: OsString,
    /// Where it goes: NODE:PATH, a path of this machine, or - for a tar on standard output
    #[arg(value_name = "DST")]
    pub destination: OsString,
}
