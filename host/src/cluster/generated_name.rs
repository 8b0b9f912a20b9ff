//! Generated names of clusters: an adjective and a star cluster, as in the original.

const ADJECTIVES: [&str; 40] = [
    "amber",
    "ancient",
    "blazing",
    "bold",
    "brave",
    "bright",
    "calm",
    "clever",
    "cosmic",
    "curious",
    "dazzling",
    "deep",
    "distant",
    "eager",
    "faint",
    "famous",
    "fearless",
    "gentle",
    "glowing",
    "golden",
    "grand",
    "hidden",
    "humble",
    "jolly",
    "keen",
    "lively",
    "lucky",
    "mighty",
    "nimble",
    "noble",
    "patient",
    "proud",
    "quiet",
    "radiant",
    "serene",
    "shining",
    "silent",
    "steady",
    "vivid",
    "wandering",
];

const STAR_CLUSTERS: [&str; 24] = [
    "antares",
    "beehive",
    "berenice",
    "butterfly",
    "centauri",
    "christmas_tree",
    "coathanger",
    "hercules",
    "hyades",
    "jewel_box",
    "lagoon",
    "messier",
    "omicron_velorum",
    "orion",
    "owl",
    "pegasus",
    "perseus",
    "pleiades",
    "ptolemy",
    "sagitta",
    "sailboat",
    "starfish",
    "tucanae",
    "wild_duck",
];

/// Generates a name. That of a dry run follows from the number of its attempt, so that the same command line prints the
/// same plan.
pub(crate) fn cluster_name(attempt_of_dry_run: Option<usize>) -> String {
    let mut random = match attempt_of_dry_run {
        Some(attempt) => fastrand::Rng::with_seed(attempt as u64),
        None => fastrand::Rng::new(),
    };
    let mut pick = |words: &[&'static str]| words[random.usize(..words.len())];
    let (adjective, star_cluster) = (pick(&ADJECTIVES), pick(&STAR_CLUSTERS));
    format!("{adjective}_{star_cluster}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_dry_runs_stay_the_same() {
        for attempt in 0..5 {
            assert_eq!(cluster_name(Some(attempt)), cluster_name(Some(attempt)));
            assert_ne!(cluster_name(Some(attempt)), cluster_name(Some(attempt + 1)));
        }
        let names: std::collections::BTreeSet<String> =
            (0..100).map(|_| cluster_name(None)).collect();
        assert!(names.len() > 50, "{names:?}");
    }
}
