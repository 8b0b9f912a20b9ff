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

/// Generates a name that is not in use.
pub(crate) fn cluster_name(is_taken: impl Fn(&str) -> bool) -> String {
    let pick = |words: &[&'static str]| words[fastrand::usize(..words.len())];
    let mut name = format!("{}_{}", pick(&ADJECTIVES), pick(&STAR_CLUSTERS));
    while is_taken(&name) {
        name = format!("{name}_{}", fastrand::u16(..));
    }
    name
}
