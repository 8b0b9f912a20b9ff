//! The files that a login needs: users, groups, name services, a prompt.

use std::path::Path;

use super::machine_root::Link;
use super::tree::Rootfs;

const PASSWD: &str = "\
root:x:0:0:root:/root:SHELL
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
";

const GROUP: &str = "\
root:x:0:
daemon:x:1:
bin:x:2:
sys:x:3:
adm:x:4:
tty:x:5:
disk:x:6:
mail:x:8:
kmem:x:15:
utmp:x:43:
users:x:100:
nogroup:x:65534:
";

/// All passwords are locked.
const SHADOW: &str = "\
root:*:19000:0:99999:7:::
daemon:*:19000:0:99999:7:::
nobody:*:19000:0:99999:7:::
";

const NSSWITCH: &str = "\
passwd: files
group: files
shadow: files
hosts: files dns
networks: files
protocols: files
services: files
";

const OS_RELEASE: &str = "\
NAME=\"clusterdock host\"
ID=clusterdock-host
PRETTY_NAME=\"clusterdock host (programs of the machine that built it)\"
";

/// For login shells of any kind. Bash continues with `.bash_profile`; other shells get their prompt here.
const PROFILE: &str = r#"umask 022
if [ -z "${BASH-}" ]; then
    host=$(uname -n 2>/dev/null)
    PS1="[root@${host%%.*} \$PWD]# "
    unset host
fi
"#;

const BASH_PROFILE: &str = r#"[ -r ~/.bashrc ] && . ~/.bashrc
"#;

/// `[root@node-1 ~]# `
const BASHRC: &str = r#"case $- in *i*) ;; *) return ;; esac
PS1='[\u@\h \W]\$ '
shopt -s checkwinsize histappend
alias ls='ls --color=auto' ll='ls -l' grep='grep --color=auto'
"#;

/// Replaces Vim's default start file, which requires its whole runtime.
const VIMRC: &str = "set nocompatible backspace=indent,eol,start ruler\n";

/// Adds the folders and files of a system that can be logged in to, with `shell` as root's.
pub(super) fn add_files(rootfs: &mut Rootfs, shell: &Path) {
    for (path, mode) in [
        ("/dev", 0o755),
        ("/etc", 0o755),
        ("/home", 0o755),
        ("/mnt", 0o755),
        ("/opt", 0o755),
        ("/proc", 0o755),
        ("/root", 0o700),
        ("/run", 0o755),
        ("/srv", 0o755),
        ("/sys", 0o755),
        ("/tmp", 0o1777),
        ("/usr/local/bin", 0o755),
        ("/var/log", 0o755),
        ("/var/tmp", 0o1777),
    ] {
        rootfs.folder(Path::new(path), mode);
    }
    rootfs.link(&Link {
        at: "/var/run".into(),
        target: "/run".into(),
    });
    let passwd = PASSWD.replace("SHELL", &shell.to_string_lossy());
    for (path, mode, text) in [
        ("/etc/passwd", 0o644, passwd.as_str()),
        ("/etc/group", 0o644, GROUP),
        ("/etc/shadow", 0o600, SHADOW),
        ("/etc/nsswitch.conf", 0o644, NSSWITCH),
        ("/etc/os-release", 0o644, OS_RELEASE),
        ("/etc/profile", 0o644, PROFILE),
        // The engine mounts over these.
        ("/etc/hosts", 0o644, ""),
        ("/etc/hostname", 0o644, ""),
        ("/etc/resolv.conf", 0o644, ""),
        ("/root/.bash_profile", 0o644, BASH_PROFILE),
        ("/root/.bashrc", 0o644, BASHRC),
        ("/root/.vimrc", 0o644, VIMRC),
    ] {
        rootfs.write(Path::new(path), mode, text);
    }
}
