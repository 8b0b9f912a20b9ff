//! Decides where a copy goes and what it is called there, by the rules of `docker cp`. Pure.

use crate::error::{Error, Kind, Result};

/// Type of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// A file, or a link that is not followed.
    File,
    /// A folder.
    Folder,
    /// The contents of a folder: `PATH/.`.
    Contents,
}

/// What exists at a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// A file.
    File,
    /// A folder.
    Folder,
    /// Nothing, but its folder exists.
    Nothing,
}

/// Where a copy goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// Into the destination, under its own name.
    Inside,
    /// Its contents, into the destination.
    Spread,
    /// To exactly the destination, replacing a file there.
    Exact,
}

/// Where a copy goes. `destination` is for messages; `wants_folder` means that it ends in a slash.
///
/// # Errors
/// [`Kind::Usage`] if a folder would replace a file, or a slash follows a file; [`Kind::NotFound`] if a slash follows
/// nothing and the source is a file.
pub fn placement(
    what: What,
    existing: Existing,
    wants_folder: bool,
    destination: &str,
) -> Result<Placement> {
    match (existing, what) {
        (Existing::Folder, What::File | What::Folder) => Ok(Placement::Inside),
        (Existing::Folder, What::Contents) => Ok(Placement::Spread),
        (Existing::File, _) if wants_folder => Err(Error::new(
            Kind::Usage,
            format!("`{destination}` is not a folder"),
        )
        .hint("remove the trailing slash")),
        (Existing::File, What::Folder | What::Contents) => Err(Error::new(
            Kind::Usage,
            format!("cannot copy a folder to `{destination}`"),
        )
        .cause("it is a file")),
        (Existing::Nothing, What::File) if wants_folder => Err(Error::new(
            Kind::NotFound,
            format!("no folder `{destination}`"),
        )
        .hint("create it first, or remove the trailing slash to copy the file under that name")),
        (Existing::File | Existing::Nothing, _) => Ok(Placement::Exact),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_follow_the_rules_of_docker_cp() {
        use Placement::{Exact, Inside, Spread};
        let refused = |kind| Err(kind);
        let table = [
            // Source, destination, trailing slash, placement.
            (What::File, Existing::Nothing, false, Ok(Exact)),
            (What::File, Existing::Nothing, true, refused(Kind::NotFound)),
            (What::File, Existing::File, false, Ok(Exact)),
            (What::File, Existing::File, true, refused(Kind::Usage)),
            (What::File, Existing::Folder, false, Ok(Inside)),
            (What::File, Existing::Folder, true, Ok(Inside)),
            (What::Folder, Existing::Nothing, false, Ok(Exact)),
            (What::Folder, Existing::Nothing, true, Ok(Exact)),
            (What::Folder, Existing::File, false, refused(Kind::Usage)),
            (What::Folder, Existing::File, true, refused(Kind::Usage)),
            (What::Folder, Existing::Folder, false, Ok(Inside)),
            (What::Folder, Existing::Folder, true, Ok(Inside)),
            (What::Contents, Existing::Nothing, false, Ok(Exact)),
            (What::Contents, Existing::Nothing, true, Ok(Exact)),
            (What::Contents, Existing::File, false, refused(Kind::Usage)),
            (What::Contents, Existing::File, true, refused(Kind::Usage)),
            (What::Contents, Existing::Folder, false, Ok(Spread)),
            (What::Contents, Existing::Folder, true, Ok(Spread)),
        ];
        for (what, existing, slash, expected) in table {
            let found = placement(what, existing, slash, "x").map_err(|error| error.kind());
            assert_eq!(found, expected, "{what:?} to {existing:?}, slash: {slash}");
        }
    }
}
