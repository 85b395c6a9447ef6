// What the views of one run have in common: where the reader is, and the way to the other views.

import { h } from "../core/dom.js";
import { count, shortRun, visible } from "../core/format.js";
import { badge, runPath } from "../parts/bits.js";

/** How many rejects and differences a run has, as far as it is known. */
export function numbers(run) {
  const rejects = run.balance?.rejected ?? run.flow?.processed?.rejected ?? 0;
  return { rejects, differences: run.findings_total ?? 0, workers: run.workers?.length ?? 0 };
}

/** The heads of a run's views. */
export function tabs(run, current) {
  const { rejects, differences, workers } = numbers(run);
  const one = (path, name, number, alarm) =>
    h(
      "li",
      { key: name },
      h(
        "a",
        { href: runPath(run.run_id, path), "aria-current": current === name ? "page" : null },
        name,
        number === undefined
          ? null
          : h("span", { class: `tab-count${alarm && number ? " alarm" : ""}` }, " ", count(number)),
      ),
    );
  return h(
    "nav",
    { "aria-label": "This run", class: "tabs", key: "tabs" },
    h(
      "ul",
      null,
      one("", "Overview"),
      one("/workers", "Workers", workers),
      one("/rejects", "Rejects", rejects, true),
      one("/differences", "Differences", differences, true),
      one("/log", "Log"),
    ),
  );
}

/** The line above a view of a run other than its first. */
export function crumbs(run, title) {
  return h(
    "div",
    { class: "crumbs", key: "crumbs" },
    h(
      "p",
      null,
      h("a", { href: "#/runs" }, "Runs"),
      " / ",
      h("a", { href: runPath(run.run_id) }, visible(run.job)),
      " ",
      h("span", { class: "mono soft" }, shortRun(run.run_id)),
      " ",
      badge(run),
    ),
    h("h1", { tabindex: "-1" }, title),
  );
}
