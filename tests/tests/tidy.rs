//! The house rules that no compiler checks: which package may use which, no circles between modules, files and lines
//! of a size to read, plain words, doc comments that say something.
//!
//! Each rule is a function from the tree to the places that break it, so that all of them are seen at once.

#![allow(clippy::unwrap_used, reason = "a test ends where the tree is not what it should be")]

#[path = "tidy/docs.rs"]
mod docs;
#[path = "tidy/edges.rs"]
mod edges;
#[path = "tidy/faults.rs"]
mod faults;
#[path = "tidy/limits.rs"]
mod limits;
#[path = "tidy/paths.rs"]
mod paths;
#[path = "tidy/text.rs"]
mod text;
#[path = "tidy/tree.rs"]
mod tree;

use tree::Tree;

/// Fails with every place that breaks the rule.
fn holds(rule: &str, broken: &[String]) {
    assert!(broken.is_empty(), "{rule}:\n  {}\n", broken.join("\n  "));
}

#[test]
fn packages_use_only_what_lies_below_them() {
    holds(
        "an edge between packages that tests/tests/tidy/edges.rs does not allow",
        &edges::foreign(&Tree::read()),
    );
}

#[test]
fn the_format_package_needs_no_runtime_database_or_broker() {
    holds("below `format` there must be none of these", &edges::heavy_below("format"));
}

#[test]
fn no_modules_of_a_package_go_in_a_circle() {
    holds("modules that use each other", &edges::circles(&Tree::read()));
}

#[test]
fn files_and_lines_have_a_size_to_read() {
    let tree = Tree::read();
    holds("a file of more than 450 lines: split it", &text::long_files(&tree));
    holds("a line of more than 120 columns", &text::long_lines(&tree));
    holds("a line of more than 120 columns", &text::long_lines_of_scripts());
}

#[test]
fn plain_words_are_used() {
    holds("words from tests/banned-words.txt", &text::banned_words());
}

#[test]
fn the_first_sentence_of_a_public_item_says_what_it_is() {
    holds(
        "a doc comment whose first sentence has fewer than four words or no end",
        &docs::empty_words(&Tree::read()),
    );
}

#[test]
fn fault_points_are_never_shipped_and_always_tried() {
    let tree = Tree::read();
    holds("fault points would be in a released binary", &faults::shipped(&tree));
    assert!(
        !faults::unguarded(&faults::library()),
        "shared/fault lets itself be built without debug assertions"
    );
    holds(
        "a fault point that cli/tests/matrix/points.rs does not strike",
        &faults::untried(&tree, &faults::matrix()),
    );
}

#[test]
fn the_page_of_limits_is_what_the_program_has() {
    let tree = Tree::read();
    let (page, tests) = (limits::page(), limits::all_texts(&tree));
    holds("docs/limits.md is not what the program has", &limits::untrue(&page, &tree, &tests));
    let other = page.replace("| 1,600 |", "| 1,601 |").replace("`sizes_are_bounded`", "`sizes_are_endless`");
    let row = "| one | 1 | – | x | `NO_MAX` in `domain/src/limits.rs` | `sizes_are_bounded` |";
    let broken = limits::untrue(&format!("{other}\n{row}\n"), &tree, &tests).join("\n");
    for said in ["1,601 is stated", "no test sizes_are_endless", "`NO_MAX` in `domain/src/limits.rs` is None"]
    {
        assert!(broken.contains(said), "{broken}");
    }
    let less = page.replace("CHUNK_BYTES_MAX", "CHUNK_RECORDS_MAX");
    assert!(limits::untrue(&less, &tree, &tests).join("\n").contains("CHUNK_BYTES_MAX has no row"));
}

#[test]
fn documents_name_files_that_are_there() {
    holds("paths in documents that lead nowhere", &paths::missing());
    holds("links in documents that lead nowhere", &paths::broken_links());
    let links =
        "[a](settings.md#secrets-x) [b](settings.md) [c](#a-b) [d](../README.md) [e](none.md)\n# A, b\n";
    assert_eq!(
        paths::broken_links_of("docs/x.md", links),
        ["settings.md#secrets-x", "../README.md", "none.md"]
    );
    assert_eq!(paths::each("a/{b,c}/{d,e}.rs"), ["a/b/d.rs", "a/b/e.rs", "a/c/d.rs", "a/c/e.rs"]);
}

/// A rule that finds nothing anywhere is no rule: each is shown what it must find.
#[test]
fn each_rule_finds_what_breaks_it() {
    let file = |path: &str, text: &str| (path.to_owned(), text.to_owned());
    let tree = Tree::of(
        vec![
            file("shared/format/src/a.rs", "use crate::b::B;\n"),
            file("shared/format/src/b.rs", "use crate::a::A;\n/// Too short.\npub fn b() {}\n"),
            file("worker/src/long.rs", &"\n".repeat(451)),
            file("worker/src/wide.rs", &"x".repeat(121)),
        ],
        vec![
            file(
                "shared/format",
                "[dependencies]\nstore.workspace = true\n[dev-dependencies]\njob.workspace = true",
            ),
            file("worker", "[dependencies]\ncoordinator.workspace = true\ntokio.workspace = true"),
        ],
    );
    assert_eq!(edges::foreign(&tree), ["shared/format uses store", "worker uses coordinator"]);
    assert_eq!(edges::circles(&tree), ["shared/format: a, b"]);
    assert_eq!(text::long_files(&tree), ["worker/src/long.rs: 451 lines"]);
    assert_eq!(text::long_lines(&tree), ["worker/src/wide.rs:1: 121 columns"]);
    assert_eq!(docs::empty_words(&tree), ["shared/format/src/b.rs:3: b: Too short."]);
    assert!(!edges::heavy_below("postgres").is_empty());
    let tree = Tree::of(
        vec![file(
            "worker/src/a.rs",
            "fault::point!(\"a.before\");\nfault::around!(format!(\"b.{}\", c), d)",
        )],
        vec![
            file("worker", "[dependencies]\nfault = { workspace = true, features = [\"fault-points\"] }"),
            file("cli", "[features]\ndefault = [\"fault-points\"]\nfault-points = []"),
        ],
    );
    assert_eq!(
        faults::shipped(&tree),
        ["worker: [dependencies] turns fault-points on", "cli: fault-points is on by default"]
    );
    assert_eq!(faults::untried(&tree, "\"b.chunks\""), ["worker/src/a.rs: a.before"]);
    assert!(faults::unguarded("compile_error!()"));
}
