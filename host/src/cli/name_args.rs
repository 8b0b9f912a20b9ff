//! The names of a start: those of its network, domain and cluster.

use clap::ArgMatches;

use super::environment::Variables;
use super::start_args::StartArgs;
use crate::cluster::names;
use crate::error::Result;

/// Checks the names that the user chose.
///
/// # Errors
/// The rule that one breaks, with the variable if that set the name.
pub fn check(args: &StartArgs, matches: &ArgMatches, variables: &Variables) -> Result<()> {
    let name_in = |argument| move |error| variables.name_in(error, matches, argument);
    names::check_network(&args.network).map_err(name_in("network"))?;
    if let Some(domain) = &args.domain {
        names::check_domain(domain).map_err(name_in("domain"))?;
    }
    match &args.cluster_name {
        Some(name) => names::check_cluster(name).map_err(name_in("cluster_name")),
        None => Ok(()),
    }
}
