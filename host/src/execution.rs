//! Executes plans on an engine, and decides nothing: what is done, and what a failure means, is in the plan.
//!
//! Every stream of a plan is a future over borrowed data, joined, never spawned. Streams meet where a step waits for
//! others, and share a bounded number of slots for calls in progress.
//!
//! Everything that can end the work early (a node's death, a failed call, the deadline, Ctrl-C) goes through one
//! [`Cancellation`](crate::cancellation::Cancellation). After that, nothing new begins and waits end at once; calls in
//! progress get a while to finish, since a create call that is cut off may or may not have created its container.

mod actions;
mod closing;
pub mod command;
pub mod command_end;
pub mod dead;
pub mod exec_call;
pub mod executor;
pub mod hold;
pub mod node_monitor;
pub mod probe;
pub mod ready;
pub mod records;
pub mod retired;
mod wait;
pub mod work;
