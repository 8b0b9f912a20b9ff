//! Resolves a command name to the program behind it and everything it needs to run.

use std::collections::HashSet;
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::loader::{Loader, Needs};
use super::machine_root::{Found, Link, Machine};

/// The folders of programs in every image, in the order of its `PATH`. They are searched before the machine's `PATH`,
/// whose first folders tend to hold shims and private scripts.
pub(super) const STANDARD_FOLDERS: [&str; 6] = [
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
];

/// Programs that stand in for others by links or copies under their names, and choose one at run time.
const DISPATCHERS: [&str; 7] = [
    "asdf",
    "ccache",
    "mise",
    "proto-shim",
    "rustup",
    "snap",
    "volta-shim",
];

/// Version managers keep such scripts in folders of this name.
const SHIMS: &str = "shims";

/// A requested program that is not in an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// Command name.
    pub program: String,
    /// Why, as a fragment that follows the name.
    pub reason: String,
}

/// `nano: not installed`
impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.program, self.reason)
    }
}

/// The programs of a machine.
#[derive(Debug)]
pub(super) struct Programs<'m> {
    machine: &'m Machine,
    loader: Loader<'m>,
}

impl<'m> Programs<'m> {
    pub(super) fn new(machine: &'m Machine) -> Programs<'m> {
        Programs {
            machine,
            loader: Loader::new(machine),
        }
    }

    /// Everything that an image must contain for `name` to run there, or why that is impossible.
    pub(super) fn needs(&mut self, name: &str) -> Result<Needs, String> {
        let mut needs = Needs::default();
        self.gather_name(name, &mut needs, &mut HashSet::new())?;
        Ok(needs)
    }

    /// Everything that an image must contain for a file that programs read or load.
    pub(super) fn needs_of_data(&mut self, path: &Path) -> Result<Needs, String> {
        let found = self
            .machine
            .follow(path)
            .map_err(|error| error.to_string())?;
        let mut needs = Needs {
            found: vec![found],
            links: Vec::new(),
        };
        if path.extension().is_some_and(|extension| extension == "so") {
            self.loader.gather(path, &mut needs)?;
        }
        Ok(needs)
    }

    fn gather_name(
        &mut self,
        name: &str,
        needs: &mut Needs,
        seen: &mut HashSet<PathBuf>,
    ) -> Result<(), String> {
        let (path, found) = self.find(name)?;
        if !STANDARD_FOLDERS
            .iter()
            .any(|folder| path.parent() == Some(Path::new(folder)))
        {
            needs.links.push(Link {
                at: Path::new("/usr/local/bin").join(name),
                target: found.real.clone(),
            });
        }
        self.gather_file(&path, found, needs, seen)
    }

    fn gather_file(
        &mut self,
        path: &Path,
        found: Found,
        needs: &mut Needs,
        seen: &mut HashSet<PathBuf>,
    ) -> Result<(), String> {
        needs.found.push(found.clone());
        if !seen.insert(found.real.clone()) || self.loader.gather(path, needs)? {
            return Ok(());
        }
        let Some(script) = self.script(&found.real)? else {
            return Ok(());
        };
        let interpreter = self
            .machine
            .follow(&script.interpreter)
            .ok()
            .filter(Found::is_program)
            .ok_or_else(|| {
                format!(
                    "its interpreter `{}` is missing",
                    script.interpreter.display()
                )
            })?;
        self.gather_file(&script.interpreter, interpreter, needs, seen)?;
        match script.program {
            Some(name) => self
                .gather_name(&name, needs, seen)
                .map_err(|reason| format!("its interpreter `{name}`: {reason}")),
            None => Ok(()),
        }
    }

    fn find(&self, name: &str) -> Result<(PathBuf, Found), String> {
        let standard = STANDARD_FOLDERS.iter().map(Path::new);
        let mut shim = None;
        for folder in standard.chain(self.machine.path().iter().map(PathBuf::as_path)) {
            let path = folder.join(name);
            let Ok(found) = self.machine.follow(&path) else {
                continue;
            };
            if !found.is_program() {
                continue;
            }
            if self.is_shim(name, &path, &found) {
                shim.get_or_insert(path);
                continue;
            }
            return Ok((path, found));
        }
        Err(match shim {
            Some(path) => format!(
                "only found as the shim `{}`, which selects the program at run time",
                path.display()
            ),
            None => "not installed".to_owned(),
        })
    }

    fn is_shim(&self, name: &str, path: &Path, found: &Found) -> bool {
        let is_in_shims = |path: &Path| {
            path.parent()
                .and_then(Path::file_name)
                .is_some_and(|folder| folder == SHIMS)
        };
        let is_hard_link = |dispatcher: &str| {
            found.has_other_names()
                && self
                    .machine
                    .follow(&path.with_file_name(dispatcher))
                    .is_ok_and(|other| found.is_same(&other))
        };
        is_in_shims(path)
            || is_in_shims(&found.real)
            || DISPATCHERS
                .iter()
                .filter(|dispatcher| **dispatcher != name)
                .any(|dispatcher| found.real.ends_with(dispatcher) || is_hard_link(dispatcher))
    }

    fn script(&self, real: &Path) -> Result<Option<Script>, String> {
        // As many bytes as the kernel reads.
        let mut start = Vec::new();
        let file = self
            .machine
            .open(real)
            .and_then(|file| file.take(256).read_to_end(&mut start));
        file.map_err(|error| format!("`{}` cannot be read: {error}", real.display()))?;
        Ok(Script::parse(&start))
    }
}

/// The first line of a script.
#[derive(Debug, PartialEq, Eq)]
struct Script {
    interpreter: PathBuf,
    /// The program that `env` is to run.
    program: Option<String>,
}

impl Script {
    fn parse(start: &[u8]) -> Option<Script> {
        let line = start
            .strip_prefix(b"#!")?
            .split(|byte| *byte == b'\n')
            .next()?;
        let line = String::from_utf8_lossy(line);
        let mut words = line.split_whitespace();
        let interpreter = PathBuf::from(words.next()?);
        let program = interpreter
            .ends_with("env")
            .then(|| words.find_map(program_of_env))
            .flatten();
        Some(Script {
            interpreter,
            program,
        })
    }
}

/// The program in an argument of `env`; `None` for options and variables.
fn program_of_env(word: &str) -> Option<String> {
    let word = ["--split-string=", "-S"]
        .iter()
        .find_map(|option| word.strip_prefix(option))
        .unwrap_or(word);
    (!word.is_empty() && !word.starts_with('-') && !word.contains('=')).then(|| word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::pretend::Pretend;
    use super::*;

    fn needs(machine: &Pretend, name: &str) -> Result<Needs, String> {
        Programs::new(&machine.machine()).needs(name)
    }

    fn first(machine: &Pretend, name: &str) -> PathBuf {
        needs(machine, name).unwrap().found[0].real.clone()
    }

    fn takes(machine: &Pretend, name: &str, file: &str) -> bool {
        needs(machine, name)
            .unwrap()
            .found
            .iter()
            .any(|found| found.real == Path::new(file))
    }

    #[test]
    fn an_alternative_is_the_selected_program() {
        let machine = Pretend::usual();
        machine.link("/usr/bin/vi", "/etc/alternatives/vi");
        machine.link("/etc/alternatives/vi", "/usr/bin/vim.tiny");
        machine.program("/usr/bin/vim.tiny", &[]);
        assert_eq!(first(&machine, "vi"), Path::new("/usr/bin/vim.tiny"));
    }

    #[test]
    fn the_standard_folders_come_before_the_path() {
        let machine = Pretend::usual().with_path("/home/me/bin");
        machine.program("/home/me/bin/tool", &[]);
        machine.program("/usr/sbin/tool", &[]);
        assert_eq!(first(&machine, "tool"), Path::new("/usr/sbin/tool"));
    }

    #[test]
    fn a_program_outside_the_standard_folders_gets_a_link() {
        let machine = Pretend::usual().with_path("/opt/tool/bin");
        machine.program("/opt/tool/bin/tool", &[]);
        let links = needs(&machine, "tool").unwrap().links;
        assert_eq!(
            links,
            [Link {
                at: "/usr/local/bin/tool".into(),
                target: "/opt/tool/bin/tool".into()
            }]
        );
    }

    #[test]
    fn a_shim_is_not_the_program() {
        let machine = Pretend::usual()
            .with_path("/home/me/.pyenv/shims")
            .with_path("/home/me/.cargo/bin");
        machine.file(
            "/home/me/.pyenv/shims/python3",
            0o755,
            "#!/usr/bin/env bash\nexec pyenv exec python3\n",
        );
        let reason = needs(&machine, "python3").unwrap_err();
        assert_eq!(
            reason,
            "only found as the shim `/home/me/.pyenv/shims/python3`, which selects the program at run time"
        );

        machine.link("/usr/local/bin/python3", "/home/me/.pyenv/shims/python3");
        machine.program("/usr/bin/python3", &[]);
        assert_eq!(first(&machine, "python3"), Path::new("/usr/bin/python3"));

        machine.program("/home/me/.cargo/bin/rustup", &[]);
        machine.link("/home/me/.cargo/bin/cargo", "rustup");
        let copy = machine.on_disk("/home/me/.cargo/bin/rustc");
        std::fs::hard_link(machine.on_disk("/home/me/.cargo/bin/rustup"), copy).unwrap();
        assert!(needs(&machine, "cargo").is_err());
        assert!(needs(&machine, "rustc").is_err());
        assert_eq!(
            first(&machine, "rustup"),
            Path::new("/home/me/.cargo/bin/rustup")
        );
    }

    #[test]
    fn a_multi_call_binary_is_not_a_shim() {
        let machine = Pretend::usual();
        machine.program("/usr/bin/busybox", &[]);
        machine.link("/usr/bin/ls", "busybox");
        assert_eq!(first(&machine, "ls"), Path::new("/usr/bin/busybox"));
    }

    #[test]
    fn files_that_are_not_executable_are_not_programs() {
        let machine = Pretend::usual();
        machine.file("/usr/bin/notes", 0o644, "");
        machine.file("/usr/bin/folder/file", 0o755, "");
        assert_eq!(needs(&machine, "notes").unwrap_err(), "not installed");
        assert_eq!(needs(&machine, "folder").unwrap_err(), "not installed");
    }

    #[test]
    fn a_script_includes_its_interpreter_and_libraries() {
        let machine = Pretend::usual();
        machine.file("/usr/bin/which", 0o755, "#! /bin/sh -e\nset\n");
        assert!(takes(&machine, "which", "/usr/bin/sh"));
        assert!(takes(&machine, "which", "/usr/lib64/libc.so.6"));
    }

    #[test]
    fn a_script_for_env_includes_env_and_the_program() {
        let machine = Pretend::usual();
        machine.program("/usr/bin/env", &[]);
        for line in [
            "#!/usr/bin/env bash",
            "#!/usr/bin/env -S bash -e",
            "#!/usr/bin/env -i A=b bash",
        ] {
            machine.file("/usr/bin/script", 0o755, format!("{line}\n"));
            assert!(takes(&machine, "script", "/usr/bin/env"), "{line}");
            assert!(takes(&machine, "script", "/usr/bin/bash"), "{line}");
        }
    }

    #[test]
    fn a_script_without_its_interpreter_is_reported() {
        let machine = Pretend::usual();
        machine.program("/usr/bin/env", &[]);
        machine.file("/usr/bin/a", 0o755, "#!/opt/ruby\n");
        machine.file("/usr/bin/b", 0o755, "#!/usr/bin/env ruby\n");
        assert_eq!(
            needs(&machine, "a").unwrap_err(),
            "its interpreter `/opt/ruby` is missing"
        );
        assert_eq!(
            needs(&machine, "b").unwrap_err(),
            "its interpreter `ruby`: not installed"
        );
    }

    #[test]
    fn a_script_that_interprets_itself_terminates() {
        let machine = Pretend::usual();
        machine.file("/usr/bin/loop", 0o755, "#!/usr/bin/loop\n");
        assert_eq!(first(&machine, "loop"), Path::new("/usr/bin/loop"));
    }
}
