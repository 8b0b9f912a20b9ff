//! What a command has of its user: a session to work with, and the report that shows its answers.

use std::ops::Deref;
use std::sync::Arc;

use crate::report::Report;
use crate::start::session::Session;

/// A session whose answers the user reads. What works below commands gets the session alone.
pub struct Console<'a> {
    /// What the command works with.
    pub session: Session<'a>,
    /// What the user reads.
    pub report: &'a Arc<Report>,
}

impl<'a> Deref for Console<'a> {
    type Target = Session<'a>;

    fn deref(&self) -> &Session<'a> {
        &self.session
    }
}
