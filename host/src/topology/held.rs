//! A library between inspection and loading. The inspected bytes are put into a sealed memory file, which cannot be
//! changed, and the plugin's process receives the open file over its socket: never a path, which could lead to another
//! file by then. It compares the digest again before loading.
//!
//! If the system refuses such files, the copy in the config directory is used: it is opened once, and that open file is
//! both compared and loaded.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Read, Seek, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use clusterdock_plugin_wire::{Error as ApiError, Result as ApiResult};
use rustix::fs::{
    MemfdFlags, SealFlags, StatVfsMountFlags, fcntl_add_seals, fstatvfs, memfd_create,
};
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

use super::inspection::{Inspected, digest_of};
use crate::error::{Error, Kind, Result};
use crate::files::regular_file;

/// An open file with a library's bytes, and their digest.
#[derive(Debug)]
pub struct Held {
    file: File,
    digest: String,
}

/// Length of a digest in hexadecimal.
const DIGEST: usize = 64;

impl Held {
    /// Holds an inspected library; `copy` is its copy in the config directory.
    ///
    /// # Errors
    /// [`Kind::Plugin`] if the system has no memory files and the copy cannot be opened, is not the library, or is on a
    /// noexec file system.
    pub fn new(plugin: &Inspected, copy: &Path) -> Result<Held> {
        match sealed(plugin.bytes()) {
            Ok(file) => Ok(Held {
                file,
                digest: plugin.digest.clone(),
            }),
            Err(error) => {
                log::debug!("no memory file for a plugin, using its copy: {error}");
                Held::of_copy(copy, &plugin.digest)
            }
        }
    }

    /// Holds the copy of a library with this digest.
    ///
    /// # Errors
    /// See [`new`](Held::new).
    pub fn of_copy(copy: &Path, digest: &str) -> Result<Held> {
        let failed = || Error::new(Kind::Plugin, format!("failed to open `{}`", copy.display()));
        let file = regular_file::open_own(copy, File::options().read(true))
            .map_err(|error| failed().cause(error))?;
        if fstatvfs(&file).is_ok_and(|about| about.f_flag.contains(StatVfsMountFlags::NOEXEC)) {
            return Err(Error::new(
                Kind::Plugin,
                format!("cannot load `{}`", copy.display()),
            )
            .cause("its file system is mounted noexec")
            .hint("choose a folder on another file system with --clusterdock-config-directory"));
        }
        let held = Held {
            file,
            digest: digest.into(),
        };
        held.verify().map_err(|error| failed().cause(error))?;
        Ok(held)
    }

    /// Sends it over a fresh socket.
    pub(super) fn send(&self, socket: &UnixStream) -> io::Result<()> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let files = [self.file.as_fd()];
        control.push(SendAncillaryMessage::ScmRights(&files));
        let sent = sendmsg(
            socket,
            &[IoSlice::new(self.digest.as_bytes())],
            &mut control,
            SendFlags::NOSIGNAL,
        )?;
        if sent == DIGEST {
            Ok(())
        } else {
            Err(io::ErrorKind::WriteZero.into())
        }
    }

    /// Receives what [`send`](Held::send) sent.
    pub(super) fn receive(socket: &UnixStream) -> io::Result<Held> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut digest = [0; DIGEST];
        let received = recvmsg(
            socket,
            &mut [IoSliceMut::new(&mut digest)],
            &mut control,
            RecvFlags::CMSG_CLOEXEC,
        )?;
        let file = control.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut files) => files.next(),
            _ => None,
        });
        let digest = String::from_utf8(digest.to_vec())
            .ok()
            .filter(|_| received.bytes == DIGEST);
        match (file, digest) {
            (Some(file), Some(digest)) => Ok(Held {
                file: file.into(),
                digest,
            }),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// Compares the bytes of the file with the digest.
    pub(super) fn verify(&self) -> ApiResult<()> {
        let mut file = &self.file;
        let mut bytes = Vec::new();
        file.rewind()?;
        file.read_to_end(&mut bytes)?;
        if digest_of(&bytes) == self.digest {
            Ok(())
        } else {
            Err(ApiError::new("the library differs from the inspected one")
                .cause(format!("expected sha256 {}", self.digest)))
        }
    }

    /// A path that leads to the same file, in this process only. The file must stay open as long as the library is
    /// loaded: the loader compares names, and would mistake another file with the same number for this one.
    pub(super) fn path(&self) -> PathBuf {
        format!("/proc/self/fd/{}", self.file.as_raw_fd()).into()
    }
}

/// A memory file that cannot be changed, not even by this process.
fn sealed(bytes: &[u8]) -> io::Result<File> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    // The library is mapped, not executed, and `vm.memfd_noexec=2` requires this flag. Kernels before 6.3 reject it.
    let created = match memfd_create("clusterdock-plugin", flags | MemfdFlags::NOEXEC_SEAL) {
        Err(Errno::INVAL) => memfd_create("clusterdock-plugin", flags),
        created => created,
    };
    let mut file = File::from(created?);
    file.write_all(bytes)?;
    fcntl_add_seals(
        &file,
        SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE,
    )?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(bytes: &[u8]) -> Held {
        Held {
            file: sealed(bytes).unwrap(),
            digest: digest_of(bytes),
        }
    }

    #[test]
    fn a_sent_library_cannot_be_changed() {
        let (here, there) = UnixStream::pair().unwrap();
        held(b"library").send(&here).unwrap();
        let received = Held::receive(&there).unwrap();
        received.verify().unwrap();
        for path in [
            received.path(),
            format!(
                "/proc/{}/fd/{}",
                std::process::id(),
                received.file.as_raw_fd()
            )
            .into(),
        ] {
            let written = File::options()
                .write(true)
                .open(path)
                .and_then(|mut file| file.write_all(b"another"));
            assert!(written.is_err());
        }
        assert!(
            (&received.file).write_all(b"another").is_err() && received.file.set_len(1).is_err()
        );
        received.verify().unwrap();
    }

    #[test]
    fn other_bytes_and_a_missing_file_are_refused() {
        let (here, there) = UnixStream::pair().unwrap();
        Held {
            digest: digest_of(b"other"),
            ..held(b"library")
        }
        .send(&here)
        .unwrap();
        let error = Held::receive(&there).unwrap().verify().unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("the library differs from the inspected one"),
            "{error}"
        );

        (&here).write_all(&[b'0'; DIGEST]).unwrap();
        Held::receive(&there).unwrap_err();
        drop(here);
        Held::receive(&there).unwrap_err();
    }

    #[test]
    fn a_copy_is_verified_through_the_open_file() {
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("x.so");
        std::fs::write(&copy, "library").unwrap();
        let held = Held::of_copy(&copy, &digest_of(b"library")).unwrap();
        std::fs::rename(&copy, folder.path().join("y.so")).unwrap();
        std::fs::write(&copy, "another").unwrap();
        assert_eq!(std::fs::read(held.path()).unwrap(), b"library");

        let error = Held::of_copy(&copy, &digest_of(b"library")).unwrap_err();
        assert!(
            error.causes()[0].starts_with("the library differs from the inspected one"),
            "{error}"
        );
        std::os::unix::fs::symlink(&copy, folder.path().join("z.so")).unwrap();
        assert!(
            Held::of_copy(&folder.path().join("z.so"), &digest_of(b"another")).is_err(),
            "a link is not followed"
        );
    }
}
