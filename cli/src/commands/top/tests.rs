//! The screen at 80 columns by 24 lines, and what keys do.

use std::sync::Arc;

use console::Why;
use console::desk::Desk;
use coordinator::ops::acts::Act;
use domain::ids::RunId;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::draw::draw;
use super::look::Look;
use super::state::{Dialog, State, Tab, Wish};

fn press(state: &mut State, code: KeyCode) -> Option<Wish> {
    state.key(KeyEvent::new(code, KeyModifiers::NONE))
}

/// What is on a screen of 80 columns by 24 lines.
fn screen(state: &mut State) -> String {
    let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
    terminal.draw(|frame| draw(frame, state)).unwrap();
    let buffer = terminal.backend().buffer();
    let lines = buffer.content().chunks(usize::from(buffer.area.width));
    lines.map(|line| line.iter().map(ratatui::buffer::Cell::symbol).collect::<String>() + "\n").collect()
}

const JOB: &str = "[job]\nname = \"card\"\n[source]\nformat = \"delimited\"\nheader = true\n[approval]\nfour_eyes = true\n\
                   [[record]]\nname = \"entry\"\nkey = [\"id\"]\namounts = [\"amount\"]\nstaging = \"stg\"\nfinal = \"entries\"\n\
                   [[record.field]]\nname = \"id\"\ntype = \"integer\"\n\
                   [[record.field]]\nname = \"amount\"\ntype = \"decimal(15,2)\"\n";

/// A store with a run that waits for approval, and one that is not reconciled.
async fn store(folder: &std::path::Path) -> Arc<Desk> {
    let (job, good, bad) = (folder.join("card.toml"), folder.join("good.csv"), folder.join("bad.csv"));
    std::fs::write(&job, JOB).unwrap();
    std::fs::write(&good, "id,amount\n1,10.00\n2,20.00\n3,30.50\n").unwrap();
    std::fs::write(&bad, "id,amount\n4,10.00\n4,20.00\nx,1.00\n").unwrap();
    let url = format!("sqlite:{}", folder.join("store.db").display());
    for source in [&good, &bad] {
        let words = [
            "crossfoot",
            "--store",
            &url,
            "run",
            job.to_str().unwrap(),
            "--source",
            source.to_str().unwrap(),
        ];
        let args = <crate::args::Args as clap::Parser>::try_parse_from(words).unwrap();
        drop(Box::pin(super::super::run(args)).await);
    }
    let words = ["crossfoot", "--store", &url, "top"];
    let args = <crate::args::Args as clap::Parser>::try_parse_from(words).unwrap();
    let (settings, store) = super::super::context::open_store(&args.global).await.unwrap();
    let how = super::super::console::How {
        listen: ([127, 0, 0, 1], 0).into(),
        require_token: false,
        read_only: false,
        refuses: None,
    };
    super::super::console::desk(&settings, &store, &how, how.listen, console::access::SignIn::default())
        .unwrap()
        .0
}

async fn look(desk: &Desk, wanted: Option<RunId>) -> Look {
    super::look::once(desk, wanted).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_are_listed_and_opened_with_their_flow_checks_workers_chunks_and_log() {
    let folder = tempfile::tempdir().unwrap();
    let desk = store(folder.path()).await;
    let mut state = State::new("sqlite:store.db".into(), false);
    assert!(screen(&mut state).contains("reading the store"));
    state.looked(look(&desk, None).await);
    let runs = screen(&mut state);
    assert!(runs.contains("✗ NOT RECONCILED"), "{runs}");
    assert!(runs.contains("! awaits approval"), "{runs}");

    // The newest run is the one that is not reconciled.
    let Some(Wish::Show(Some(run_id))) = press(&mut state, KeyCode::Enter) else { panic!("not opened") };
    assert!(screen(&mut state).contains("reading the run"));
    state.looked(look(&desk, Some(run_id)).await);
    let run = screen(&mut state);
    for words in [
        "✗ NOT RECONCILED  card",
        "source 3 → read 3 → written 2 → staging 2 → final –",
        "rejected 1",
        "✓ split = accepted + rejected",
        "✗ key is unique  expected 0, found 1 (+1)",
    ] {
        assert!(run.contains(words), "`{words}` is not in\n{run}");
    }
    for (tab, words) in [
        (Tab::Workers, "✓ reported = ledger = tables, for each worker"),
        (Tab::Chunks, "1 committed"),
        (Tab::Log, "not-reconciled"),
        (Tab::Checks, "failed"),
    ] {
        press(&mut state, KeyCode::Tab);
        assert_eq!(state.tab, tab);
        let shown = screen(&mut state);
        assert!(shown.contains(words), "`{words}` is not in\n{shown}");
    }
    // What is scrolled too far stays at the last line.
    for _ in 0..20 {
        press(&mut state, KeyCode::PageDown);
    }
    screen(&mut state);
    assert!(state.scroll < 100);
    assert_eq!(press(&mut state, KeyCode::Esc), Some(Wish::Show(None)));
    assert_eq!(press(&mut state, KeyCode::Char('q')), Some(Wish::Leave));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_act_is_refused_with_its_reason_or_asks_for_one_and_is_confirmed() {
    let folder = tempfile::tempdir().unwrap();
    let desk = store(folder.path()).await;
    let mut state = State::new("sqlite:store.db".into(), false);
    state.looked(look(&desk, None).await);
    // The older run waits for approval, which another operator must give.
    press(&mut state, KeyCode::Down);
    let Some(Wish::Show(Some(run_id))) = press(&mut state, KeyCode::Enter) else { panic!("not opened") };
    state.looked(look(&desk, Some(run_id)).await);
    press(&mut state, KeyCode::Char('a'));
    let acts = screen(&mut state);
    assert!(acts.contains("What to do with run") && acts.contains("approve"), "{acts}");
    assert_eq!(press(&mut state, KeyCode::Enter), None);
    let said = screen(&mut state);
    assert!(said.contains("✗ cannot approve:"), "{said}");

    let cancel = Act::ALL.iter().position(|act| *act == Act::Cancel).unwrap();
    press(&mut state, KeyCode::Char('a'));
    (0..cancel).for_each(|_| drop(press(&mut state, KeyCode::Down)));
    assert_eq!(press(&mut state, KeyCode::Enter), None);
    assert!(matches!(state.dialog, Some(Dialog::Reason(..))));
    "no longer".chars().for_each(|c| drop(press(&mut state, KeyCode::Char(c))));
    let asked = screen(&mut state);
    assert!(asked.contains("> no longer") && asked.contains("none of its rows reach final"), "{asked}");
    let reason = Some("no longer".to_owned());
    let wish = press(&mut state, KeyCode::Enter);
    assert_eq!(wish, Some(Wish::Act { run_id, act: Act::Cancel, why: Why::because(reason.as_deref()) }));
    assert_eq!(state.dialog, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_window_is_asked_for_with_a_number_and_then_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let desk = store(folder.path()).await;
    let mut state = State::new("sqlite:store.db".into(), false);
    state.looked(look(&desk, None).await);
    let Some(Wish::Show(Some(run_id))) = press(&mut state, KeyCode::Enter) else { panic!("not opened") };
    let mut seen = look(&desk, Some(run_id)).await;
    // As if a process were loading it.
    let acts = &mut seen.seen.as_mut().unwrap().open.as_mut().unwrap().view.acts;
    let place = acts.iter().position(|act| act.act == Act::Window).unwrap();
    acts[place].why_not = None;
    state.looked(seen);
    let write =
        |state: &mut State, text: &str| text.chars().for_each(|c| drop(press(state, KeyCode::Char(c))));

    press(&mut state, KeyCode::Char('a'));
    (0..place).for_each(|_| drop(press(&mut state, KeyCode::Down)));
    assert_eq!(press(&mut state, KeyCode::Enter), None);
    let asked = screen(&mut state);
    assert!(asked.contains("Chunks in flight") && asked.contains("coordinator's window"), "{asked}");
    // Digits only; a number beyond the bound is refused where it is written, and can be corrected.
    write(&mut state, "9x9-9999999");
    assert_eq!(press(&mut state, KeyCode::Enter), None);
    let refused = screen(&mut state);
    assert!(refused.contains("> 999") && refused.contains("✗ write a number from 1 to "), "{refused}");
    (0..10).for_each(|_| drop(press(&mut state, KeyCode::Backspace)));
    write(&mut state, "12");
    assert!(screen(&mut state).contains("> 12"));
    assert_eq!(press(&mut state, KeyCode::Enter), None);
    write(&mut state, "busy hours");
    let reason = screen(&mut state);
    assert!(reason.contains("Reason (") && reason.contains("> busy hours"), "{reason}");
    let why = Why { chunks: Some(12), ..Why::because(Some("busy hours")) };
    assert_eq!(press(&mut state, KeyCode::Enter), Some(Wish::Act { run_id, act: Act::Window, why }));

    // No number gives the run its share again; Escape gives the act up.
    press(&mut state, KeyCode::Char('a'));
    (0..place).for_each(|_| drop(press(&mut state, KeyCode::Down)));
    (0..2).for_each(|_| drop(press(&mut state, KeyCode::Enter)));
    assert!(matches!(&state.dialog, Some(Dialog::Reason(_, None, _))));
    assert_eq!(press(&mut state, KeyCode::Esc), None);
    assert_eq!(state.dialog, None);
}
