// The page over a fleet at work: a run from its start to its verdict, a worker that is killed, a reject down to its
// bytes, a difference down to its field, and acts with a reason, refused where they must be.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { LOOKS, launch, open, violations } from "../tests/browser.mjs";
import { Fleet, postings, skipped, until } from "./processes.mjs";

const RECORDS = 20_000;
const SHOTS = process.env.PAGE_SHOTS;

let browser;

before(async () => {
  if (!skipped) browser = await launch();
});

// A machine that builds and tests beside it is slow: what is waited for may take longer than Playwright's half minute.
async function patient() {
  const context = await browser.newContext(LOOKS.light);
  context.setDefaultTimeout(90_000);
  return context;
}

after(async () => {
  await browser?.close();
});

async function shot(page, name) {
  await page.screenshot({ path: `${SHOTS}/fleet-${name}.png`, fullPage: true });
  assert.deepEqual(await violations(page), [], name);
}

// Writes a reason, confirms, and waits until the page says that it was done.
async function confirm(page, reason) {
  await page.getByLabel("Reason", { exact: false }).fill(reason);
  await page.locator("dialog .confirm, dialog button.primary").click();
  await page.locator("dialog").waitFor({ state: "detached" });
}

test("a run from its start to its approval, with a killed worker, a reject's bytes and four eyes", { skip: skipped }, async () => {
  const fleet = new Fleet("approved");
  try {
    fleet.put("in.csv", postings(RECORDS, [7, 4711]));
    const coordinator = await fleet.start(
      ["coordinator", "--console=127.0.0.1:0", "--operator", "ben"],
      "coordinator started",
    );
    const url = Fleet.address(coordinator);
    const context = await patient();
    const page = await open(context, url, "#/fleet");
    await page.getByText("Someone is missing").waitFor();
    await shot(page, "missing");

    // No writer yet: the run loads, and waits in the middle.
    const doomed = await fleet.worker("processor", "p1");
    await fleet.worker("processor", "p2");
    const run = fleet.submit("in.csv", "anna", ["--chunk-bytes", "8000"]);
    await page.goto(`${url}/#/runs/${run}`);
    await page.locator("h1", { hasText: "Running" }).waitFor();
    await until("chunks are in flight", () => Number(fleet.sql("SELECT count(*) FROM crossfoot_chunk")) > 20);
    await shot(page, "running");

    // A processor is killed: silent in the fleet, and gone after its hour.
    doomed.child.kill("SIGKILL");
    await page.goto(`${url}/#/fleet`);
    const silent = page.locator("tr", { hasText: "p1" }).getByText("silent");
    await silent.waitFor({ timeout: 60_000 });
    await page.getByText("Every role has a living process").waitFor({ state: "detached" });
    await shot(page, "silent");
    fleet.sql("UPDATE crossfoot_worker SET seen_at_ms = seen_at_ms - 3700000 WHERE name = 'p1'");
    await page.locator("tr", { hasText: "p1" }).waitFor({ state: "detached", timeout: 30_000 });

    // A writer comes: the run goes on to where a person decides, without a look at anything but the page.
    await page.goto(`${url}/#/runs/${run}`);
    await page.locator("h1", { hasText: "Running" }).waitFor();
    await fleet.worker("writer", "w1");
    await page.locator("h1", { hasText: "Awaiting approval" }).waitFor({ timeout: 120_000 });
    await shot(page, "awaiting");

    // Every worker's numbers, held to the tables.
    await page.goto(`${url}/#/runs/${run}/workers`);
    await page.locator("tr", { hasText: "w1" }).first().waitFor();
    const written = Number(fleet.sql("SELECT count(*) FROM stg_postings"));
    assert.equal(written, RECORDS - 2);
    await page.locator("tr", { hasText: "w1" }).getByText(written.toLocaleString("en")).first().waitFor();
    await shot(page, "workers");

    // A reject, down to its bytes.
    await page.goto(`${url}/#/runs/${run}/rejects`);
    await page.locator("tbody tr", { hasText: "booked_on" }).first().waitFor();
    await page.locator("tbody a", { hasText: "4,711" }).first().click();
    await page.locator("h1").first().waitFor();
    const bytes = fleet.sql("SELECT encode(raw, 'hex') FROM crossfoot_reject WHERE record_no = 4711");
    const shown = (await page.locator(".dump").first().innerText()).toLowerCase().replaceAll(/[^0-9a-f]/g, "");
    assert.ok(bytes.length > 20 && shown.includes(bytes.slice(0, 16)), `${bytes} is not in ${shown}`);
    await shot(page, "reject");

    // Who has only the role of a viewer is refused, and so is who submitted it.
    const token = (name, role) => JSON.parse(fleet.run(["token", "add", "--name", name, "--role", role, "--json"])).token;
    const refused = [
      ["carl", "viewer", "does not have the role approver"],
      ["anna", "viewer,approver", "another person must approve"],
    ].map(([name, role, why]) => ({ name, why, token: token(name, role) }));
    const other = await fleet.start(
      ["console", "--listen", "127.0.0.1:0", "--require-token", "--operator", "ben"],
      "console: ",
    );
    for (const { name, why, token: theirToken } of refused) {
      const theirs = await patient();
      const view = await open(theirs, Fleet.address(other), "#/runs");
      await view.getByLabel("Token").fill(theirToken);
      await view.locator("form button").click();
      await view.locator("h1", { hasText: "Runs" }).waitFor();
      await view.goto(`${Fleet.address(other)}/#/runs/${run}`);
      await view.locator("h1", { hasText: "Awaiting approval" }).waitFor();
      assert.equal(await view.locator('button[data-act="approve"]').count(), 0, name);
      await view.getByText("it is for someone else").waitFor();
      await view.getByText("What is not possible now, and why").click();
      await view.locator(".others").getByText(why, { exact: false }).first().waitFor();
      await shot(view, `refused-${name}`);
      await theirs.close();
    }

    // Another person approves, with a reason; without one nothing is done.
    await page.goto(`${url}/#/runs/${run}`);
    await page.locator('button[data-act="approve"]').click();
    await page.locator("dialog button.primary").click();
    await page.getByText("A reason is needed").waitFor();
    await shot(page, "approve");
    await confirm(page, "totals agree with the sender");
    await page.locator("h1", { hasText: "Reconciled" }).waitFor({ timeout: 120_000 });
    assert.equal(fleet.sql("SELECT count(*) FROM postings"), String(RECORDS - 2));
    await shot(page, "reconciled");
    await page.goto(`${url}/#/runs/${run}/log`);
    await page.getByText("totals agree with the sender").first().waitFor();
    await page.getByText("ben@").first().waitFor();
    assert.deepEqual(page.complaints, []);
    await context.close();
  } finally {
    fleet.end();
  }
});

test("a difference is followed from the run to the field", { skip: skipped }, async () => {
  const fleet = new Fleet("differs");
  try {
    fleet.put("in.csv", postings(2000));
    const coordinator = await fleet.start(["coordinator", "--console=127.0.0.1:0"], "coordinator started");
    const url = Fleet.address(coordinator);
    const run = fleet.submit("in.csv", "anna");
    // Somebody's trigger changes a cent in staging.
    await until("the table is there", () => fleet.sql("SELECT to_regclass('stg_postings') IS NOT NULL") === "t");
    fleet.sql(
      "CREATE FUNCTION skim() RETURNS trigger LANGUAGE plpgsql AS " +
        "$$ BEGIN IF NEW.id = 1234 THEN NEW.amount := NEW.amount - 0.01; END IF; RETURN NEW; END $$; " +
        "CREATE TRIGGER skim BEFORE INSERT ON stg_postings FOR EACH ROW EXECUTE FUNCTION skim()",
    );
    await fleet.worker("processor,writer", "w1");
    const context = await patient();
    const page = await open(context, url, `#/runs/${run}`);
    await page.locator("h1", { hasText: "Not reconciled" }).waitFor({ timeout: 120_000 });
    await shot(page, "not-reconciled");
    await page.getByText("See 1 difference").first().click();
    const row = page.locator("main", { hasText: "1,234" });
    await row.getByText("amount").first().waitFor();
    for (const value of ["234.25", "234.24"]) await row.getByText(value).first().waitFor();
    await shot(page, "difference");
    await context.close();
  } finally {
    fleet.end();
  }
});

test("chunks that were set aside are redriven, a run is paused and resumed, and a worker drained", { skip: skipped }, async () => {
  const fleet = new Fleet("redriven");
  try {
    fleet.put("in.csv", postings(RECORDS));
    const coordinator = await fleet.start(
      ["coordinator", "--console=127.0.0.1:0", "--operator", "ben"],
      "coordinator started",
    );
    const url = Fleet.address(coordinator);
    await fleet.worker("writer", "w1");
    const run = fleet.submit("in.csv", "anna", ["--chunk-bytes", "40000"]);
    const context = await patient();
    const page = await open(context, url, `#/runs/${run}`);

    // Without a processor it stands; it is paused, and resumed.
    await page.locator('button[data-act="pause"]').click();
    await confirm(page, "a backup runs");
    await page.locator("h1", { hasText: "Waits for an operator" }).waitFor();
    await page.getByText("a backup runs").first().waitFor();
    await shot(page, "paused");
    await page.locator('button[data-act="resume"]').click();
    await page.locator("dialog button.primary").click();
    await page.locator("dialog").waitFor({ state: "detached" });
    await page.locator("h1", { hasText: "Running" }).waitFor({ timeout: 30_000 });
    await page.locator('button[data-act="window"]').click();
    await page.getByLabel("Chunks in flight").fill("3");
    await confirm(page, "gently");
    await until("the ledger has it", () => fleet.sql("SELECT window_chunks FROM crossfoot_run") === "3");

    // A chunk kills every processor that begins it, as an orchestrator restarts them.
    const mortal = () => fleet.worker("processor", "mortal", { CROSSFOOT_TEST_DIES_AT_CHUNK: "2" });
    let one = await mortal();
    await until("the chunk is set aside", async () => {
      if (one.ended !== null) one = await mortal();
      return fleet.sql("SELECT count(*) FROM crossfoot_chunk WHERE state = 'set-aside'") === "1";
    });
    one.child.kill("SIGKILL");
    await fleet.worker("processor", "sound");
    await page.locator("h1", { hasText: "Stopped, chunks set aside" }).waitFor({ timeout: 120_000 });
    await shot(page, "set-aside");
    await page.locator('button[data-act="redrive"]').click();
    await confirm(page, "the worker was updated");
    await page.locator("h1", { hasText: "Awaiting approval" }).waitFor({ timeout: 120_000 });

    // A worker is drained: it says so, and is gone.
    await page.goto(`${url}/#/fleet`);
    await page.getByRole("button", { name: /Drain sound on/ }).click();
    await confirm(page, "kernel update");
    await page.locator("tr", { hasText: "sound" }).waitFor({ state: "detached", timeout: 60_000 });
    await shot(page, "drained");
    await page.goto(`${url}/#/runs/${run}/log`);
    for (const reason of ["a backup runs", "gently", "the worker was updated"]) {
      await page.getByText(reason).first().waitFor();
    }
    await context.close();
  } finally {
    fleet.end();
  }
});
