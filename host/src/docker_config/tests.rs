use super::*;

fn config(text: &str) -> DockerConfig {
    serde_json::from_str(text).unwrap()
}

fn password(user: &str, password: &str) -> Option<Login> {
    Some(Login::Password { user: user.into(), password: password.into() })
}

#[tokio::test]
async fn a_login_is_found_by_the_registrys_host_and_under_an_old_url() {
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
    assert_eq!(config.login("r:5000").await.unwrap(), password("me", "p:w"));
    assert_eq!(config.login("old.example").await.unwrap(), password("you", ""));
    assert_eq!(config.login("plain").await.unwrap(), password("u", "p"));
    assert_eq!(config.login("token").await.unwrap(), Some(Login::IdentityToken("t".into())));
    assert_eq!(config.login("bearer").await.unwrap(), Some(Login::RegistryToken("b".into())));
    for none in ["empty", "r", "r:5001"] {
        assert_eq!(config.login(none).await.unwrap(), None, "{none}");
    }
}

#[tokio::test]
async fn a_login_that_makes_no_sense_is_told_without_showing_it() {
    let config = config(r#"{"auths": {"r": {"auth": "c2VjcmV0"}}}"#);
    let error = config.login("r").await.unwrap_err();
    assert_eq!((error.kind(), error.message()), (Kind::Image, "Docker's login for `r` makes no sense"));
    assert!(!format!("{config:?}{error}").contains("c2VjcmV0"));
    assert!(!format!("{:?}", password("u", "secret")).contains("secret"));
}

#[test]
fn a_helper_of_one_registry_comes_before_the_store_of_all() {
    let some = config(r#"{"credsStore": "all", "credHelpers": {"a": "one", "b": ""}, "auths": {"a": {}}}"#);
    assert_eq!([some.helper("a"), some.helper("b"), some.helper("c")], [Some("one"), None, Some("all")]);
    assert_eq!(config(r#"{"auths": null, "credHelpers": null}"#).helper("a"), None);
}

#[tokio::test]
async fn a_helper_that_cannot_be_run_is_named() {
    let config = config(r#"{"credsStore": "of-nobody-at-all"}"#);
    let error = config.login("r").await.unwrap_err();
    assert_eq!(error.kind(), Kind::Image);
    assert!(error.to_string().contains("`docker-credential-of-nobody-at-all`"), "{error}");
}

#[test]
fn proxies_are_those_of_the_engine_else_the_default_ones_in_both_cases() {
    let config = config(
        r#"{"proxies": {
            "default": {"httpProxy": "http://p:1", "noProxy": "a,b", "ftpProxy": ""},
            "tcp://box:2375": {"httpsProxy": "http://q:2", "allProxy": "socks://s"}
        }}"#,
    );
    let shown = |engine: &str| {
        let arguments = config.proxy_arguments(engine).into_iter();
        arguments.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
    };
    let default = "HTTP_PROXY=http://p:1 NO_PROXY=a,b http_proxy=http://p:1 no_proxy=a,b";
    assert_eq!(shown("unix:///var/run/docker.sock"), default);
    let own = "ALL_PROXY=socks://s HTTPS_PROXY=http://q:2 all_proxy=socks://s https_proxy=http://q:2";
    assert_eq!(shown("tcp://box:2375"), own);
    assert!(DockerConfig::default().proxy_arguments("x").is_empty());
}

#[test]
fn a_file_that_is_not_there_says_nothing_and_a_broken_one_is_told() {
    let folder = tempfile::tempdir().unwrap();
    assert!(DockerConfig::read(folder.path()).unwrap().current_context.is_none());
    std::fs::write(folder.path().join("config.json"), "{").unwrap();
    let error = DockerConfig::read(folder.path()).unwrap_err();
    assert_eq!(error.kind(), Kind::Usage);
    assert!(error.message().contains("config.json"), "{error}");
}
