//! Suggests the known word that is most likely meant by an unknown one.

/// The candidate that differs from `word` by few typing errors, or that `word` is the beginning of. `None` if no candidate
/// is near. Of two equally near ones, the alphabetically first.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let letters = word.chars().count();
    candidates
        .into_iter()
        .filter_map(|candidate| {
            let slips = strsim::damerau_levenshtein(word, candidate);
            let begun = letters >= 3 && candidate.starts_with(word);
            (begun || slips <= letters.max(3) / 3).then_some((slips, candidate))
        })
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_swapped_or_missing_letter_is_recognised() {
        assert_eq!(nearest("nmae", ["version", "name"]), Some("name"));
        assert_eq!(
            nearest("repositry", ["namespace", "repository"]),
            Some("repository")
        );
    }

    #[test]
    fn the_beginning_of_a_word_means_the_word() {
        assert_eq!(
            nearest("desc", ["default", "description"]),
            Some("description")
        );
    }

    #[test]
    fn another_word_is_not_guessed_at() {
        assert_eq!(nearest("color", ["name", "version"]), None);
        assert_eq!(nearest("ab", ["xy", "cd"]), None);
    }
}
