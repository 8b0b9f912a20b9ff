//! The pull policy.

use clap::ValueEnum;

/// When to pull an image.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Pull {
    /// Even if it is present.
    Always,
    /// If it is missing.
    #[default]
    Missing,
    /// Never; a missing image is an error.
    Never,
}
