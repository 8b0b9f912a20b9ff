//! Settings of nodes in the engine's own words, which the engine checks before anything is created.

use clusterdock::error::Kind;
use clusterdock::start::order::check_engine_fields;
use clusterdock_plugin_wire::NodeSpec;
use clusterdock_tests::fake::FakeEngine;
use serde_json::json;

fn with(fields: serde_json::Value) -> [NodeSpec; 2] {
    let node = NodeSpec::new("b", "nodes");
    let fields = fields.as_object().unwrap().clone();
    [
        NodeSpec::new("a", "nodes"),
        node.with(|all| all.create = fields),
    ]
}

#[test]
fn unknown_fields_of_the_create_call_are_refused() {
    let fake = FakeEngine::new();
    let known = with(json!({ "HostConfig": { "OomScoreAdj": 500 } }));
    check_engine_fields(&fake, &known).unwrap();
    let unknown = with(json!({ "HostConfig": { "OomScoreAdjust": 500 } }));
    let error = check_engine_fields(&fake, &unknown).unwrap_err();
    assert_eq!(error.kind(), Kind::Usage);
    assert_eq!(
        error.message(),
        "setting `create` of node `b` cannot be used"
    );
    assert_eq!(
        error.next_step(),
        Some("did you mean `HostConfig.OomScoreAdj`?")
    );
    assert!(fake.calls().is_empty(), "nothing is asked for that");
}
