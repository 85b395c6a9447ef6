// The browser, the console under test, and which of its views there are to look at.

import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const require = createRequire(`${process.env.PAGE_TOOLS}/`);
const { chromium } = require("playwright-core");
const AXE = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

/** Whether the tests have a console of their own, whose runs they may change. */
export const isOwn = !process.env.CONSOLE_URL;

/** Starts a fixture server; answers its address and how to stop it. */
export async function fixture(environment = {}) {
  if (!isOwn) return { url: process.env.CONSOLE_URL.replace(/\/$/, ""), stop() {} };
  const path = fileURLToPath(new URL("../fixture/server.mjs", import.meta.url));
  const server = spawn(process.execPath, [path, "0"], {
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = await once(server.stdout, "data");
  return { url: String(line).trim(), stop: () => server.kill() };
}

/** Asks the fixture server to fail, or to be as it was. */
export async function ask(url, body) {
  await fetch(`${url}/__fixture`, { method: "POST", body: JSON.stringify(body) });
}

/** The browser. */
export function launch() {
  return chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox", "--disable-gpu"] });
}

/** The appearances in which each view is looked at. */
export const LOOKS = {
  light: { viewport: { width: 1280, height: 900 }, colorScheme: "light" },
  dark: { viewport: { width: 1280, height: 900 }, colorScheme: "dark" },
  phone: { viewport: { width: 390, height: 844 }, colorScheme: "light" },
  "phone-dark": { viewport: { width: 390, height: 844 }, colorScheme: "dark" },
};

/** A page at a view, with everything that the browser complains of collected in `complaints`. */
export async function open(context, url, hash) {
  const page = await context.newPage();
  page.complaints = [];
  page.on("pageerror", (error) => page.complaints.push(`error: ${error.message}`));
  page.on("console", (message) => message.type() === "error" && page.complaints.push(message.text()));
  await page.goto(`${url}/${hash}`);
  await page.locator("main h1").first().waitFor();
  return page;
}

/** What axe-core finds wrong with the page, one line each. */
export async function violations(page) {
  // Evaluated by the debugger, which no Content-Security-Policy forbids.
  await page.evaluate(AXE);
  const found = await page.evaluate(() =>
    window.axe.run(document, {
      runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    }),
  );
  return found.violations.flatMap((one) => one.nodes.map((node) => `${one.id}: ${node.html.slice(0, 160)}`));
}

/** Asks the API. */
export async function api(url, path) {
  const response = await fetch(`${url}/api/v1${path}`);
  return response.ok ? response.json() : null;
}

/** Every view that this console has something to show for: name → address after `#`. */
export async function views(url) {
  const { items } = await api(url, "/runs?limit=200");
  const run = (is) => items.find(is)?.run_id;
  const found = { runs: "#/runs", jobs: "#/jobs", log: "#/log", fleet: "#/fleet" };
  const add = (name, id, rest = "") => {
    if (id) found[name] = `#/runs/${id}${rest}`;
  };
  const failed = run((one) => one.outcome === "not-reconciled" && !one.records_rejected);
  const rejected = run((one) => one.records_rejected && one.outcome !== "unfinished" && !one.purged);
  const running = run((one) => one.outcome === "unfinished");
  const aside = run((one) => one.chunks_set_aside);
  add(
    "run-reconciled",
    run((one) => one.outcome === "reconciled"),
  );
  add("run-failed", failed);
  add("run-running", running);
  add("run-set-aside", aside);
  add(
    "run-awaiting",
    run((one) => one.outcome === "awaiting-approval"),
  );
  add(
    "run-cancelled",
    run((one) => one.outcome === "cancelled"),
  );
  add(
    "run-empty",
    run((one) => one.outcome === "unfinished" && !one.records_split),
  );
  add("workers", running ?? items[0].run_id, "/workers");
  add("workers-differ", failed, "/workers");
  add("rejects", rejected, "/rejects");
  add("rejects-none", failed, "/rejects");
  add("differences", failed, "/differences");
  add(
    "differences-none",
    run((one) => one.outcome === "reconciled"),
    "/differences",
  );
  add("chunk", items.find((one) => one.chunks_committed)?.run_id, "/chunks/0");
  add("run-log", items[0].run_id, "/log");
  add("no-such-run", "01a21e80-0000-7000-8000-000000000000");
  if (rejected) {
    const list = await api(url, `/runs/${rejected}/rejects?limit=1`);
    if (list?.items.length) add("reject", rejected, `/rejects/${list.items[0].record_no}`);
  }
  if (aside) {
    const map = await api(url, `/runs/${aside}/chunks`);
    const at = [...map.cells].findIndex((cell) => map.states[parseInt(cell, 36)] === "set-aside");
    if (at >= 0) add("chunk-set-aside", aside, `/chunks/${at + map.from}`);
  }
  found.job = `#/jobs/${encodeURIComponent(items.find((one) => one.outcome !== "unfinished").job)}`;
  if (isOwn) {
    add(
      "big-run",
      run((one) => one.job === "big-ledger"),
    );
    add(
      "big-workers",
      run((one) => one.job === "big-ledger"),
      "/workers",
    );
    add(
      "hostile",
      run((one) => one.job.startsWith("hostile")),
    );
    add(
      "long-name",
      run((one) => one.job.startsWith("quarterly")),
    );
    found["runs-none"] = "#/runs?text=nothing+has+this+name";
  }
  return found;
}
