// The page by keyboard alone: from the first key to an act that is done.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { LOOKS, api, ask, fixture, isOwn, launch, open, views, violations } from "./browser.mjs";

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
  if (isOwn) await ask(server.url, { reset: true });
  context = await browser.newContext(LOOKS.light);
});

afterEach(() => context.close());

const focused = (page) => page.evaluate(() => document.activeElement?.textContent?.trim() ?? "");

async function tabTo(page, text, most = 60) {
  for (let press = 0; press < most; press += 1) {
    await page.keyboard.press("Tab");
    if ((await focused(page)).startsWith(text)) return;
  }
  assert.fail(`Tab does not lead to ${text}`);
}

test("the first key leads past the navigation, and every stop can be seen", async () => {
  const page = await open(context, server.url, "#/runs");
  await page.keyboard.press("Tab");
  assert.equal(await focused(page), "Skip to the content");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.tagName), "H1");
  assert.equal(new URL(page.url()).hash, "#/runs");
  for (let press = 0; press < 12; press += 1) {
    await page.keyboard.press("Tab");
    if (await page.evaluate(() => document.activeElement === document.body)) break;
    const seen = await page.evaluate(() => {
      const style = getComputedStyle(document.activeElement);
      const box = document.activeElement.getBoundingClientRect();
      return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 && box.width > 0;
    });
    assert.ok(seen, `stop ${press} shows no focus`);
  }
});

test("a view that is entered has the focus on its heading, and its own title", async () => {
  const page = await open(context, server.url, "#/runs");
  await tabTo(page, "Jobs");
  await page.keyboard.press("Enter");
  await page.locator('h1:text-is("Jobs")').waitFor();
  await page.waitForFunction(() => document.activeElement?.tagName === "H1");
  assert.equal(await page.title(), "Jobs – Crossfoot");
});

test("the map is moved through with arrow keys, and Enter opens the chunk", async (t) => {
  const hash = all["run-failed"] ?? all["run-reconciled"];
  const run = await api(server.url, `/runs/${hash.split("/")[2]}`);
  if (run.source.chunks < 3) return t.skip("too few chunks");
  const page = await open(context, server.url, hash);
  const map = page.getByRole("slider", { name: "Chunk in the map" });
  await map.focus();
  const from = Number(await map.getAttribute("aria-valuenow"));
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowRight");
  assert.equal(Number(await map.getAttribute("aria-valuenow")), from + 2);
  assert.match(await map.getAttribute("aria-valuetext"), new RegExp(`^chunk ${from + 2}, `));
  await page.keyboard.press("Enter");
  await page.locator(`h1:text-is("Chunk ${from + 2}")`).waitFor();
});

test("an act: what it does, a reason, Escape, and the focus comes back", async (t) => {
  if (!isOwn) return t.skip("the runs are another's");
  const page = await open(context, server.url, all["run-awaiting"]);
  await tabTo(page, "Approve");
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog", { name: "Approve?" });
  await dialog.waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.tagName), "TEXTAREA");
  assert.match(await dialog.innerText(), /promotes the run's records to final/);
  assert.deepEqual(await violations(page), []);
  await page.screenshot({ path: `${process.env.PAGE_SHOTS}/act-light.png` });
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  assert.equal(await focused(page), "Approve…");
});

test("an act without a reason, one that is refused, and one that is done", async (t) => {
  if (!isOwn) return t.skip("the runs are another's");
  const page = await open(context, server.url, all["run-awaiting"]);
  await page.getByRole("button", { name: "Approve…" }).click();
  const dialog = page.getByRole("dialog");
  const confirm = dialog.getByRole("button", { name: "Approve and promote" });
  await confirm.click();
  assert.match(await dialog.getByRole("alert").innerText(), /A reason is needed/);
  await dialog.getByRole("textbox").fill("four eyes");
  await confirm.click();
  await dialog.getByText("another person must approve").waitFor();
  assert.match(await dialog.getByRole("alert").innerText(), /ask a colleague/);
  assert.deepEqual(await violations(page), []);
  await dialog.getByRole("textbox").fill("checked with the sender by telephone");
  await confirm.click();
  await dialog.waitFor({ state: "detached" });
  await page.locator("h1", { hasText: "Reconciled" }).waitFor();
  assert.match(await page.locator("#notices").innerText(), /done/);
  await page.goto(`${server.url}/${all["run-awaiting"]}/log`);
  await page.getByText("checked with the sender by telephone").waitFor();
});

test("what is not possible now says why", async (t) => {
  if (!all["run-failed"]) return t.skip("no run failed");
  const run = await api(server.url, `/runs/${all["run-failed"].split("/")[2]}`);
  const page = await open(context, server.url, all["run-failed"]);
  const refused = run.acts.filter((act) => !act.legal);
  assert.ok(refused.length);
  await page.getByText("What is not possible now, and why").click();
  const text = (await page.locator(".others").innerText()).replaceAll("`", "").toLowerCase();
  for (const act of refused) assert.ok(text.includes(act.why_not.replaceAll("`", "").toLowerCase()), act.act);
});

test("signing in with a token, and out", async (t) => {
  if (!isOwn) return t.skip("the tokens are another's");
  const guarded = await fixture({ FIXTURE_TOKEN: "correct horse" });
  t.after(() => guarded.stop());
  const page = await open(context, guarded.url, "#/fleet");
  assert.equal(await page.title(), "Sign in – Crossfoot");
  assert.deepEqual(await violations(page), []);
  await page.screenshot({ path: `${process.env.PAGE_SHOTS}/sign-in-light.png` });
  await page.keyboard.type("wrong");
  await page.keyboard.press("Enter");
  await page.getByText("the token is not valid").waitFor();
  await page.keyboard.type("correct horse");
  await page.keyboard.press("Enter");
  await page.locator('h1:text-is("Fleet")').waitFor();
  assert.ok(!page.url().includes("horse"));
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.locator('h1:text-is("Sign in")').waitFor();
});

test("signing in at an identity provider, back to where the reader was, and out", async (t) => {
  if (!isOwn) return t.skip("the operators are another's");
  const guarded = await fixture({ FIXTURE_TOKEN: "correct horse", FIXTURE_OIDC: "1" });
  t.after(() => guarded.stop());
  const page = await open(context, guarded.url, "#/fleet");
  const way = page.getByRole("link", { name: "Sign in with SSO" });
  await way.waitFor();
  assert.ok(await page.getByLabel("Token").isVisible(), "a token is good, too");
  assert.deepEqual(await violations(page), []);
  await page.screenshot({ path: `${process.env.PAGE_SHOTS}/sign-in-sso-light.png` });
  await way.focus();
  await page.keyboard.press("Enter");
  await page.locator('h1:text-is("Fleet")').waitFor();
  assert.ok(page.url().endsWith("/#/fleet"), page.url());
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.locator('h1:text-is("Sign in")').waitFor();
  assert.deepEqual(page.complaints.filter((one) => !one.includes("401")), []);
});

test("without an identity provider there is no way to one", async (t) => {
  if (!isOwn) return t.skip("the operators are another's");
  const guarded = await fixture({ FIXTURE_TOKEN: "correct horse" });
  t.after(() => guarded.stop());
  const page = await context.newPage();
  const asked = page.waitForResponse((response) => response.url().endsWith("/api/v1/sign-in"));
  await page.goto(`${guarded.url}/`);
  await (await asked).finished();
  await page.getByLabel("Token").waitFor();
  assert.equal(await page.getByRole("link", { name: "Sign in with SSO" }).count(), 0);
});

test("all rejects are one download", async (t) => {
  if (!isOwn) return t.skip("downloads are tested where they are written");
  if (!all.rejects) return t.skip("no run has rejects");
  const page = await open(context, server.url, all.rejects);
  const begun = page.waitForEvent("download");
  await page.getByRole("link", { name: "Download all rejects" }).click();
  const download = await begun;
  assert.ok(download.url().endsWith("/rejects.raw"), download.url());
});
