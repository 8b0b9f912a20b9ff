//! Forged archives, and a folder that detects changes outside of the destination.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tar::{Builder, EntryType, Header};

/// A folder of this machine with things outside of the destination that must stay as they are.
pub(super) struct Yard {
    pub(super) folder: tempfile::TempDir,
    pub(super) before: Vec<String>,
}

impl Yard {
    pub(super) fn new() -> Yard {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        fs::create_dir_all(path.join("outside/deep")).unwrap();
        fs::create_dir_all(path.join("in/destination")).unwrap();
        fs::write(path.join("outside/secret"), "secret").unwrap();
        fs::set_permissions(
            path.join("outside/secret"),
            fs::Permissions::from_mode(0o600),
        )
        .unwrap();
        let mut yard = Yard {
            folder,
            before: Vec::new(),
        };
        yard.before = yard.around();
        yard
    }

    pub(super) fn outside(&self) -> String {
        self.folder.path().join("outside").display().to_string()
    }

    pub(super) fn destination(&self) -> PathBuf {
        self.folder.path().join("in/destination")
    }

    /// Everything but the destination's contents, one line each.
    pub(super) fn around(&self) -> Vec<String> {
        tree(self.folder.path())
            .into_iter()
            .filter(|line| !line.starts_with("in/destination/"))
            .collect()
    }

    #[track_caller]
    pub(super) fn assert_untouched(&self) {
        assert_eq!(self.around(), self.before);
    }
}

/// A tar, written without any of the care that writers of tars take, and how much there is of it.
pub(super) struct Forgery(pub(super) Builder<Vec<u8>>, pub(super) usize);

impl Forgery {
    pub(super) fn new() -> Forgery {
        Forgery(Builder::new(Vec::new()), usize::MAX).folder("data")
    }

    pub(super) fn add(
        mut self,
        name: &str,
        entry_type: EntryType,
        link: &str,
        contents: &str,
    ) -> Forgery {
        let mut header = Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_link_name_literal(link).unwrap();
        header.set_entry_type(entry_type);
        header.set_mode(0o4755);
        header.set_uid(7);
        header.set_gid(8);
        header.set_size(contents.len() as u64);
        header.set_cksum();
        self.0.append(&header, contents.as_bytes()).unwrap();
        self
    }

    pub(super) fn file(self, name: &str) -> Forgery {
        self.add(name, EntryType::Regular, "", "evil")
    }

    pub(super) fn folder(self, name: &str) -> Forgery {
        self.add(name, EntryType::Directory, "", "")
    }

    pub(super) fn link(self, name: &str, target: &str) -> Forgery {
        self.add(name, EntryType::Symlink, target, "")
    }

    pub(super) fn hard_link(self, name: &str, target: &str) -> Forgery {
        self.add(name, EntryType::Link, target, "")
    }

    pub(super) fn cut_off(self, length: usize) -> Forgery {
        Forgery(self.0, length)
    }

    pub(super) fn bytes(self) -> Vec<u8> {
        let mut bytes = self.0.into_inner().unwrap();
        bytes.truncate(self.1);
        bytes
    }
}

/// The contents of a folder, one line each: names, kinds, modes, link counts, contents of files.
pub(super) fn tree(folder: &Path) -> Vec<String> {
    let (mut lines, mut folders) = (Vec::new(), vec![folder.to_path_buf()]);
    while let Some(path) = folders.pop() {
        for item in fs::read_dir(&path).unwrap() {
            let path = item.unwrap().path();
            let metadata = fs::symlink_metadata(&path).unwrap();
            let what = if metadata.is_dir() {
                folders.push(path.clone());
                "folder".into()
            } else if metadata.is_symlink() {
                format!("link {}", fs::read_link(&path).unwrap().display())
            } else {
                format!("{:?} {}", fs::read(&path).unwrap(), metadata.nlink())
            };
            let name = path.strip_prefix(folder).unwrap().display();
            lines.push(format!("{name} {what} {:o}", metadata.mode()));
        }
    }
    lines.sort();
    lines
}
