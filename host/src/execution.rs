//! Carries plans out against an engine, and decides nothing: what is done, and what a failure means, is in the plan.
//!
//! Every stream of a plan is a future over borrowed data, joined, never spawned. Streams meet where a step waits for
//! others, and at a bounded number of places for calls under way.
//!
//! Everything that can end the work early (a node's death, a failed call, the deadline, Ctrl-C) goes through one
//! [`Stop`](crate::stop::Stop). After it nothing new begins; waits end at once; calls under way may finish for a while, since a create call
//! that is cut off may or may not have created its container.

mod closing;
pub mod command;
pub mod completion;
pub mod dead;
pub mod ending;
pub mod exec_call;
pub mod executor;
pub mod hold;
mod perform;
pub mod probe;
pub mod ready;
pub mod retired;
mod wait;
pub mod watch;
pub mod work;
