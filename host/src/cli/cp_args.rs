//! The command line of `cp`.

use std::ffi::OsString;

use clap::Args;

/// Arguments of `cp`.
#[derive(Debug, Args)]
#[command(after_help = "\
Like docker cp: SRC/. copies a folder's contents; SRC goes into DST if it is an existing folder, otherwise as DST. \
NODE is an FQDN, CLUSTER/HOSTNAME, or a host name, if unique; its paths are relative to its root. \
A local path that contains a colon must begin with / or ./")]
pub struct Cp {
    /// Preserve owners, setuid/setgid bits and capabilities
    #[arg(short, long)]
    pub archive: bool,
    /// Follow a symbolic link in SRC
    #[arg(short = 'L', long)]
    pub follow_link: bool,
    /// Accepted as in cp: folders are always copied with their contents
    #[arg(short, short_alias = 'R', long, hide = true)]
    pub recursive: bool,
    /// Source: NODE:PATH, a local path, or - for a tar archive on standard input
    #[arg(value_name = "SRC")]
    pub source: OsString,
    /// Destination: NODE:PATH, a local path, or - for a tar archive on standard output
    #[arg(value_name = "DST")]
    pub destination: OsString,
}
