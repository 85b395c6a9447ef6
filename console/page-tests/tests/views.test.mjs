// Every view in every look: no violation that axe-core knows, nothing that the browser complains of, nothing wider than
// the screen; and a screenshot of each.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { LOOKS, fixture, launch, open, views, violations } from "./browser.mjs";

let server;
let browser;

before(async () => {
  server = await fixture();
  browser = await launch();
});

after(async () => {
  await browser?.close();
  server?.stop();
});

for (const [look, options] of Object.entries(LOOKS)) {
  test(`every view is accessible and fits: ${look}`, async () => {
    const context = await browser.newContext(options);
    const broken = [];
    for (const [name, hash] of Object.entries(await views(server.url))) {
      const page = await open(context, server.url, hash);
      // The map is drawn when it knows its width.
      await page.waitForTimeout(150);
      const note = (text) => broken.push(`${name}: ${text}`);
      for (const one of await violations(page)) note(one);
      const expected = name === "no-such-run" ? /404/ : /$^/;
      for (const text of page.complaints) if (!expected.test(text)) note(text);
      const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      if (over > 0) note(`wider than the screen by ${over}`);
      await page.screenshot({ path: `${process.env.PAGE_SHOTS}/${name}-${look}.png`, fullPage: true });
      await page.close();
    }
    await context.close();
    assert.deepEqual(broken, []);
  });
}

test("what a record or a name contains is text, and its control characters are seen", async (t) => {
  const all = await views(server.url);
  if (!all.hostile) return t.skip("this console has no hostile run");
  const context = await browser.newContext(LOOKS.light);
  const page = await open(context, server.url, all.hostile);
  assert.equal(await page.locator("main b, main script").count(), 0);
  const text = await page.locator("main").innerText();
  assert.match(text, /hostile <b>&amp;\\u\{202e\}\\u\{1b\}\[31m/);
  assert.doesNotMatch(text, /[\u001b\u202e\u0007]/);
  await context.close();
});

test("the page needs nothing from outside", async () => {
  const context = await browser.newContext(LOOKS.light);
  const page = await context.newPage();
  const asked = [];
  page.on("request", (request) => asked.push(new URL(request.url()).origin));
  await page.goto(`${server.url}/#/runs`);
  await page.locator("main h1").waitFor();
  assert.deepEqual([...new Set(asked)], [server.url]);
  await context.close();
});

test("a reader who asked for less motion sees none", async () => {
  const context = await browser.newContext({ ...LOOKS.light, reducedMotion: "reduce" });
  const all = await views(server.url);
  const page = await open(context, server.url, all["run-running"] ?? "#/runs");
  const moving = await page.evaluate(() => document.getAnimations().length);
  assert.equal(moving, 0);
  await context.close();
});
