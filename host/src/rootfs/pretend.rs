//! A machine in a temporary folder, for tests: just enough programs, libraries and links to pass for a real one.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::machine_root::Machine;
use crate::elf::sample::Sample;

/// A pretended machine. Dropping it removes its folder.
pub(super) struct Pretend {
    root: tempfile::TempDir,
    path: Vec<PathBuf>,
}

impl Pretend {
    /// A machine with nothing on it.
    pub(super) fn empty() -> Pretend {
        Pretend {
            root: tempfile::tempdir().unwrap(),
            path: Vec::new(),
        }
    }

    /// A merged-usr machine with a C library and its loader, `sh`, `bash` and `sleep`.
    pub(super) fn usual() -> Pretend {
        let machine = Pretend::empty();
        for folder in ["bin", "lib", "lib64", "sbin"] {
            machine.link(&format!("/{folder}"), &format!("usr/{folder}"));
            fs::create_dir_all(machine.on_disk(&format!("/usr/{folder}"))).unwrap();
        }
        machine.elf("/usr/lib64/ld-linux.so.2", &Sample::default());
        machine.elf("/usr/lib64/libc.so.6", &Sample::default());
        for name in ["bash", "sh", "sleep"] {
            machine.program(&format!("/usr/bin/{name}"), &["libc.so.6"]);
        }
        machine
    }

    /// The same machine with `folder` in its `PATH`.
    pub(super) fn with_path(mut self, folder: &str) -> Pretend {
        self.path.push(folder.into());
        self
    }

    /// The machine as the code under test sees it.
    pub(super) fn machine(&self) -> Machine {
        Machine::at(self.root.path(), self.path.clone())
    }

    /// Where a path of the machine is on the disk.
    pub(super) fn on_disk(&self, path: &str) -> PathBuf {
        self.root.path().join(path.trim_start_matches('/'))
    }

    /// An executable with the usual loader that needs `libraries`.
    pub(super) fn program(&self, path: &str, libraries: &[&str]) {
        self.elf(
            path,
            &Sample {
                interpreter: Some("/lib64/ld-linux.so.2"),
                needed: libraries,
                ..Sample::default()
            },
        );
    }

    /// An ELF file.
    pub(super) fn elf(&self, path: &str, sample: &Sample) {
        self.file(path, 0o755, sample.bytes());
    }

    /// Any file.
    pub(super) fn file(&self, path: &str, mode: u32, content: impl AsRef<[u8]>) {
        let file = self.on_disk(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, content).unwrap();
        fs::set_permissions(&file, PermissionsExt::from_mode(mode)).unwrap();
    }

    /// A symbolic link.
    pub(super) fn link(&self, path: &str, target: &str) {
        let link = self.on_disk(path);
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        symlink(Path::new(target), link).unwrap();
    }
}
