//! The commands, one file each.

mod attest;
mod attest_pack;
mod attestations;
mod audit;
mod chain;
mod check;
mod console;
mod context;
mod dead_letters;
mod demo;
mod doctor;
mod drain;
mod drill;
mod explain;
mod fingerprint;
mod fleet;
mod init;
mod install;
mod monitoring;
mod operate;
mod own_tables;
mod preview;
mod prove;
mod quick;
mod reconcile;
mod rejects;
mod report;
mod resend;
mod restored;
mod resumable;
mod retention;
mod rotate_key;
mod run;
mod runs;
mod schema;
mod serve;
mod setup;
mod sign_in;
mod submit;
mod target;
mod token;
mod top;
mod trends;
mod watch;

use crate::args::{Args, Command};
use crate::outcome::{Done, Failure};

/// Runs the subcommand that the arguments name.
pub(crate) async fn run(args: Args) -> Result<Done, Failure> {
    let global = &args.global;
    match args.command {
        Command::Demo(demo) => Box::pin(demo::demo(global, &demo)).await,
        Command::Init(init) => init::init(global, &init),
        Command::Check(check) => check::check(global, &check).await,
        Command::Run(run) => Box::pin(run::run(global, &run)).await,
        Command::Reconcile(args) => Box::pin(reconcile::reconcile(global, &args)).await,
        Command::Attest(args) => Box::pin(attest::attest(global, &args)).await,
        Command::Fingerprint(fingerprint) => fingerprint::fingerprint(&fingerprint),
        Command::Runs(args) => runs::runs(global, &args).await,
        Command::Trends(args) => trends::trends(global, &args).await,
        Command::Show(args) => runs::show(global, &args).await,
        Command::Workers(run) => runs::workers(global, &run).await,
        Command::Rejects(rejects) => rejects::rejects(global, &rejects).await,
        Command::Resend(resend) => Box::pin(resend::resend(global, &resend)).await,
        Command::Explain(explain) => explain::explain(global, &explain).await,
        Command::Report(report) => report::report(global, &report).await,
        Command::Console(args) => console::console(global, &args).await,
        Command::Top(args) => top::top(global, &args).await,
        Command::Submit(submit) => Box::pin(submit::submit(global, &submit)).await,
        Command::Watch(args) => Box::pin(watch::watch(global, &args)).await,
        Command::Coordinator(args) => Box::pin(serve::coordinator(global, &args)).await,
        Command::Worker(args) => serve::worker(global, &args).await,
        Command::Redrive(args) => Box::pin(run::redrive(global, &args)).await,
        Command::DeadLetters(args) => Box::pin(dead_letters::dead_letters(global, &args)).await,
        Command::Fleet => fleet::fleet(global).await,
        Command::Doctor(args) => doctor::doctor(global, &args).await,
        Command::Setup(args) => setup::setup(global, &args).await,
        Command::Token(args) => token::token(global, &args).await,
        Command::RotateKey => rotate_key::rotate_key(global).await,
        Command::Resume(resume) => Box::pin(run::resume(global, &resume)).await,
        Command::Approve(approve) => Box::pin(run::approve(global, &approve)).await,
        Command::Cancel(cancel) => operate::cancel(global, &cancel).await,
        Command::Pause(pause) => operate::pause(global, &pause).await,
        Command::Window(args) => operate::window(global, &args).await,
        Command::Drain(args) => drain::drain(global, &args).await,
        Command::BackOut(back_out) => operate::back_out(global, &back_out).await,
        Command::Purge(purge) => operate::purge(global, &purge).await,
        Command::Retention(args) => retention::retention(global, &args).await,
        Command::Drill(drill) => Box::pin(drill::drill(global, &drill)).await,
        Command::Prove(prove) => prove::prove(global, &prove).await,
        Command::Completions(args) => install::completions(&args),
        Command::Man(args) => install::man(&args),
        Command::Schema(args) => schema::schema(global, &args),
        Command::Audit(audit) => audit::audit(global, &audit).await,
    }
}
