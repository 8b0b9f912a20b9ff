//! A machine in a temporary folder, for tests: just enough of programs, libraries and links to be taken for one.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::machine::Machine;

/// The folder goes away with it.
pub(super) struct Pretend {
    root: tempfile::TempDir,
    path: Vec<PathBuf>,
}

impl Pretend {
    /// A machine with nothing on it.
    pub(super) fn empty() -> Pretend {
        Pretend { root: tempfile::tempdir().unwrap(), path: Vec::new() }
    }

    /// A merged-usr machine with a C library and its loader, `sh`, `bash` and `sleep`.
    pub(super) fn usual() -> Pretend {
        let machine = Pretend::empty();
        for folder in ["bin", "lib", "lib64", "sbin"] {
            machine.link(&format!("/{folder}"), &format!("usr/{folder}"));
            fs::create_dir_all(machine.on_disk(&format!("/usr/{folder}"))).unwrap();
        }
        machine.elf("/usr/lib64/ld-linux.so.2", &Shape::default());
        machine.elf("/usr/lib64/libc.so.6", &Shape::default());
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
        self.elf(path, &Shape { interpreter: Some("/lib64/ld-linux.so.2"), needed: libraries, ..Shape::default() });
    }

    /// An ELF file.
    pub(super) fn elf(&self, path: &str, shape: &Shape) {
        self.file(path, 0o755, shape.bytes());
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

/// What an ELF file says of itself.
#[derive(Default)]
pub(super) struct Shape<'a> {
    /// Whether it is for 32 bits.
    pub(super) narrow: bool,
    pub(super) interpreter: Option<&'a str>,
    pub(super) needed: &'a [&'a str],
    pub(super) rpath: Option<&'a str>,
    pub(super) runpath: Option<&'a str>,
}

impl Shape<'_> {
    const ADDRESS: u64 = 0x40_0000;

    /// The smallest file that says so: header, three segments, strings, dynamic section.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let (header, segment) = if self.narrow { (52, 32) } else { (64, 56) };
        let start = header + 3 * segment;
        let mut strings = vec![0];
        let mut string = |text: &str| {
            let at = strings.len() as u64;
            strings.extend(text.bytes().chain([0]));
            at
        };
        let interpreter = self.interpreter.map_or((0, 0), |path| (string(path), path.len() as u64 + 1));
        let mut entries: Vec<(u64, u64)> = self.needed.iter().map(|name| (1, string(name))).collect();
        entries.extend(self.rpath.map(|path| (15, string(path))));
        entries.extend(self.runpath.map(|path| (29, string(path))));
        entries.extend([(5, Shape::ADDRESS + start), (0, 0)]);
        strings.resize(strings.len().next_multiple_of(8), 0);
        let dynamic = start + strings.len() as u64;
        let entry = if self.narrow { 8 } else { 16 };
        let end = dynamic + entry * entries.len() as u64;

        let mut file = self.header(header);
        self.segment(&mut file, 1, 0, end);
        self.segment(&mut file, if self.interpreter.is_some() { 3 } else { 0 }, start + interpreter.0, interpreter.1);
        self.segment(&mut file, 2, dynamic, end - dynamic);
        file.extend(strings);
        for (tag, value) in entries {
            self.word(&mut file, tag);
            self.word(&mut file, value);
        }
        file
    }

    fn header(&self, size: u64) -> Vec<u8> {
        let mut file = b"\x7fELF\0\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
        file[4] = if self.narrow { 1 } else { 2 };
        let machine: u16 = if self.narrow { 3 } else { 62 };
        file.extend([3, 0]);
        file.extend(machine.to_le_bytes());
        file.extend(1u32.to_le_bytes());
        for word in [0, size, 0] {
            self.word(&mut file, word);
        }
        file.extend(0u32.to_le_bytes());
        let segment_size = if self.narrow { 32 } else { 56 };
        for half in [size as u16, segment_size, 3, 0, 0, 0] {
            file.extend(half.to_le_bytes());
        }
        file
    }

    fn segment(&self, file: &mut Vec<u8>, kind: u32, offset: u64, size: u64) {
        file.extend(kind.to_le_bytes());
        if !self.narrow {
            file.extend(4u32.to_le_bytes());
        }
        for word in [offset, Shape::ADDRESS + offset, 0, size, size] {
            self.word(file, word);
        }
        if self.narrow {
            file.extend(4u32.to_le_bytes());
        }
        self.word(file, 1);
    }

    fn word(&self, file: &mut Vec<u8>, word: u64) {
        file.extend(&word.to_le_bytes()[..if self.narrow { 4 } else { 8 }]);
    }
}
