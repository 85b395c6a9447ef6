// What is said to the operator besides the view: a polite live region, and a notice that stays until it is closed.

import { h } from "./dom.js";
import { visible } from "./format.js";

/** Tells a screen reader, once and briefly. */
export function announce(text) {
  const region = document.getElementById("announcer");
  if (region) region.textContent = visible(text);
}

/** Shows what was done, until the next route or until it is closed. */
export function toast(text) {
  const place = document.getElementById("notices");
  const notice = h(
    "div",
    { class: "notice" },
    h("span", { class: "mark", "aria-hidden": "true" }, "✓"),
    h("span", null, visible(text)),
    h("button", { type: "button", "aria-label": "Close this notice", on: { click: () => notice.remove() } }, "×"),
  );
  place.replaceChildren(notice);
  announce(text);
}

/** Takes the notice away. */
export function clearNotices() {
  document.getElementById("notices")?.replaceChildren();
}
