// Acts: what an operator can do, what each will do before it does it, and why one cannot be done.

import { perform, who } from "../core/api.js";
import { h } from "../core/dom.js";
import { count, sentence, shortRun, visible } from "../core/format.js";
import { act as words } from "../core/words.js";
import { announce, toast } from "../core/notice.js";
import { badge, facts, withCommands } from "./bits.js";

// What helps first, then what ends or deletes.
const ORDER = ["approve", "redrive", "resume", "pause", "window", "cancel", "back-out", "purge"];

// The API's sentences have neither a capital nor a full stop, as messages of commands. A name keeps its letters.
function stop(text) {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

function refused(one) {
  if (one.legal) return null;
  return stop(one.why_not ?? "the run's state does not allow it");
}

/** A button for each act that is possible, `first` before them; then the others, each with why it is not. */
export function acts(run, changed, first) {
  const all = run.acts ?? [];
  const place = (one) => ORDER.indexOf(one.act);
  const possible = all.filter((one) => !refused(one)).sort((left, right) => place(left) - place(right));
  const others = all.filter((one) => refused(one));
  if (!all.length && !first) return null;
  return [
    h(
      "div",
      { class: "acts", role: "group", "aria-label": "Acts on this run", key: "acts" },
      first,
      possible.map((one, at) => {
        const said = words(one.act);
        return h(
          "button",
          {
            type: "button",
            class: said.danger ? "danger" : at || first ? null : "primary",
            key: one.act,
            "data-act": one.act,
            on: { click: (event) => confirmed(ofRun(run, one), changed, event.currentTarget) },
          },
          `${said.label}…`,
        );
      }),
    ),
    others.length
      ? h(
          "details",
          { class: "others", key: "others" },
          h("summary", null, "What is not possible now, and why"),
          h(
            "dl",
            { class: "facts tight" },
            others.map((one) => [h("dt", null, words(one.act).label), h("dd", null, withCommands(refused(one)))]),
          ),
        )
      : null,
  ];
}

function about(run) {
  return facts([
    ["Job", visible(run.job)],
    ["Run", h("span", { class: "mono" }, shortRun(run.run_id))],
    ["Verdict", badge(run)],
    ["Records", count(run.flow?.source?.records ?? run.balance?.records)],
    run.driven_by ? ["Driven by", visible(run.driven_by)] : null,
    run.window_chunks ? ["Chunks in flight", `${count(run.window_chunks)} at most`] : null,
  ]);
}

// What an act on a run asks and does.
function ofRun(run, one) {
  return {
    key: one.act,
    said: words(one.act),
    does: one.does,
    about: about(run),
    needsReason: one.reason_needed,
    field: one.act === "window" ? chunks(run) : null,
    send: (reason, more) => perform(run.run_id, one.act, reason, more),
  };
}

// How many chunks may be in flight; nothing for the run's share of the coordinator's window.
function chunks(run) {
  const input = h("input", {
    id: "act-chunks",
    name: "chunks",
    inputmode: "numeric",
    maxlength: "6",
    value: run.window_chunks ?? "",
    "aria-describedby": "act-chunks-use",
  });
  const read = () => {
    const text = input.value.trim();
    if (!text) return { chunks: null };
    const number = Number(text);
    const good = /^[0-9]+$/.test(text) && number >= 1 && number <= 100000;
    if (good) return { chunks: number };
    input.setAttribute("aria-invalid", "true");
    input.focus();
    return { wrong: "Write a number from 1 to 100,000, or nothing." };
  };
  const drawn = [
    h("label", { for: "act-chunks" }, "Chunks in flight"),
    input,
    h("p", { id: "act-chunks-use", class: "soft small" }, "Empty: the run's share of the coordinator's window."),
  ];
  return { drawn, read };
}

function dialog(title, ...content) {
  const id = "act-title";
  const element = h(
    "dialog",
    { "aria-labelledby": id, class: "act-dialog" },
    h("h2", { id, tabindex: "-1" }, title),
    content,
  );
  document.body.append(element);
  return element;
}

/**
 * Asks before something is done, and does it: `{key, said: {label, confirm, danger}, does, about, needsReason, field,
 * send}`. `from` is the button that was pressed; it has `data-act` with the key.
 */
export function confirmed(one, changed, from) {
  const { said } = one;
  const close = h("button", { type: "button", on: { click: () => box.close() } }, "Go back");
  const box = dialog(
    `${said.label}?`,
    form(one, close, (done) => {
      box.close();
      toast(done);
      changed();
    }),
  );
  box.addEventListener("close", () => {
    box.remove();
    // The button may have been exchanged while the dialog was open.
    const back = from.isConnected
      ? from
      : (document.querySelector(`[data-act="${one.key}"]`) ?? document.querySelector("h1"));
    back?.focus();
  });
  box.showModal();
  (box.querySelector("input, textarea") ?? box.querySelector("h2")).focus();
}

function form(one, close, done) {
  const { said, field } = one;
  const alarm = h("div", { role: "alert", class: "form-error" });
  const reason = h("textarea", {
    id: "act-reason",
    name: "reason",
    rows: "3",
    required: one.needsReason,
    maxlength: "2000",
    "aria-describedby": "act-reason-use",
    "aria-required": one.needsReason ? "true" : null,
  });
  const confirm = h("button", { class: said.danger ? "danger confirm" : "primary" }, said.confirm);
  const fail = (title, detail, next) => {
    alarm.replaceChildren(
      h("p", null, h("strong", null, `✗ ${title}`)),
      ...[detail, next && `Next: ${next}`].filter(Boolean).map((text) => h("p", null, withCommands(text))),
    );
  };
  async function submit(event) {
    event.preventDefault();
    const text = reason.value.trim();
    if (one.needsReason && !text) {
      reason.setAttribute("aria-invalid", "true");
      fail("A reason is needed", "It is kept in the evidence log with your name.");
      reason.focus();
      return;
    }
    const { wrong, ...more } = field?.read() ?? {};
    if (wrong) {
      fail("That cannot be done", wrong);
      return;
    }
    confirm.disabled = true;
    announce(`${said.label}: asked`);
    try {
      const answer = await one.send(text, more);
      done(sentence(stop(answer.done ?? `${said.label}: done`)));
    } catch (error) {
      confirm.disabled = false;
      fail(error.title ?? "It failed", error.detail ?? error.message, error.next);
    }
  }
  return h(
    "form",
    { novalidate: true, on: { submit } },
    h("p", { class: "does" }, withCommands(sentence(stop(one.does ?? "")))),
    one.about,
    field?.drawn,
    h("label", { for: "act-reason" }, one.needsReason ? "Reason" : "Reason (optional)"),
    reason,
    h(
      "p",
      { id: "act-reason-use", class: "soft small" },
      `Kept in the evidence log under the name ${visible(who.session?.operator ?? "of the operator")}.`,
    ),
    alarm,
    h("div", { class: "buttons" }, confirm, close),
  );
}
