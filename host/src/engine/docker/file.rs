//! Files in containers, as the engine shows them: modes are those of Go.

use super::super::FileKind;
use bollard::container::PathStatResponse;

const FOLDER: u32 = 1 << 31;
const LINK: u32 = 1 << 27;
/// Device, pipe, socket, character device, irregular.
const SPECIAL: u32 = 1 << 26 | 1 << 25 | 1 << 24 | 1 << 21 | 1 << 19;

pub(super) fn kind(seen: PathStatResponse) -> FileKind {
    match seen.file_mode {
        mode if mode & FOLDER != 0 => FileKind::Folder,
        mode if mode & LINK != 0 => FileKind::Link(seen.link_target),
        mode if mode & SPECIAL != 0 => FileKind::Special,
        _ => FileKind::File,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gos_modes_are_understood() {
        let kind_of = |mode: u32| {
            kind(PathStatResponse {
                name: "a".into(),
                size: 1,
                file_mode: mode,
                modification_time: None,
                link_target: "/b".into(),
            })
        };
        // As Docker 20.10 tells a folder, a setuid file, a link, a pipe and a device.
        assert_eq!(kind_of(2147484141), FileKind::Folder);
        assert_eq!(kind_of(8389101), FileKind::File);
        assert_eq!(kind_of(134218239), FileKind::Link("/b".into()));
        assert_eq!(kind_of(33554852), FileKind::Special);
        assert_eq!(kind_of(69206454), FileKind::Special);
    }
}
