use std::os::unix::fs::symlink;
use std::sync::Mutex;

use super::*;
use crate::error::Kind;

fn config(text: &str) -> DockerConfig {
    let (config, warnings) = read(text.as_bytes());
    assert!(warnings.is_empty(), "{warnings:?}");
    config
}

/// Parses a file; returns the configuration and the warnings.
fn read(text: &[u8]) -> (DockerConfig, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("config.json"), text).unwrap();
    read_in(folder.path())
}

fn read_in(folder: &Path) -> (DockerConfig, Vec<String>) {
    let warnings = Mutex::new(Vec::new());
    let config = DockerConfig::read(folder, &|warning| warnings.lock().unwrap().push(warning));
    (config, warnings.into_inner().unwrap())
}

fn password(user: &str, password: &str) -> Option<Login> {
    Some(Login::Password {
        user: user.into(),
        password: password.into(),
    })
}

#[tokio::test]
async fn credentials_are_found_by_host_and_by_legacy_url() {
    // me:p:w, and again without padding.
    let config = config(
        r#"{"auths": {
            "r:5000": {"auth": "bWU6cDp3"},
            "https://old.example/v1/": {"auth": "eW91Og"},
            "plain": {"username": "u", "password": "p"},
            "token": {"auth": "eDo=", "identitytoken": "t"},
            "bearer": {"registrytoken": "b"},
            "empty": {}
        }}"#,
    );
    assert_eq!(
        config.login("r:5000", &|_| ()).await.unwrap(),
        password("me", "p:w")
    );
    assert_eq!(
        config.login("old.example", &|_| ()).await.unwrap(),
        password("you", "")
    );
    assert_eq!(
        config.login("plain", &|_| ()).await.unwrap(),
        password("u", "p")
    );
    assert_eq!(
        config.login("token", &|_| ()).await.unwrap(),
        Some(Login::IdentityToken("t".into()))
    );
    assert_eq!(
        config.login("bearer", &|_| ()).await.unwrap(),
        Some(Login::RegistryToken("b".into()))
    );
    for none in ["empty", "r", "r:5001"] {
        assert_eq!(config.login(none, &|_| ()).await.unwrap(), None, "{none}");
    }
}

#[tokio::test]
async fn malformed_credentials_are_skipped_and_never_shown() {
    let config = config(r#"{"auths": {"r": {"auth": "c2VjcmV0"}, "s": {"auth": "%%%"}}}"#);
    for server in ["r", "s"] {
        let warnings = Mutex::new(String::new());
        let login = config
            .login(server, &|warning| {
                warnings.lock().unwrap().push_str(&warning)
            })
            .await;
        assert_eq!(login.unwrap(), None);
        let warning = warnings.into_inner().unwrap();
        assert!(
            warning.contains(&format!("malformed credentials for `{server}`")),
            "{warning}"
        );
        assert!(!format!("{config:?}{warning}").contains("c2VjcmV0"));
    }
    assert!(!format!("{:?}", password("u", "secret")).contains("secret"));
}

#[test]
fn a_helper_for_one_registry_wins_over_the_default_store() {
    let some = config(
        r#"{"credsStore": "all", "credHelpers": {"a": "one", "b": ""}, "auths": {"a": {}}}"#,
    );
    assert_eq!(
        [some.helper("a"), some.helper("b"), some.helper("c")],
        [Some("one"), None, Some("all")]
    );
    assert_eq!(
        config(r#"{"auths": null, "credHelpers": null}"#).helper("a"),
        None
    );
}

#[tokio::test]
async fn a_helper_that_fails_to_run_is_named() {
    let config = config(r#"{"credsStore": "of-nobody-at-all"}"#);
    let error = config.login("r", &|_| ()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Image);
    assert!(
        error
            .to_string()
            .contains("`docker-credential-of-nobody-at-all`"),
        "{error}"
    );
}

#[test]
fn proxies_of_the_engine_win_over_the_defaults() {
    let config = config(
        r#"{"proxies": {
            "default": {"httpProxy": "http://p:1", "noProxy": "a,b", "ftpProxy": ""},
            "tcp://box:2375": {"httpsProxy": "http://q:2", "allProxy": "socks://s"}
        }}"#,
    );
    let shown = |engine: &str| {
        let arguments = config.proxy_arguments(engine).into_iter();
        arguments
            .map(|(name, value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
            .join(" ")
    };
    let default = "HTTP_PROXY=http://p:1 NO_PROXY=a,b http_proxy=http://p:1 no_proxy=a,b";
    assert_eq!(shown("unix:///var/run/docker.sock"), default);
    let own =
        "ALL_PROXY=socks://s HTTPS_PROXY=http://q:2 all_proxy=socks://s https_proxy=http://q:2";
    assert_eq!(shown("tcp://box:2375"), own);
    assert!(DockerConfig::default().proxy_arguments("x").is_empty());
}

#[test]
fn keys_ignore_case_and_null_means_absent() {
    let mixed = config(
        r#"{"CurrentContext": "lab", "AUTHS": {"R": {"Auth": "bWU6cA=="}}, "CredsStore": null, "Proxies":
            {"Default": {"HTTPProxy": "p"}, "default": null}, "HttpHeaders": 5, "currentcontextx": 1}"#,
    );
    assert_eq!(mixed.current_context.as_deref(), Some("lab"));
    // The names of registries and engines are not Docker's keys, so their case matters.
    assert_eq!(mixed.written("R", &|_| ()), password("me", "p"));
    assert_eq!(mixed.written("r", &|_| ()), None);
    assert_eq!(mixed.helper("R"), None);
    assert!(mixed.proxy_arguments("x").is_empty());
    assert_eq!(mixed.proxy_arguments("Default").len(), 2);
    for nothing in [
        "",
        " \n",
        "null",
        "{}",
        r#"{"auths": null, "credHelpers": null, "currentContext": null}"#,
    ] {
        assert!(config(nothing).current_context.is_none(), "{nothing}");
    }
}

#[test]
fn broken_entries_are_skipped_with_a_warning() {
    let broken: [&[u8]; 8] = [
        b"{",
        b"{\"auths\": {}",
        b"\xef\xbb\xbf{}",
        b"\xff\xfe{\0}\0",
        b"[]",
        b"5",
        b"\"text\"",
        b"# comment\n{}",
    ];
    for text in broken {
        let (config, warnings) = read(text);
        assert!(config.current_context.is_none());
        assert!(
            warnings.len() == 1 && warnings[0].contains("config.json cannot be read"),
            "{warnings:?}"
        );
    }
}

#[test]
fn a_field_of_the_wrong_type_does_not_affect_others() {
    let text = r#"{"auths": {"r": 5, "s": {"username": ["u"]}, "t": {"username": "u", "password": "p"}}, "credHelpers": [],
        "credsStore": {}, "proxies": {"default": "p"}, "currentContext": "lab"}"#;
    let (config, warnings) = read(text.as_bytes());
    assert_eq!(config.current_context.as_deref(), Some("lab"));
    assert_eq!(config.written("t", &|_| ()), password("u", "p"));
    assert_eq!((config.helper("t"), config.auths.len()), (None, 1));
    for field in [
        "`auths.r`",
        "`auths.s`",
        "`credHelpers`",
        "`credsStore`",
        "`proxies.default`",
    ] {
        assert_eq!(
            warnings
                .iter()
                .filter(|warning| warning.contains(field))
                .count(),
            1,
            "{field}: {warnings:?}"
        );
    }
    // As Docker does: invalid bytes are replaced, and everything after the first value is ignored.
    let (config, warnings) = read(b"{\"currentContext\": \"lab\", \"x\": \"\xe4\"} rest");
    assert_eq!(
        (config.current_context.as_deref(), warnings),
        (Some("lab"), vec![])
    );
}

#[test]
fn a_missing_file_is_fine_but_a_folder_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    assert!(read_in(folder.path()).1.is_empty());
    std::fs::create_dir(&path).unwrap();
    assert_eq!(read_in(folder.path()).1.len(), 1);
    std::fs::remove_dir(&path).unwrap();
    // A device that never ends, and a pipe without a writer.
    symlink("/dev/zero", &path).unwrap();
    assert_eq!(read_in(folder.path()).1.len(), 1);
    std::fs::remove_file(&path).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &path,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    assert_eq!(read_in(folder.path()).1.len(), 1);
}
