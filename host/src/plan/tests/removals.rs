//! What a removal takes, and what it leaves alone.

use super::*;

/// Two clusters on one network of the first's, and a stranger.
pub(super) fn two_clusters() -> Observed {
    let (one, two) = (run(1, "one"), run(2, "two"));
    Observed::new(
        vec![
            node(&one, "n10", [10, 130, 0, 2], State::Running),
            node(&one, "n2", [10, 130, 0, 3], State::Exited),
            node(&two, "x", [10, 130, 0, 4], State::Created),
            Container {
                id: "id-web".into(),
                name: "web".into(),
                ..Container::default()
            },
        ],
        vec![
            our_network(&one),
            Network {
                name: "foreign".into(),
                ..Network::default()
            },
        ],
        [one, two]
            .iter()
            .map(|run| record::volume(run, &Provenance::default()))
            .chain([Volume {
                name: "mine".into(),
                labels: run(3, "one").labels(),
            }])
            .collect(),
    )
}

#[test]
fn a_rollback_keeps_the_network_it_joined() {
    let plan = removal_plan::roll_back(&two_clusters(), &run(2, "two").id);
    assert_eq!(
        plan.to_string(),
        "remove container  x.net                    id-x\nremove volume     clusterdock-two\n"
    );
}

#[test]
fn a_network_is_removed_only_if_nothing_else_uses_it() {
    let observed = two_clusters();
    let plan = removal_plan::clusters(&observed, &named(&["one"]), true).to_string();
    assert_eq!(
        plan,
        "keep network      net                      x.net is on it
remove container  n2.net                   id-n2
remove container  n10.net                  id-n10
remove volume     clusterdock-one
"
    );
    let both = removal_plan::clusters(&observed, &named(&["one", "two"]), true).to_string();
    assert!(both.contains("remove network    net"), "{both}");
    let kept = removal_plan::clusters(&observed, &named(&["one", "two"]), false).to_string();
    assert!(!kept.contains("network"), "{kept}");
}

#[test]
fn only_removing_everything_removes_foreign_clusters() {
    let observed = two_clusters();
    let ours = removal_plan::everything_of_ours(&observed, false).to_string();
    assert!(!ours.contains("web") && !ours.contains("foreign"), "{ours}");
    assert!(
        ours.contains("remove network    net")
            && ours.contains("remove volume     clusterdock-two"),
        "{ours}"
    );
    let all = removal_plan::everything(&observed).to_string();
    assert!(
        all.contains("remove container  web") && all.contains("remove network    foreign"),
        "{all}"
    );
}
