// A run watched from its middle to its verdict; a server that falls silent, goes away and comes back.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { LOOKS, ask, fixture, isOwn, launch, open, views } from "./browser.mjs";

let server;
let browser;

before(async () => {
  server = await fixture({ FIXTURE_STEP: "45", FIXTURE_BEAT_MS: "1000" });
  browser = await launch();
});

after(async () => {
  await browser?.close();
  server?.stop();
});

const skipped = isOwn ? false : "the runs are another's";

test("the list moves by itself, and the verdict is spoken once", { skip: skipped }, async () => {
  const context = await browser.newContext(LOOKS.light);
  const page = await open(context, server.url, "#/runs");
  const row = page.locator("tbody tr", { hasText: "card-transactions" }).first();
  const before = await row.innerText();
  await page.waitForFunction((text) => document.querySelector("tbody tr").innerText !== text, before);
  assert.equal(
    await page
      .locator(".pulse")
      .innerText()
      .then((text) => text.includes("live")),
    true,
  );
  await row.getByText("Reconciled").waitFor({ timeout: 20_000 });
  assert.equal(await page.locator("#announcer").innerText(), "card-transactions: reconciled");
  await context.close();
});

test("a run moves without losing what the reader opened", { skip: skipped }, async () => {
  await ask(server.url, { reset: true });
  const context = await browser.newContext(LOOKS.light);
  const all = await views(server.url);
  const page = await open(context, server.url, all["run-running"]);
  await page.getByText("What is not possible now, and why").click();
  await page.getByLabel("Chunk", { exact: false }).last().fill("12");
  const before = await page.locator(".run-progress").innerText();
  await page.waitForFunction((text) => document.querySelector(".run-progress")?.innerText !== text, before);
  assert.equal(await page.locator(".others").getAttribute("open"), "");
  assert.equal(await page.locator(".goto input").inputValue(), "12");
  await page.locator("h1", { hasText: "Reconciled" }).waitFor({ timeout: 25_000 });
  await page.locator('h2:text-is("Every check")').waitFor();
  await context.close();
});

test("a hidden tab holds no connection, and is up to date when it is looked at", { skip: skipped }, async () => {
  await ask(server.url, { reset: true });
  const context = await browser.newContext(LOOKS.light);
  const streams = async (count) => {
    for (let tries = 0; tries < 100; tries += 1) {
      const found = await (await fetch(`${server.url}/__fixture`)).json();
      if (found.streams === count) return;
      await new Promise((done) => setTimeout(done, 50));
    }
    assert.fail(`there are never ${count} streams`);
  };
  const page = await open(context, server.url, "#/runs");
  await page.locator(".pulse.live").waitFor();
  await streams(1);
  const hide = (is) =>
    page.evaluate((hidden) => {
      Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
      document.dispatchEvent(new Event("visibilitychange"));
    }, is);
  await hide(true);
  await streams(0);
  await hide(false);
  await streams(1);
  await page.locator(".pulse.live").waitFor();
  await context.close();
});

test("a server that falls silent or goes away is said to, and its return is noticed", { skip: skipped }, async () => {
  await ask(server.url, { reset: true });
  const context = await browser.newContext(LOOKS.light);
  const page = await open(context, server.url, "#/runs");
  await page.locator(".pulse.live").waitFor();
  await ask(server.url, { mode: "down" });
  await page.locator(".pulse.polling").waitFor();
  await page.locator("#staleness p").waitFor({ timeout: 30_000 });
  assert.match(
    await page.locator("#staleness").innerText(),
    /No news for more than 20 s\. What you see is as of \d\d:\d\d:\d\d UTC/,
  );
  assert.ok((await page.locator("tbody tr").count()) > 10, "what was known stays");
  await page.screenshot({ path: `${process.env.PAGE_SHOTS}/stale-light.png` });
  await ask(server.url, { mode: "ok" });
  await page.locator(".pulse.live").waitFor({ timeout: 20_000 });
  await page.locator("#staleness p").waitFor({ state: "detached" });
  await context.close();
});
