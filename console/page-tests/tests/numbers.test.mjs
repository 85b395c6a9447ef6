// The numbers on the page are the API's, digit by digit, and add up.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { LOOKS, api, fixture, launch, open, views } from "./browser.mjs";

let server;
let browser;
let context;
let all;

before(async () => {
  server = await fixture();
  browser = await launch();
  all = await views(server.url);
});

after(async () => {
  await browser?.close();
  server?.stop();
});

beforeEach(async () => {
  context = await browser.newContext(LOOKS.light);
});

afterEach(() => context.close());

const grouped = (number) => new Intl.NumberFormat("en-US").format(number);
const idOf = (hash) => hash.split("/")[2];

test("each worker's counts, and their sum in the foot", async () => {
  const hash = all["workers-differ"] ?? all.workers;
  const { workers: items, totals } = await api(server.url, `/runs/${idOf(hash)}/workers`);
  const page = await open(context, server.url, hash);
  for (const role of ["processor", "writer"]) {
    const own = items.filter((worker) => worker.role === role);
    if (!own.length) continue;
    const table = page.locator("table", {
      has: page.locator(`caption:text-is("${role === "writer" ? "Writers" : "Processors"}")`),
    });
    for (const worker of own) {
      const row = table.locator("tbody tr", { hasText: `no. ${worker.worker_id} ` });
      const cells = (await row.locator("td").allInnerTexts()).map((text) => text.trim());
      assert.equal(cells[1], grouped(worker.ledger.records));
      assert.equal(cells[2], grouped(worker.ledger.accepted));
      assert.equal(cells[3], grouped(worker.ledger.rejected));
    }
    const foot = (await table.locator("tfoot td").allInnerTexts()).map((text) => text.trim());
    // The foot is summed by the page, the totals by the server: they must be one number.
    const { ledger } = totals.find((one) => one.role === role);
    assert.deepEqual(foot.slice(1, 4), [ledger.records, ledger.accepted, ledger.rejected].map(grouped));
  }
});

test("workers whose counts differ are an alarm, and first", async (t) => {
  if (!all["workers-differ"]) return t.skip("no run whose workers differ");
  const { agree } = await api(server.url, `/runs/${idOf(all["workers-differ"])}/workers`);
  const page = await open(context, server.url, all["workers-differ"]);
  const alarm = page.locator(".band.fail", { hasText: "The counts of workers differ" });
  assert.equal(await alarm.count(), agree ? 0 : 1);
});

test("every check is there with both sides, and what failed leads", async (t) => {
  if (!all["run-failed"]) return t.skip("no run failed");
  const run = await api(server.url, `/runs/${idOf(all["run-failed"])}`);
  const page = await open(context, server.url, all["run-failed"]);
  const text = (await page.locator("main").innerText()).replaceAll("\n", " ");
  const failed = run.checks.filter((check) => check.verdict === "fail");
  assert.match(await page.locator("h1").innerText(), /Not reconciled/);
  assert.ok(text.includes(`${failed.length} of`));
  for (const details of await page.locator("details.level-checks summary").all()) await details.click();
  const rows = await page.locator("details.level-checks tbody tr").count();
  assert.equal(rows, run.checks.length);
  const order = await page.evaluate(() => [...document.querySelectorAll("main h2")].map((one) => one.textContent));
  assert.equal(order[0], "What failed");
});

test("content that differs is no agreement, although counts agree", async (t) => {
  if (!all["run-failed"]) return t.skip("no run failed");
  const run = await api(server.url, `/runs/${idOf(all["run-failed"])}`);
  if (!run.checks.some((check) => check.stage === "staging" && check.verdict === "fail"))
    return t.skip("staging agrees");
  const page = await open(context, server.url, all["run-failed"]);
  assert.match(
    await page.locator("svg.flow").getAttribute("aria-label"),
    /Writers to Staging: [\d,]+ written, (content|counts) differs?/,
  );
  assert.equal(await page.locator("svg.flow .seal.fail").count(), 1);
});

test("both values of a field that differs, and the characters in which they do", async (t) => {
  if (!all.differences) return t.skip("no run failed");
  const found = await api(server.url, `/runs/${idOf(all.differences)}/findings`);
  const one = (found.items ?? found.findings).find((row) => row.difference === "field");
  if (!one) return t.skip("no field differs");
  const page = await open(context, server.url, all.differences);
  const row = page
    .locator("tr", { hasText: grouped(one.record_no) })
    .filter({ hasText: "field differs" })
    .first();
  const [expected, actual] = await row.locator("td.compared").allInnerTexts();
  assert.deepEqual([expected.trim(), actual.trim()], [one.expected, one.actual]);
  assert.ok((await row.locator("mark").count()) >= 1);
});

test("a reject's bytes are the ledger's, with the field marked", async (t) => {
  if (!all.reject) return t.skip("no reject");
  const record = await api(server.url, `/runs/${idOf(all.reject)}/rejects/${all.reject.split("/").at(-1)}`);
  if (!record.raw_hex) return t.skip("masked");
  const page = await open(context, server.url, all.reject);
  const dump = await page.locator("pre.dump").innerText();
  const hex = dump
    .split("\n")
    .map((line) => line.slice(7, 7 + 16 * 3).replaceAll(" ", ""))
    .join("");
  assert.equal(hex, record.raw_hex);
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByText("Download these bytes").click(),
  ]);
  const parts = [];
  for await (const part of await download.createReadStream()) parts.push(part);
  assert.equal(Buffer.concat(parts).toString("hex"), record.raw_hex);
});
