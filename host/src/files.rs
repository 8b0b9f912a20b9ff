//! Files of the local machine: opening, locking, and checking which users can change them. Knows nothing of clusters.

mod accounts;
mod entry;
pub mod file_lock;
pub mod lock;
pub mod own_folder;
pub mod regular_file;
pub mod trust;
