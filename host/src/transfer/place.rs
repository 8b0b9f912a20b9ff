//! Where a copy goes and what it is called there: the rules of `docker cp`. Pure: what was found goes in.

use crate::error::{Error, Kind, Result};

/// What is to be copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// A file, or a link that is not followed.
    File,
    /// A folder.
    Folder,
    /// What is in a folder: `PATH/.`.
    Contents,
}

/// What is at the destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum There {
    /// A file.
    File,
    /// A folder.
    Folder,
    /// Nothing, in a folder that is there.
    Nothing,
}

/// Where the copy goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Into the destination, under its own name.
    Inside,
    /// What it contains, into the destination.
    Spread,
    /// To the destination itself, in place of a file there.
    Here,
}

/// The place of a copy. `destination` is for messages; `wants_folder` says that it ends in a slash.
///
/// # Errors
/// The rules have no place for it.
pub fn place(what: What, there: There, wants_folder: bool, destination: &str) -> Result<Place> {
    match (there, what) {
        (There::Folder, What::File | What::Folder) => Ok(Place::Inside),
        (There::Folder, What::Contents) => Ok(Place::Spread),
        (There::File, _) if wants_folder => {
            Err(Error::new(Kind::Usage, format!("`{destination}` is not a folder"))
                .hint("leave out the slash at its end"))
        }
        (There::File, What::Folder | What::Contents) => {
            Err(Error::new(Kind::Usage, format!("cannot copy a folder to `{destination}`")).cause("it is a file"))
        }
        (There::Nothing, What::File) if wants_folder => {
            Err(Error::new(Kind::NotFound, format!("no folder `{destination}`"))
                .hint("make it first, or leave out the slash at its end to copy the file under that name"))
        }
        (There::File | There::Nothing, _) => Ok(Place::Here),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_of_docker_cp() {
        use Place::{Here, Inside, Spread};
        let refused = |kind| Err(kind);
        let table = [
            // What, what is there, a slash at its end, the place.
            (What::File, There::Nothing, false, Ok(Here)),
            (What::File, There::Nothing, true, refused(Kind::NotFound)),
            (What::File, There::File, false, Ok(Here)),
            (What::File, There::File, true, refused(Kind::Usage)),
            (What::File, There::Folder, false, Ok(Inside)),
            (What::File, There::Folder, true, Ok(Inside)),
            (What::Folder, There::Nothing, false, Ok(Here)),
            (What::Folder, There::Nothing, true, Ok(Here)),
            (What::Folder, There::File, false, refused(Kind::Usage)),
            (What::Folder, There::File, true, refused(Kind::Usage)),
            (What::Folder, There::Folder, false, Ok(Inside)),
            (What::Folder, There::Folder, true, Ok(Inside)),
            (What::Contents, There::Nothing, false, Ok(Here)),
            (What::Contents, There::Nothing, true, Ok(Here)),
            (What::Contents, There::File, false, refused(Kind::Usage)),
            (What::Contents, There::File, true, refused(Kind::Usage)),
            (What::Contents, There::Folder, false, Ok(Spread)),
            (What::Contents, There::Folder, true, Ok(Spread)),
        ];
        for (what, there, slash, expected) in table {
            let found = place(what, there, slash, "x").map_err(|error| error.kind());
            assert_eq!(found, expected, "{what:?} to {there:?}, slash: {slash}");
        }
    }
}
