//! Recipes on a pretended machine.

use std::collections::BTreeMap;
use std::io::Read;

use super::pretend::Pretend;
use super::*;
use crate::elf::Linkage;
use crate::elf::sample::Sample;

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn resolve(machine: &Pretend, programs: &[&str]) -> Recipe {
    Recipe::resolve_on(machine.machine(), &names(programs)).unwrap()
}

fn plain(recipe: &Recipe) -> Vec<u8> {
    let mut bytes = Vec::new();
    recipe.write_tar(Packing::Plain, &mut bytes).unwrap();
    bytes
}

/// The archive of `recipe` by path: kind, mode in octal, and the target or content.
fn entries(recipe: &Recipe) -> BTreeMap<String, String> {
    let bytes = plain(recipe);
    let mut archive = tar::Archive::new(bytes.as_slice());
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().to_string_lossy().into_owned();
        let target = entry
            .link_name()
            .unwrap()
            .map(|target| format!("-> {}", target.display()));
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        let content = target.unwrap_or_else(|| String::from_utf8_lossy(&content).into_owned());
        let header = entry.header();
        assert_eq!(
            (
                header.mtime().unwrap(),
                header.uid().unwrap(),
                header.gid().unwrap()
            ),
            (0, 0, 0)
        );
        (
            path,
            format!(
                "{:?} {:o} {content}",
                header.entry_type(),
                header.mode().unwrap()
            ),
        )
    });
    entries.collect()
}

#[test]
fn programs_keep_their_path_mode_and_linked_folders() {
    let machine = Pretend::usual();
    machine.file("/usr/bin/su", 0o4755, "su");
    let entries = entries(&resolve(&machine, &["su"]));
    assert_eq!(entries["usr/bin/su"], "Regular 4755 su");
    assert_eq!(entries["bin"], "Symlink 777 -> usr/bin");
    assert_eq!(entries["lib64"], "Symlink 777 -> usr/lib64");
    assert!(entries.contains_key("usr/lib64/libc.so.6"));
    assert!(!entries.keys().any(|path| path.starts_with("bin/")));
}

#[test]
fn folders_come_before_their_contents_and_entries_once() {
    let machine = Pretend::usual();
    let bytes = plain(&resolve(&machine, &["bash", "bash", "sleep"]));
    let mut seen = Vec::new();
    for entry in tar::Archive::new(bytes.as_slice()).entries().unwrap() {
        let path = entry.unwrap().path().unwrap().into_owned();
        let parent = path.parent().unwrap().to_owned();
        assert!(
            parent == Path::new("") || seen.contains(&parent),
            "{}",
            path.display()
        );
        assert!(!seen.contains(&path), "{}", path.display());
        seen.push(path);
    }
}

#[test]
fn a_login_finds_users_a_prompt_and_a_temporary_folder() {
    let entries = entries(&resolve(&Pretend::usual(), &["bash"]));
    assert!(entries["etc/passwd"].contains("root:x:0:0:root:/root:/usr/bin/bash\n"));
    assert!(entries["root/.bashrc"].contains(r"PS1='[\u@\h \W]\$ '"));
    assert!(entries["etc/os-release"].contains("ID=clusterdock-host\n"));
    assert_eq!(entries["tmp/"], "Directory 1777 ");
    assert_eq!(entries["root/"], "Directory 700 ");
}

#[test]
fn a_program_in_a_temporary_folder_keeps_it_world_writable() {
    let machine = Pretend::usual().with_path("/tmp/built");
    machine.program("/tmp/built/tool", &[]);
    let entries = entries(&resolve(&machine, &["tool"]));
    assert!(entries.contains_key("tmp/built/tool"));
    assert_eq!(entries["tmp/"], "Directory 1777 ");
}

#[test]
fn missing_programs_are_left_out_and_listed() {
    let recipe = resolve(&Pretend::usual(), &["nano", "bash"]);
    let missing = [Missing {
        program: "nano".to_owned(),
        reason: "not installed".to_owned(),
    }];
    assert_eq!(recipe.missing(), missing);
    assert_eq!(recipe.missing()[0].to_string(), "nano: not installed");
}

#[test]
fn bash_becomes_sh_if_there_is_no_other() {
    let machine = Pretend::usual();
    std::fs::remove_file(machine.on_disk("/usr/bin/sh")).unwrap();
    let recipe = resolve(&machine, &["sh"]);
    assert_eq!(recipe.missing(), []);
    assert_eq!(
        entries(&recipe)["usr/bin/sh"],
        "Symlink 777 -> /usr/bin/bash"
    );
}

#[test]
fn sh_is_the_login_shell_if_there_is_no_bash() {
    let machine = Pretend::usual();
    std::fs::remove_file(machine.on_disk("/usr/bin/bash")).unwrap();
    let recipe = resolve(&machine, &["bash"]);
    assert_eq!(recipe.missing()[0].program, "bash");
    assert!(entries(&recipe)["etc/passwd"].contains(":/usr/bin/sh\n"));
}

#[test]
fn an_image_requires_a_shell_and_sleep() {
    let machine = Pretend::usual();
    std::fs::remove_file(machine.on_disk("/usr/bin/sleep")).unwrap();
    let error = Recipe::resolve_on(machine.machine(), &[]).unwrap_err();
    assert_eq!(error.message(), "the `host` image requires `sleep`");
    std::fs::remove_file(machine.on_disk("/usr/bin/bash")).unwrap();
    std::fs::remove_file(machine.on_disk("/usr/bin/sh")).unwrap();
    let error = Recipe::resolve_on(machine.machine(), &names(&["ls"])).unwrap_err();
    assert_eq!(error.kind(), Kind::Image);
    assert_eq!(error.message(), "the `host` image requires a shell");
    assert_eq!(
        error.next_step(),
        Some("install bash, or choose another image with `--operating-system`")
    );
}

#[test]
fn a_path_is_not_a_program_name() {
    for name in ["/bin/ls", "../ls", ""] {
        let error = Recipe::resolve_on(Pretend::usual().machine(), &names(&[name])).unwrap_err();
        assert_eq!(error.kind(), Kind::Usage, "{name}");
    }
}

#[test]
fn data_is_included_for_the_programs_that_read_it() {
    let machine = Pretend::usual();
    machine.file("/usr/share/terminfo/x/xterm", 0o644, "xterm");
    machine.file("/usr/lib/locale/C.utf8/LC_MESSAGES/SYS", 0o644, "messages");
    machine.file("/etc/ssl/certs/ca-certificates.crt", 0o644, "authorities");
    machine.elf("/usr/lib/libssl.so.3", &Sample::default());
    let without = resolve(&machine, &["bash"]);
    machine.program("/usr/bin/curl", &["libssl.so.3"]);
    let with = entries(&resolve(&machine, &["curl"]));
    assert_eq!(with["usr/share/terminfo/x/xterm"], "Regular 644 xterm");
    assert_eq!(
        with["usr/lib/locale/C.utf8/LC_MESSAGES/SYS"],
        "Regular 644 messages"
    );
    assert_eq!(
        with["etc/ssl/certs/ca-certificates.crt"],
        "Regular 644 authorities"
    );
    assert!(!entries(&without).contains_key("etc/ssl/certs/ca-certificates.crt"));
    assert!(
        without
            .configuration()
            .contains(&"ENV LANG=C.UTF-8".to_owned())
    );
    assert!(
        !resolve(&Pretend::usual(), &[])
            .configuration()
            .contains(&"ENV LANG=C.UTF-8".to_owned())
    );
}

#[test]
fn hard_links_share_one_content() {
    let machine = Pretend::usual();
    machine.file("/usr/bin/gunzip", 0o755, "gunzip");
    std::fs::hard_link(
        machine.on_disk("/usr/bin/gunzip"),
        machine.on_disk("/usr/bin/uncompress"),
    )
    .unwrap();
    let entries = entries(&resolve(&machine, &["uncompress", "gunzip"]));
    assert_eq!(entries["usr/bin/gunzip"], "Regular 755 gunzip");
    assert_eq!(entries["usr/bin/uncompress"], "Link 755 -> usr/bin/gunzip");
}

#[test]
fn files_of_a_linked_home_are_put_into_its_target() {
    let machine = Pretend::usual().with_path("/root/bin");
    machine.link("/root", "var/roothome");
    machine.program("/var/roothome/bin/tool", &[]);
    let entries = entries(&resolve(&machine, &["tool"]));
    assert!(entries.contains_key("var/roothome/.bashrc"));
    assert!(!entries.keys().any(|path| path.starts_with("root/")));
    assert_eq!(
        entries["usr/local/bin/tool"],
        "Symlink 777 -> /var/roothome/bin/tool"
    );
}

#[test]
fn the_same_programs_in_any_order_give_the_same_bytes() {
    let machine = Pretend::usual();
    assert_eq!(
        plain(&resolve(&machine, &["bash", "sh"])),
        plain(&resolve(&machine, &["sh", "bash"]))
    );
    let packed = || {
        let mut bytes = Vec::new();
        resolve(&machine, &["bash"])
            .write_tar(Packing::Gzip, &mut bytes)
            .unwrap();
        bytes
    };
    assert_eq!(packed(), packed());
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(packed().as_slice())
        .read_to_end(&mut unpacked)
        .unwrap();
    assert_eq!(unpacked, plain(&resolve(&machine, &["bash"])));
}

#[test]
fn another_version_of_a_file_gives_another_digest() {
    let cache = tempfile::tempdir().unwrap();
    let machine = Pretend::usual();
    let digest = || resolve(&machine, &["bash"]).digest(cache.path()).unwrap();
    let first = digest();
    assert_eq!(digest(), first);
    machine.program("/usr/bin/bash", &["libc.so.6", "libc.so.6"]);
    let second = digest();
    machine.elf(
        "/usr/lib64/libc.so.6",
        &Sample {
            runpath: Some("/new"),
            ..Default::default()
        },
    );
    assert!(first != second && second != digest());
}

#[test]
fn a_file_that_changes_after_resolving_is_an_error() {
    let machine = Pretend::usual();
    let recipe = resolve(&machine, &["bash"]);
    machine.program("/usr/bin/bash", &["libc.so.6", "libc.so.6"]);
    let error = recipe
        .write_tar(Packing::Plain, std::io::sink())
        .unwrap_err();
    assert_eq!(error.message(), "cannot archive `/usr/bin/bash`");
    assert_eq!(
        error.causes(),
        ["it has changed in the meantime; run the command again"]
    );
}

#[test]
fn an_archive_that_cannot_be_written_is_an_error() {
    let machine = Pretend::usual();
    for packing in [Packing::Plain, Packing::Gzip] {
        let full = &mut [0_u8; 200][..];
        assert_eq!(
            resolve(&machine, &[])
                .write_tar(packing, full)
                .unwrap_err()
                .kind(),
            Kind::Image
        );
    }
}

#[test]
fn the_loader_of_the_local_shell_is_included() {
    let recipe = Recipe::resolve(&names(&["sh"])).unwrap();
    let shell = recipe.machine.follow(Path::new("/bin/sh")).unwrap();
    let shell = Linkage::read(recipe.machine.open(&shell.real).unwrap())
        .unwrap()
        .unwrap();
    assert!(recipe.rootfs.contains(Path::new("/bin/sh")));
    assert!(
        shell
            .interpreter
            .is_none_or(|loader| recipe.rootfs.contains(&loader))
    );
}
