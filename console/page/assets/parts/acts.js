// Acts: what an operator can do to a run, what each will do before it does it, and why one cannot be done.

import { perform, who } from "../core/api.js";
import { h } from "../core/dom.js";
import { count, sentence, shortRun, visible } from "../core/format.js";
import { act as words } from "../core/words.js";
import { announce, toast } from "../core/notice.js";
import { badge, facts, withCommands } from "./bits.js";

// What helps first, then what ends or deletes.
const ORDER = ["approve", "redrive", "resume", "cancel", "back-out", "purge"];

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
            on: { click: (event) => open(run, one, changed, event.currentTarget) },
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
  ]);
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

function open(run, one, changed, from) {
  const said = words(one.act);
  const close = h("button", { type: "button", on: { click: () => box.close() } }, "Go back");
  const box = dialog(
    `${said.label}?`,
    form(run, one, said, close, (done) => {
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
      : (document.querySelector(`[data-act="${one.act}"]`) ?? document.querySelector("h1"));
    back?.focus();
  });
  box.showModal();
  (box.querySelector("textarea") ?? box.querySelector("h2")).focus();
}

function form(run, one, said, close, done) {
  const alarm = h("div", { role: "alert", class: "form-error" });
  const reason = h("textarea", {
    id: "act-reason",
    name: "reason",
    rows: "3",
    required: one.reason_needed,
    maxlength: "2000",
    "aria-describedby": "act-reason-use",
    "aria-required": one.reason_needed ? "true" : null,
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
    if (one.reason_needed && !text) {
      reason.setAttribute("aria-invalid", "true");
      fail("A reason is needed", "It is kept in the evidence log with your name.");
      reason.focus();
      return;
    }
    confirm.disabled = true;
    announce(`${said.label}: asked`);
    try {
      const answer = await perform(run.run_id, one.act, text);
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
    about(run),
    h("label", { for: "act-reason" }, one.reason_needed ? "Reason" : "Reason (optional)"),
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
