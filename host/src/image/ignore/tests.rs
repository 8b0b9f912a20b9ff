//! The cases that moby/patternmatcher and its ignorefile publish, and what they leave open.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::{Ignore, Verdict, normalized};
use crate::error::Kind;

fn ignore(text: impl AsRef<[u8]>) -> Ignore {
    Ignore::parse(text.as_ref(), Path::new(".dockerignore")).unwrap()
}

/// Whether a path matches, where a slash at its end makes a name of its own, as the published cases have it.
fn excludes(ignore: &Ignore, path: &str) -> bool {
    let mut verdict = Verdict::default();
    let folders = path
        .match_indices('/')
        .map(|(index, _)| &path[..index])
        .filter(|folder| !folder.is_empty());
    for folder in folders {
        verdict = ignore.judge(Path::new(folder), &verdict);
    }
    ignore.judge(Path::new(path), &verdict).excludes
}

#[test]
fn paths_match_as_published() {
    let cases = [
        ("**", "file", true),
        ("**", "file/", true),
        ("**/", "file", true),
        ("**/", "file/", true),
        ("**", "/", true),
        ("**/", "/", true),
        ("**", "dir/file", true),
        ("**/", "dir/file", true),
        ("**", "dir/file/", true),
        ("**/", "dir/file/", true),
        ("**/**", "dir/file", true),
        ("**/**", "dir/file/", true),
        ("dir/**", "dir/file", true),
        ("dir/**", "dir/file/", true),
        ("dir/**", "dir/dir2/file", true),
        ("dir/**", "dir/dir2/file/", true),
        ("**/dir", "dir", true),
        ("**/dir", "dir/file", true),
        ("**/dir2/*", "dir/dir2/file", true),
        ("**/dir2/*", "dir/dir2/file/", true),
        ("**/dir2/**", "dir/dir2/dir3/file", true),
        ("**/dir2/**", "dir/dir2/dir3/file/", true),
        ("**file", "file", true),
        ("**file", "dir/file", true),
        ("**/file", "dir/file", true),
        ("**file", "dir/dir/file", true),
        ("**/file", "dir/dir/file", true),
        ("**/file*", "dir/dir/file", true),
        ("**/file*", "dir/dir/file.txt", true),
        ("**/file*txt", "dir/dir/file.txt", true),
        ("**/file*.txt", "dir/dir/file.txt", true),
        ("**/file*.txt*", "dir/dir/file.txt", true),
        ("**/**/*.txt", "dir/dir/file.txt", true),
        ("**/**/*.txt2", "dir/dir/file.txt", false),
        ("**/*.txt", "file.txt", true),
        ("**/**/*.txt", "file.txt", true),
        ("a**/*.txt", "a/file.txt", true),
        ("a**/*.txt", "a/dir/file.txt", true),
        ("a**/*.txt", "a/dir/dir/file.txt", true),
        ("a/*.txt", "a/dir/file.txt", false),
        ("a/*.txt", "a/file.txt", true),
        ("a/*.txt**", "a/file.txt", true),
        ("a[b-d]e", "ae", false),
        ("a[b-d]e", "ace", true),
        ("a[b-d]e", "aae", false),
        ("a[^b-d]e", "aze", true),
        (".*", ".foo", true),
        (".*", "foo", false),
        ("abc.def", "abcdef", false),
        ("abc.def", "abc.def", true),
        ("abc.def", "abcZdef", false),
        ("abc?def", "abcZdef", true),
        ("abc?def", "abcdef", false),
        ("**/foo/bar", "foo/bar", true),
        ("**/foo/bar", "dir/foo/bar", true),
        ("**/foo/bar", "dir/dir2/foo/bar", true),
        ("abc/**", "abc", false),
        ("abc/**", "abc/def", true),
        ("abc/**", "abc/def/ghi", true),
        ("**/.foo", ".foo", true),
        ("**/.foo", "bar.foo", false),
        ("a(b)c/def", "a(b)c/def", true),
        ("a(b)c/def", "a(b)c/xyz", false),
        ("a.|)$(}+{bc", "a.|)$(}+{bc", true),
        (
            "dist/p.py-2.4.0rc3+g08-py3-any.whl",
            "dist/p.py-2.4.0rc3+g08-py3-any.whl",
            true,
        ),
        ("dist/*.whl", "dist/p.py-2.4.0rc3+g08-py3-any.whl", true),
        ("a\\\\", "a\\", true),
        ("a\\*b", "a*b", true),
        ("*", "fileutils.go", true),
        ("*.go", "fileutils.go", true),
    ];
    for (pattern, path, expected) in cases {
        assert_eq!(
            excludes(&ignore(pattern), path),
            expected,
            "{pattern} {path}"
        );
    }
}

#[test]
fn names_match_as_published() {
    let cases = [
        ("abc", "abc", true),
        ("*c", "abc", true),
        ("a*", "a", true),
        ("a*", "abc", true),
        ("a*", "ab/c", true),
        ("a*/b", "abc/b", true),
        ("a*/b", "a/c/b", false),
        ("a*b*c*d*e*/f", "axbxcxdxe/f", true),
        ("a*b*c*d*e*/f", "axbxcxdxexxx/f", true),
        ("a*b*c*d*e*/f", "axbxcxdxe/xxx/f", false),
        ("a*b*c*d*e*/f", "axbxcxdxexxx/fff", false),
        ("a*b?c*x", "abxbbxdbxebxczzx", true),
        ("a*b?c*x", "abxbbxdbxebxczzy", false),
        ("ab[c]", "abc", true),
        ("ab[b-d]", "abc", true),
        ("ab[e-g]", "abc", false),
        ("ab[^c]", "abc", false),
        ("ab[^b-d]", "abc", false),
        ("ab[^e-g]", "abc", true),
        ("a\\*b", "ab", false),
        ("a?b", "a☺b", true),
        ("a[^a]b", "a☺b", true),
        ("a???b", "a☺b", false),
        ("a[^a][^a][^a]b", "a☺b", false),
        ("[a-ζ]*", "α", true),
        ("*[a-ζ]", "A", false),
        ("a?b", "a/b", false),
        ("a*b", "a/b", false),
        ("[\\]a]", "]", true),
        ("[\\-]", "-", true),
        ("[x\\-]", "x", true),
        ("[x\\-]", "-", true),
        ("[x\\-]", "z", false),
        ("[\\-x]", "x", true),
        ("[\\-x]", "-", true),
        ("[\\-x]", "a", false),
        ("*x", "xxx", true),
    ];
    for (pattern, path, expected) in cases {
        assert_eq!(
            excludes(&ignore(pattern), path),
            expected,
            "{pattern} {path}"
        );
    }
}

#[test]
fn invalid_patterns_are_named_with_their_file_and_line() {
    for pattern in [
        "[]a]", "[-]", "[x-]", "[-x]", "\\", "[a-b-c]", "[", "[^", "[^bc", "a[", "!", "! ", "!/",
        "![", "a/[b", "[z-a]", "b\\", "*/[", "x**[",
    ] {
        let text = format!("# one\nok\n{pattern}\nlater\n");
        let error =
            Ignore::parse(text.as_bytes(), Path::new("/context/.dockerignore")).unwrap_err();
        assert_eq!(error.kind(), Kind::Usage, "{pattern}");
        assert!(
            error
                .message()
                .ends_with("in `/context/.dockerignore`, line 3"),
            "{error}"
        );
        assert!(
            error.message().contains(&format!("`{}`", pattern.trim())),
            "{error}"
        );
    }
}

#[test]
fn several_patterns_decide_as_in_docker() {
    let cases: [(&[&str], &str, bool); 14] = [
        (&["**", "!util/docker/web"], "util/docker/web/foo", false),
        (
            &["**", "!util/docker/web", "util/docker/web/foo"],
            "util/docker/web/foo",
            true,
        ),
        (&["**", "!dist/a+b.whl"], "dist/a+b.whl", false),
        (&["**", "!dist/*.whl"], "dist/a+b.whl", false),
        (&["!fileutils.go", "*.go"], "fileutils.go", true),
        (&["*.go", "!fileutils.go"], "fileutils.go", false),
        (&["docs", "!docs/README.md"], "docs/README.md", false),
        (&["docs/", "!docs/README.md"], "docs/README.md", false),
        (&["docs/*", "!docs/README.md"], "docs/README.md", false),
        (&["docs", "  !docs/README.md"], "docs/README.md", false),
        (&["docs", "!docs/README.md  "], "docs/README.md", false),
        (&["docs", "!docs/README.md"], "docs/other.md", true),
        (
            &["*.md", "!README*.md", "README-secret.md"],
            "README-secret.md",
            true,
        ),
        (&["a/b", "!a"], "a/b", true),
    ];
    for (patterns, path, expected) in cases {
        assert_eq!(
            excludes(&ignore(patterns.join("\n")), path),
            expected,
            "{patterns:?} {path}"
        );
    }
}

#[test]
fn lines_are_read_as_published() {
    let text = "test1\n/test2\n/a/file/here\n\nlastfile\n# this is a comment\n! /inverted/abs/path\n!\n! \n\
                ./x/./y//z/\n../up\n/../top\na/../../b\n.\n/\n #no comment\n\\#escaped\n";
    let lines: Vec<String> = text
        .split('\n')
        .filter_map(|line| normalized(line.as_bytes()))
        .map(text_of)
        .collect();
    let expected = [
        "test1",
        "test2",
        "a/file/here",
        "lastfile",
        "!inverted/abs/path",
        "!",
        "!",
        "x/y/z",
        "../up",
        "top",
        "../b",
        ".",
        "/",
        "#no comment",
        "\\#escaped",
    ];
    assert_eq!(lines, expected);
}

fn text_of(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_pattern_outside_of_the_context_matches_nothing() {
    for pattern in ["../.env", "../", "..", "a/../../.env", "/", "."] {
        assert!(!excludes(&ignore(pattern), ".env"), "{pattern}");
    }
    for pattern in [
        "/../.env",
        "/.env",
        "./.env",
        "a/../.env",
        ".env/",
        "//.env//",
    ] {
        assert!(excludes(&ignore(pattern), ".env"), "{pattern}");
    }
}

#[test]
fn no_encoding_and_no_line_end_disables_the_file() {
    let latin_1: &[u8] = b"# caf\xe9\n.env\n";
    let cases = [
        latin_1,
        b"\xef\xbb\xbf.env",
        b".env\r\n",
        b"a\r\n.env\r\nb\r\n",
        b"\xff\xfe\n.env",
        b"\xc3(\n\t.env \x0b\n",
    ];
    for text in cases {
        assert!(excludes(&ignore(text), ".env"), "{text:?}");
    }
    // A comment behind a byte order mark is one; on a later line the mark is part of a name.
    assert!(ignore("\u{feff}# a\n").patterns.is_empty());
    assert!(!excludes(&ignore("a\n\u{feff}.env"), ".env"));
    // Names are bytes too.
    let name = |bytes: &'static [u8]| Path::new(OsStr::from_bytes(bytes));
    for (pattern, path) in [
        (&b"caf\xe9"[..], &b"caf\xe9"[..]),
        (b"caf?", b"caf\xe9"),
        (b"c*", b"caf\xe9"),
    ] {
        assert!(ignore(pattern).excludes(name(path)), "{pattern:?}");
    }
    assert!(!ignore(b"caf\xe9").excludes(name(b"caf\xe8")));
    // Two bytes a character: whoever saved that meant something else.
    let utf_16: Vec<u8> = "\u{feff}.env\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let error = Ignore::parse(&utf_16, Path::new("x")).unwrap_err();
    assert_eq!(error.next_step(), Some("save the file as UTF-8"));
}

#[test]
fn further_cases_match_docker() {
    let cases = [
        ("foo**", "foobar/x", true),
        ("**name", "a/surname", true),
        ("**na*e", "a/surname", false),
        ("a**b", "a/x/b", true),
        ("a**b", "axb", false),
        ("a**b", "ab", true),
        ("a***b", "ax/yb", true),
        ("x/**/y", "x/y", true),
        ("x/**/y", "x/1/2/y", true),
        ("x/**/y", "x/1y", false),
        ("?", "☺", true),
        ("a]b", "a]b", true),
        ("\\!a", "!a", true),
    ];
    for (pattern, path, expected) in cases {
        assert_eq!(
            excludes(&ignore(pattern), path),
            expected,
            "{pattern} {path}"
        );
    }
}

#[test]
fn folders_are_entered_if_a_pattern_may_include_a_path() {
    let ignore = ignore("*\n!a/b/c\n!x*\n!**/deep\n");
    let entered = ["a", "a/b", "a/b/c", "b", "x", "xy"]
        .map(|folder| ignore.includes_within(Path::new(folder)));
    assert_eq!(entered, [true, true, true, false, false, false]);
}

#[test]
fn a_required_path_is_included_alone() {
    let mut ignore = ignore("images\n[D]ocker*\n");
    ignore.include(Path::new("images/Docker[file]"));
    assert!(
        !ignore.excludes(Path::new("images/Docker[file]"))
            && ignore.excludes(Path::new("images/Dockerf"))
    );
    assert!(ignore.includes_within(Path::new("images")));
}

#[test]
fn no_pattern_is_slow() {
    let pattern = format!("{}b", "a*".repeat(200));
    assert!(!excludes(&ignore(pattern), &"a".repeat(4_000)));
    let pattern = format!("{}b", "**/a/".repeat(100));
    assert!(!excludes(&ignore(pattern), &"a/".repeat(100)));
}
