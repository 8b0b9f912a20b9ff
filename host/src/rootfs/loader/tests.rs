use super::super::pretend::Pretend;
use super::*;
use crate::elf::sample::Sample;

/// The real paths of everything `path` needs except loader and C library, and the extra links.
fn gathered(machine: &Pretend, path: &str) -> Result<(Vec<String>, Vec<Link>), String> {
    let machine = machine.machine();
    let mut needs = Needs::default();
    assert!(
        Loader::new(&machine).gather(Path::new(path), &mut needs)?,
        "`{path}` is not ELF"
    );
    let real = needs
        .found
        .iter()
        .map(|found| found.real.to_string_lossy().into_owned());
    let usual = ["/usr/lib64/ld-linux.so.2", "/usr/lib64/libc.so.6", path];
    Ok((
        real.filter(|real| !usual.contains(&real.as_str()))
            .collect(),
        needs.links,
    ))
}

fn files(machine: &Pretend, path: &str) -> Vec<String> {
    gathered(machine, path).unwrap().0
}

#[test]
fn libraries_of_libraries_are_included_once() {
    let machine = Pretend::usual();
    machine.program("/usr/bin/tool", &["liba.so", "libb.so"]);
    machine.elf(
        "/usr/lib/liba.so",
        &Sample {
            needed: &["libb.so", "libc.so.6"],
            ..Sample::default()
        },
    );
    machine.elf(
        "/usr/lib/libb.so",
        &Sample {
            needed: &["liba.so"],
            ..Sample::default()
        },
    );
    assert_eq!(
        files(&machine, "/usr/bin/tool"),
        ["/usr/lib/liba.so", "/usr/lib/libb.so"]
    );
}

#[test]
fn a_missing_library_or_loader_is_named() {
    let machine = Pretend::usual();
    machine.program("/usr/bin/tool", &["libgone.so.1"]);
    assert_eq!(
        gathered(&machine, "/usr/bin/tool").unwrap_err(),
        "its library `libgone.so.1` is missing"
    );
    machine.elf(
        "/usr/bin/tool",
        &Sample {
            interpreter: Some("/lib/ld-gone.so"),
            ..Sample::default()
        },
    );
    assert_eq!(
        gathered(&machine, "/usr/bin/tool").unwrap_err(),
        "its loader `/lib/ld-gone.so` is missing"
    );
}

#[test]
fn a_library_for_another_processor_is_skipped() {
    let machine = Pretend::usual();
    machine.program("/usr/bin/tool", &["liba.so"]);
    machine.elf(
        "/usr/lib64/liba.so",
        &Sample {
            is_32_bit: true,
            ..Sample::default()
        },
    );
    machine.elf("/usr/lib/liba.so", &Sample::default());
    assert_eq!(files(&machine, "/usr/bin/tool"), ["/usr/lib/liba.so"]);
}

#[test]
fn origin_is_the_real_folder_of_a_program() {
    let machine = Pretend::usual();
    let sample = Sample {
        needed: &["liba.so"],
        runpath: Some("$ORIGIN/../lib"),
        ..Sample::default()
    };
    machine.elf("/opt/tool/bin/tool", &sample);
    machine.link("/usr/bin/tool", "/opt/tool/bin/tool");
    machine.elf("/opt/tool/lib/liba.so", &Sample::default());
    assert_eq!(
        files(&machine, "/usr/bin/tool"),
        ["/opt/tool/bin/tool", "/opt/tool/lib/liba.so"]
    );
}

#[test]
fn rpath_applies_to_indirect_libraries_and_runpath_does_not() {
    let machine = Pretend::usual();
    machine.elf(
        "/opt/lib/liba.so",
        &Sample {
            needed: &["libb.so"],
            ..Sample::default()
        },
    );
    machine.elf("/opt/lib/libb.so", &Sample::default());
    let old = Sample {
        needed: &["liba.so"],
        rpath: Some("/opt/lib"),
        ..Sample::default()
    };
    machine.elf("/usr/bin/old", &old);
    assert_eq!(
        files(&machine, "/usr/bin/old"),
        ["/opt/lib/liba.so", "/opt/lib/libb.so"]
    );
    let new = Sample {
        needed: &["liba.so"],
        runpath: Some("/opt/lib"),
        ..Sample::default()
    };
    machine.elf("/usr/bin/new", &new);
    assert_eq!(
        gathered(&machine, "/usr/bin/new").unwrap_err(),
        "its library `libb.so` is missing"
    );
}

#[test]
fn a_library_known_only_to_ld_so_conf_gets_a_link() {
    let machine = Pretend::usual();
    machine.file(
        "/etc/ld.so.conf",
        0o644,
        "# comment\ninclude ld.so.conf.d/*.conf\n",
    );
    machine.file(
        "/etc/ld.so.conf.d/opt.conf",
        0o644,
        "/opt/lib # and no more\n",
    );
    machine.file("/etc/ld.so.conf.d/opt.conf.disabled", 0o644, "/opt/other\n");
    machine.program("/usr/bin/tool", &["liba.so", "libc.so.6"]);
    machine.elf("/opt/lib/liba.so", &Sample::default());
    machine.elf("/usr/lib/liba.so", &Sample::default());
    let (found, links) = gathered(&machine, "/usr/bin/tool").unwrap();
    assert_eq!(found, ["/opt/lib/liba.so"]);
    assert_eq!(
        links,
        [Link {
            at: "/usr/lib64/liba.so".into(),
            target: "/opt/lib/liba.so".into()
        }]
    );
    machine.program("/usr/bin/tool", &["libb.so"]);
    machine.elf("/opt/other/libb.so", &Sample::default());
    assert!(gathered(&machine, "/usr/bin/tool").is_err());
}

#[test]
fn libraries_loaded_later_are_included_if_present() {
    let machine = Pretend::usual();
    machine.elf(
        "/usr/lib64/libnss_dns.so.2",
        &Sample {
            needed: &["libresolv.so.2"],
            ..Sample::default()
        },
    );
    machine.elf("/usr/lib64/libresolv.so.2", &Sample::default());
    let wanted = ["/usr/lib64/libnss_dns.so.2", "/usr/lib64/libresolv.so.2"];
    assert_eq!(files(&machine, "/usr/bin/bash"), wanted);
}
