//! What is installed beside the binary.

use super::desk::Desk;

#[test]
fn shells_complete_every_command_and_each_has_a_man_page() {
    let desk = Desk::new();
    for shell in ["bash", "zsh", "fish"] {
        desk.run(&["completions", shell]).exits(0).prints(&[
            "crossfoot",
            "back-out",
            "dead-letters",
            "reason",
        ]);
    }
    desk.run(&["completions", "sh"]).exits(2).says(&["bash", "zsh"]);
    desk.run(&["man", "pages"]).exits(0).prints(&["pages to pages"]);
    let page = |name: &str| std::fs::read_to_string(desk.path("pages").join(format!("{name}.1"))).unwrap();
    assert!(page("crossfoot").contains(".TH crossfoot 1"));
    assert!(page("crossfoot-back-out").contains("\\-\\-reason"));
    assert!(page("crossfoot-audit-verify").contains("SYNOPSIS"));
    desk.put("file", "");
    desk.run(&["man", "file"]).exits(2).says(&["cannot write file"]);
}
