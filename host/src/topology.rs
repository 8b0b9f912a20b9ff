//! Topologies as the user has them: a folder with a manifest and a library, or a library alone.
