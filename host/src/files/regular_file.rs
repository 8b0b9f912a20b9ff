//! Opens regular files whose paths come from a user or another program. Opening a named pipe blocks until its other end is
//! opened, and reading a device may never end; either would block the thread that handles signals. So these functions
//! open without blocking and accept only regular files. Links are followed.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

/// The largest file that is read: far larger than any configuration, manifest, key or certificate.
const LARGEST: u64 = 16 << 20;

/// Opens a file for reading.
///
/// # Errors
/// It cannot be opened, or is not a regular file ([`io::ErrorKind::IsADirectory`] for a folder).
pub fn open(path: &Path) -> io::Result<File> {
    open_with(path, File::options().read(true))
}

/// Opens a file with options, e.g. to write or create it. Custom flags of `options` are replaced.
///
/// # Errors
/// As those of [`open`].
pub fn open_with(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    open_flags(path, options, OFlags::NONBLOCK)
}

/// The same for a file in the folders of clusterdock. A link in its place was created by something else, and is
/// refused.
///
/// # Errors
/// As those of [`open`]; a link is refused.
pub fn open_own(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    open_flags(path, options, OFlags::NONBLOCK | OFlags::NOFOLLOW)
}

/// Reads a file of at most 16 MiB.
///
/// # Errors
/// As those of [`open`]; or it is too large ([`io::ErrorKind::FileTooLarge`]).
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    read_at_most(path, LARGEST)
}

/// Reads a text of at most 16 MiB.
///
/// # Errors
/// As those of [`read`]; or it is not UTF-8 ([`io::ErrorKind::InvalidData`]).
pub fn read_to_string(path: &Path) -> io::Result<String> {
    String::from_utf8(read(path)?)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.utf8_error()))
}

/// Reads a file of at most `largest` bytes.
///
/// # Errors
/// As those of [`read`].
pub fn read_at_most(path: &Path, largest: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // Files below /proc claim to be empty, and others may grow, so only reading shows the size.
    open(path)?.take(largest + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > largest {
        let why = format!("larger than {} MiB", largest >> 20);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
    }
    Ok(bytes)
}

fn open_flags(path: &Path, options: &mut OpenOptions, flags: OFlags) -> io::Result<File> {
    let file = options
        .custom_flags(flags.bits().cast_signed())
        .open(path)
        .map_err(|error| {
            // The error for a socket, and for a pipe without a reader that is opened for writing.
            if error.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error()) {
                irregular()
            } else {
                error
            }
        })?;
    let about = file.metadata()?;
    if about.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if about.is_file() {
        Ok(file)
    } else {
        Err(irregular())
    }
}

fn irregular() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    fn pipe(path: &Path) {
        mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    }

    #[test]
    fn anything_but_a_regular_file_is_refused_without_blocking() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        pipe(&at("pipe"));
        let _listener = UnixListener::bind(at("socket")).unwrap();
        symlink(at("pipe"), at("link")).unwrap();
        for path in [
            at("pipe"),
            at("socket"),
            at("link"),
            "/dev/zero".into(),
            "/dev/tty".into(),
        ] {
            let to_write = || open_with(&path, File::options().write(true).create(true));
            for error in [
                open(&path).unwrap_err(),
                read(&path).unwrap_err(),
                to_write().unwrap_err(),
            ] {
                assert_eq!(
                    error.to_string(),
                    "not a regular file",
                    "{}",
                    path.display()
                );
            }
        }
        assert_eq!(
            open(folder.path()).unwrap_err().kind(),
            io::ErrorKind::IsADirectory
        );
        assert_eq!(
            open(&at("nothing")).unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
    }

    #[test]
    fn links_are_followed_but_not_in_own_folders() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("file"), "text").unwrap();
        symlink("file", at("link")).unwrap();
        assert_eq!(read_to_string(&at("link")).unwrap(), "text");
        open_own(&at("file"), File::options().append(true).create(true)).unwrap();
        assert!(open_own(&at("link"), File::options().append(true).create(true)).is_err());
    }

    #[test]
    fn a_file_is_read_up_to_a_bound_whatever_it_claims() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, [7; 10]).unwrap();
        assert_eq!(read_at_most(&path, 10).unwrap(), [7; 10]);
        assert_eq!(
            read_at_most(&path, 9).unwrap_err().kind(),
            io::ErrorKind::FileTooLarge
        );
        File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_len(1 << 40)
            .unwrap();
        assert_eq!(read(&path).unwrap_err().to_string(), "larger than 16 MiB");
        assert!(!read(Path::new("/proc/self/status")).unwrap().is_empty());
        std::fs::write(&path, b"\xff").unwrap();
        assert_eq!(
            read_to_string(&path).unwrap_err().kind(),
            io::ErrorKind::InvalidData
        );
    }
}
