//! `completions` and `man`: what is installed beside the binary, made from the command line itself.

use std::fs;
use std::path::Path;

use clap::Command;
use clap_mangen::Man;

use crate::args::{Completions, Man as ManArgs};
use crate::help;
use crate::outcome::{Done, Failure};
use crate::output::{print_as_it_is, tell};

/// Runs `crossfoot completions`: prints a script that the shell reads at its start.
pub(crate) fn completions(args: &Completions) -> Result<Done, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut help::command(), "crossfoot", &mut script);
    print_as_it_is(&String::from_utf8_lossy(&script))?;
    Ok(Done::Well)
}

/// Runs `crossfoot man`: writes a page for the program and one for each command.
pub(crate) fn man(args: &ManArgs) -> Result<Done, Failure> {
    let unwritten = |path: &Path, error: std::io::Error| {
        Failure::usage(format!("cannot write {}: {error}; name a folder that can be written", path.display()))
    };
    fs::create_dir_all(&args.folder).map_err(|error| unwritten(&args.folder, error))?;
    let mut command = help::command();
    command.build();
    let mut pages = 0;
    for (name, page) in pages_of(&command, "crossfoot") {
        let path = args.folder.join(format!("{name}.1"));
        let mut text = Vec::new();
        Man::new(page).title(name).render(&mut text).map_err(|error| unwritten(&path, error))?;
        fs::write(&path, text).map_err(|error| unwritten(&path, error))?;
        pages += 1;
    }
    let told = format!("wrote {pages} pages to {}", args.folder.display());
    tell(&told, &told);
    Ok(Done::Well)
}

/// The command and all below it, each with the name of its page, such as `crossfoot-audit-verify`.
fn pages_of(command: &Command, name: &str) -> Vec<(String, Command)> {
    let mut pages = vec![(name.to_owned(), command.clone())];
    for below in command.get_subcommands().filter(|one| !one.is_hide_set() && one.get_name() != "help") {
        pages.extend(pages_of(below, &format!("{name}-{}", below.get_name())));
    }
    pages
}
