//! A path as it was typed, and what its end says.

/// A path without its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Typed<'a> {
    /// The path, without slashes and dots at its end; `.` and `/` stay.
    pub path: &'a [u8],
    /// Whether it can only be a folder: it ends in a slash or a dot.
    pub wants_folder: bool,
    /// Whether the folder's contents are meant: it ends in a dot, or is the root, which has no name.
    pub contents: bool,
}

impl Typed<'_> {
    /// Looks at a path's end.
    pub fn new(mut path: &[u8]) -> Typed<'_> {
        let (mut wants_folder, mut contents) = (false, false);
        loop {
            if path.len() > 1 && path.ends_with(b"/") {
                wants_folder = true;
            } else if path.ends_with(b"/.") {
                contents = true;
            } else {
                break;
            }
            path = &path[..path.len() - 1];
        }
        contents |= path == b"." || path == b"/";
        Typed { path, wants_folder: wants_folder || contents, contents }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_says_what_is_meant() {
        let table = [
            ("a/b", "a/b", false, false),
            ("a/b/", "a/b", true, false),
            ("a/b//", "a/b", true, false),
            ("a/b/.", "a/b", true, true),
            ("a/b/./", "a/b", true, true),
            ("a/b/.//.", "a/b", true, true),
            (".", ".", true, true),
            ("./", ".", true, true),
            ("/", "/", true, true),
            ("//", "/", true, true),
            ("/.", "/", true, true),
            ("a/..", "a/..", false, false),
            ("a.", "a.", false, false),
            ("a/.b.", "a/.b.", false, false),
            ("", "", false, false),
        ];
        for (typed, path, wants_folder, contents) in table {
            let expected = Typed { path: path.as_bytes(), wants_folder, contents };
            assert_eq!(Typed::new(typed.as_bytes()), expected, "{typed}");
        }
    }
}
