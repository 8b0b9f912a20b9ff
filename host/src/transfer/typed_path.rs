//! What the end of a typed path means: `PATH`, `PATH/` or `PATH/.`.

/// A path without trailing slashes and dots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TypedPath<'a> {
    /// The path without slashes and dots at its end; `.` and `/` stay.
    pub path: &'a [u8],
    /// Whether it must be a folder: it ends in a slash or a dot.
    pub wants_folder: bool,
    /// Whether the folder's contents are meant: it ends in a dot, or is the root, which has no name.
    pub contents: bool,
}

impl TypedPath<'_> {
    /// Splits off the end of a path.
    pub fn new(mut path: &[u8]) -> TypedPath<'_> {
        let mut wants_folder = false;
        let mut contents = false;
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
        TypedPath {
            path,
            wants_folder: wants_folder || contents,
            contents,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trailing_slashes_and_dots_are_recognized() {
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
            let expected = TypedPath {
                path: path.as_bytes(),
                wants_folder,
                contents,
            };
            assert_eq!(TypedPath::new(typed.as_bytes()), expected, "{typed}");
        }
    }
}
