//! Execution: carries a plan out against an engine. It decides nothing; what it does is in the plan.
//!
//! **Shape of a start.** The marker volume is made first, then the first node's container, whose name decides between
//! starts that race. From there every node is a stream of its own: create, start, become ready; streams meet only
//! where they must, at the network (made while containers are being created) and at a bounded number of places for
//! calls under way. They are futures over borrowed data, joined, never spawned.
//!
//! **Ending early.** Everything that can end a start (a node's death, a failed call, the deadline, Ctrl-C) goes
//! through one [`Stop`]. After it nothing new begins; waits end at once; calls under way are let finish for a while,
//! since a create call that is cut off may or may not have made its container.
//!
//! **Undo.** One path for all of them: look what carries this run's label, plan its removal, carry that out.

pub mod command;
mod finish;
pub mod hook;
pub mod lifecycle;
pub mod observe;
pub mod order;
pub mod owner;
pub mod probe;
pub mod ready;
pub mod removal;
pub mod start;
pub mod stop;
pub mod transaction;
pub mod undo;

pub use stop::Stop;
