//! Where plugins meet the host: what is refused before any of it runs, which generations understand each other, and
//! what becomes of the host when a plugin does wrong.

mod generations;
mod in_process;
mod inspection;
mod misbehaviour;
mod process;
