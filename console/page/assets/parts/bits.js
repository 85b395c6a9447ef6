// The small parts of every view: verdicts, bars, facts, digests, what is empty, what went wrong.

import { h, hidden, s } from "../core/dom.js";
import { NOTHING, isHash, plural, shortRun, visible } from "../core/format.js";
import { verdict } from "../core/words.js";

/** The part of the address that names a run. */
export function runPath(id, rest = "") {
  return `#/runs/${encodeURIComponent(id)}${rest}`;
}

/** Mark and word of a run's verdict. */
export function badge(run) {
  const said = verdict(run);
  return h(
    "span",
    { class: `badge ${said.class}` },
    h("span", { class: "mark", "aria-hidden": "true" }, said.mark),
    said.word,
  );
}

/** A run by the characters that people tell runs apart by. */
export function runLink(id, text) {
  return h("a", { href: runPath(id), class: text ? null : "mono", title: id }, text ?? shortRun(id));
}

/** A bar that is filled by a share from 0 to 1; the words beside it say the same. */
export function bar(part, style = "") {
  const filled = Math.max(0, Math.min(1, part || 0)) * 100;
  return s(
    "svg",
    { class: `bar ${style}`, viewBox: "0 0 100 6", preserveAspectRatio: "none", "aria-hidden": "true" },
    s("rect", { class: "all", width: 100, height: 6 }),
    s("rect", { class: "part", width: filled.toFixed(2), height: 6 }),
  );
}

/** A digest in groups between which a line may break; any other text as it is. */
export function digest(text) {
  if (text === null || text === undefined || text === "") return NOTHING;
  if (!isHash(text)) return visible(text);
  const groups = [];
  for (let at = 0; at < 64; at += 16) groups.push(text.slice(at, at + 16), at < 48 ? h("wbr") : null);
  return h("code", { class: "digest" }, groups);
}

/** Names and values, side by side. */
export function facts(pairs) {
  return h(
    "dl",
    { class: "facts" },
    pairs.filter(Boolean).map(([name, value]) => [h("dt", null, name), h("dd", null, value ?? NOTHING)]),
  );
}

/** A section with a heading that names it. */
export function section(id, title, ...content) {
  return h("section", { "aria-labelledby": id, class: "part", key: id }, h("h2", { id }, title), content);
}

/** What is said where there is nothing to list. */
export function empty(title, text) {
  return h("div", { class: "empty" }, h("p", { class: "empty-title" }, title), text ? h("p", null, text) : null);
}

/** A command that an operator can copy, with its words. */
export function command(text) {
  return h("code", { class: "command" }, text);
}

/** Words with the commands in them, which are in backticks, set as commands. */
export function withCommands(text) {
  return visible(text)
    .split("`")
    .map((part, at) => (at % 2 ? command(part) : part));
}

/** A band that leads a view: mark, words, what follows. */
export function band(style, mark, title, ...content) {
  return h(
    "div",
    { class: `band ${style}` },
    h("p", { class: "band-title" }, h("span", { class: "mark", "aria-hidden": "true" }, mark), title),
    content,
  );
}

/** A problem as the server, or the lack of one, tells it. */
export function problem(error, retry) {
  return h(
    "div",
    { class: "band fail", role: "alert" },
    h(
      "h1",
      { tabindex: "-1", class: "band-title" },
      h("span", { class: "mark", "aria-hidden": "true" }, "✗"),
      visible(error.title ?? "This page failed"),
    ),
    h("p", null, withCommands(error.detail ?? error.message ?? "")),
    error.next ? h("p", null, h("strong", null, "Next: "), withCommands(error.next)) : null,
    retry ? h("p", null, h("button", { type: "button", on: { click: retry } }, "Try again")) : null,
  );
}

/** The heading of a view. */
export function heading(title, ...after) {
  return h("div", { class: "heading" }, h("h1", { tabindex: "-1" }, title), after);
}

/** A button that asks for the rest of a list. */
export function more(state, load) {
  if (!state.next) return null;
  return h(
    "p",
    { class: "more" },
    h("button", { type: "button", on: { click: load } }, `Show more`),
    hidden(` after ${plural(state.items.length, "line")}`),
  );
}

/** Two texts, with the characters marked in which they differ. */
export function differing(expected, actual) {
  const left = [...visible(expected)];
  const right = [...visible(actual)];
  let from = 0;
  while (from < left.length && from < right.length && left[from] === right[from]) from += 1;
  let end = 0;
  const most = Math.min(left.length, right.length) - from;
  while (end < most && left[left.length - 1 - end] === right[right.length - 1 - end]) end += 1;
  const marked = (all) => [
    all.slice(0, from).join(""),
    from < all.length - end ? h("mark", null, all.slice(from, all.length - end).join("")) : null,
    all.slice(all.length - end).join(""),
  ];
  return [marked(left), marked(right)];
}
