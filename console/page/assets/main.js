// Starts the page: who is there, which view is asked for, and what to do with news from the server.

import { session, signOut, who } from "./core/api.js";
import { h, show } from "./core/dom.js";
import { clock, visible } from "./core/format.js";
import { Live } from "./core/live.js";
import { announce, clearNotices } from "./core/notice.js";
import { route } from "./core/routes.js";
import { empty, problem } from "./parts/bits.js";
import signin, { wasAt } from "./views/signin.js";

const REFRESH_MS = 2_000;
const REDRAW_MS = 5_000;
const main = document.getElementById("main");
const AREAS = [
  ["runs", "Runs"],
  ["jobs", "Jobs"],
  ["fleet", "Fleet"],
  ["log", "Log"],
];

let shown = null;
let live = null;

function header(area) {
  const signedIn = who.session;
  show(
    document.getElementById("top"),
    [
      h("a", { class: "brand", href: "#/runs" }, "Crossfoot"),
      signedIn
        ? h(
            "nav",
            { "aria-label": "Main" },
            h(
              "ul",
              null,
              AREAS.map(([path, name]) =>
                h("li", null, h("a", { href: `#/${path}`, "aria-current": area === path ? "page" : null }, name)),
              ),
            ),
          )
        : null,
      signedIn
        ? h(
            "div",
            { class: "whoami" },
            pulse(),
            h(
              "span",
              { class: "operator", title: `Roles: ${signedIn.roles?.join(", ") ?? "not known"}` },
              visible(signedIn.operator),
              signedIn.read_only ? h("span", { class: "tag" }, "read-only") : null,
            ),
            ["token", "oidc"].includes(signedIn.access)
              ? h("button", { type: "button", class: "plain", on: { click: leave } }, "Sign out")
              : null,
          )
        : null,
    ],
    true,
  );
}

function pulse() {
  const said = {
    live: ["live", "●"],
    polling: ["polling", "◐"],
    stale: ["no news", "○"],
    connecting: ["connecting", "○"],
  };
  const [word, mark] = said[live?.state ?? "connecting"];
  return h(
    "span",
    { class: `pulse ${live?.state ?? "connecting"}`, key: "pulse" },
    h("span", { class: "dot", "aria-hidden": "true" }, mark),
    word,
  );
}

function footer() {
  const one = who.session;
  show(
    document.getElementById("foot"),
    one
      ? h(
          "p",
          null,
          `Crossfoot ${visible(one.version ?? "")} · `,
          h("span", { class: "mono" }, visible(one.store ?? "")),
        )
      : null,
  );
}

function staleness(state, heard) {
  const place = document.getElementById("staleness");
  const text =
    state === "stale" ? `No news for more than 20 s. What you see is as of ${clock(heard)}. Trying again.` : null;
  if (!text) place.replaceChildren();
  else if (!place.firstChild)
    show(place, h("p", null, h("span", { class: "mark", "aria-hidden": "true" }, "!"), h("span", null, text)));
  header(shown?.area);
}

async function leave() {
  try {
    await signOut();
  } finally {
    live?.stop();
    who.session = null;
    askToSignIn();
  }
}

function askToSignIn(why) {
  live?.stop();
  shown = { area: null };
  header(null);
  footer();
  show(main, signin(enter, why));
  document.title = "Sign in – Crossfoot";
  main.querySelector("input")?.focus();
}

/** What a view has at hand: its parameters, a way to draw again and to load again. */
class Page {
  constructor({ view, params, query, area }) {
    Object.assign(this, { view, params, query, area });
    this.state = {};
    this.abort = new AbortController();
    this.loaded = 0;
  }

  /** Draws what is there, and keeps focus, scroll and what is typed. */
  draw(keep = true) {
    if (shown !== this) return;
    show(main, this.view.draw(this), keep);
    settle();
    document.title = `${this.view.title(this)} – Crossfoot`;
  }

  /** Loads again, and draws; a failure leaves what is there and says so. */
  async refresh() {
    if (this.loading) {
      this.again = true;
      return;
    }
    this.loading = true;
    try {
      await this.view.load(this, this.abort.signal);
      this.loaded = Date.now();
      this.problem = null;
      live?.beat();
      if (shown === this) this.draw(this.drawn === true);
      this.drawn = true;
    } catch (error) {
      if (error.name !== "AbortError") this.failed(error);
    } finally {
      this.loading = false;
    }
    if (this.again) {
      this.again = false;
      this.soon();
    }
  }

  failed(error) {
    if (shown !== this) return;
    if (error.status === 401) {
      askToSignIn(who.session ? "The session has ended. Sign in again." : null);
      return;
    }
    // What was drawn stays: the line above says that it is no longer fresh.
    if (this.drawn) return;
    if (!(error.status >= 0)) console.error(error);
    show(
      main,
      problem(error, () => this.refresh()),
    );
    document.title = "Problem – Crossfoot";
  }

  /** Loads again before long, however often it is asked to. */
  soon() {
    clearTimeout(this.timer);
    const since = Date.now() - this.loaded;
    this.timer = setTimeout(
      () => {
        if (shown === this) this.refresh();
      },
      Math.max(150, REFRESH_MS - since),
    );
  }

  end() {
    this.abort.abort();
    clearTimeout(this.timer);
    this.view.end?.(this);
  }
}

// A part that scrolls is reached by keyboard; one that does not is no stop on the way.
function settle() {
  const tab = main.querySelector(".tabs [aria-current]");
  const strip = tab?.closest(".tabs");
  if (strip && strip.scrollWidth > strip.clientWidth) strip.scrollLeft = tab.offsetLeft - strip.clientWidth / 3;
  for (const part of main.querySelectorAll(".scroll")) {
    const scrolls = part.scrollWidth > part.clientWidth + 1 || part.scrollHeight > part.clientHeight + 1;
    if (scrolls) part.setAttribute("tabindex", "0");
    else part.removeAttribute("tabindex");
  }
}

async function navigate() {
  if (!who.session) return;
  const next = route(location.hash);
  const before = shown;
  // A view that only changes its query decides itself what to load.
  if (before?.view && before.view === next.view && JSON.stringify(before.params) === JSON.stringify(next.params)) {
    before.query = next.query;
    await before.refresh();
    return;
  }
  before?.end?.();
  clearNotices();
  if (!next.view) {
    shown = { area: next.area };
    header(next.area);
    show(main, [
      h("h1", { tabindex: "-1" }, "There is no such page"),
      empty("The address leads nowhere.", "Start from the list of runs."),
    ]);
    return;
  }
  const page = new Page(next);
  shown = page;
  header(next.area);
  const waiting = setTimeout(
    () => shown === page && !page.drawn && show(main, h("p", { class: "soft loading" }, "Loading…")),
    200,
  );
  await page.refresh();
  clearTimeout(waiting);
  if (shown !== page) return;
  window.scrollTo(0, 0);
  if (before) main.querySelector("h1")?.focus({ preventScroll: true });
}

function news(kind, data) {
  if (!shown?.view) return;
  // The server no longer knows what this page has missed.
  const wanted = kind === "resync" ? "load" : shown.view.news?.(shown, kind, data);
  if (wanted === "draw") shown.draw();
  else if (wanted === "load") shown.soon();
  if (kind === "run") verdictHeard(data);
}

// Only verdicts are spoken: progress would never be silent.
const heard = new Map();
function verdictHeard(run) {
  const before = heard.get(run.run_id);
  heard.set(run.run_id, run.outcome);
  if (before && before !== run.outcome) announce(`${run.job}: ${run.outcome.replaceAll("-", " ")}`);
}

async function enter() {
  live ??= new Live({ news, poll: () => shown?.view && shown.soon(), state: staleness });
  live.start();
  header(route(location.hash).area);
  footer();
  shown = null;
  await navigate();
}

async function start() {
  window.addEventListener("hashchange", navigate);
  // Time passes also where there is no news: how long ago things were, how long a run has taken.
  setInterval(() => shown?.drawn && !document.hidden && shown.draw(), REDRAW_MS);
  window.addEventListener("resize", () => shown?.drawn && settle());
  document.getElementById("skip").addEventListener("click", (event) => {
    // The address after # is the view's: the link only moves the focus.
    event.preventDefault();
    (main.querySelector("h1") ?? main).focus();
  });
  matchMedia("(max-width: 62rem)").addEventListener("change", () => shown?.drawn && shown.draw());
  try {
    await session();
  } catch (error) {
    if (error.status === 401) askToSignIn(error.detail);
    else
      show(
        main,
        problem(error, () => location.reload()),
      );
    return;
  }
  const before = wasAt();
  if (before && !location.hash) history.replaceState(null, "", before);
  await enter();
}

start();
