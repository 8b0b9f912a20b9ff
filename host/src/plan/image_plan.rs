//! The plan of the images that a start lacks. It is executed before the start is planned, which depends on what the
//! images are.

use super::step::{Action, OnFailure, Plan, Step, Stream};

/// Plans to provide images, each by its reference, with the verb that says how.
pub fn plan<'i>(engine: &str, images: impl IntoIterator<Item = (&'static str, &'i str)>) -> Plan {
    let mut plan = Plan::new(OnFailure::Stop);
    for (verb, reference) in images {
        let stream = Stream::Image(reference.into());
        plan.add(Step::new(engine, stream, Action::ProvideImage(verb)));
    }
    plan
}
