//! One binary of tests, so that they link once.

mod plugin_boundary;
