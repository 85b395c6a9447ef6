// A fleet of real processes on RabbitMQ and PostgreSQL, with a database and queues of its own.

import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const BINARY = resolve(process.env.CROSSFOOT_BIN ?? "target/debug/crossfoot");
const { CROSSFOOT_TEST_AMQP: amqp, CROSSFOOT_TEST_POSTGRES: postgres } = process.env;

/** Why the tests of a fleet cannot run here; false if they can. */
export const skipped = amqp && postgres ? false : "no servers: CROSSFOOT_TEST_AMQP and CROSSFOOT_TEST_POSTGRES are not set";

const JOB = `
[job]
name = "postings"
[source]
format = "delimited"
header = true
[[record]]
name = "posting"
key = ["id"]
amounts = ["amount"]
staging = "stg_postings"
final = "postings"
mode = "append"
[[record.field]]
name = "id"
type = "integer"
[[record.field]]
name = "booked_on"
type = "date"
[[record.field]]
name = "amount"
type = "decimal(15,2)"
required = true
[[record.field]]
name = "text"
type = "text(40)"
[approval]
four_eyes = true
require_reason = true
[limits]
rejects = 5
`;

/** Postings as CSV; the records in `bad` have a date that does not exist. */
export function postings(records, bad = []) {
  const lines = ["id,booked_on,amount,text"];
  for (let id = 1; id <= records; id += 1) {
    const day = bad.includes(id) ? "2024-02-30" : "2024-02-29";
    lines.push(`${id},${day},${(id % 1000) + 0.25},rent of ${id}`);
  }
  return `${lines.join("\n")}\n`;
}

/** Waits until `is` answers something, for at most two minutes. */
export async function until(what, is) {
  const began = Date.now();
  for (;;) {
    const found = await is();
    if (found) return found;
    if (Date.now() - began > 120_000) throw new Error(`${what}: not within two minutes`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

/** A fleet's surroundings. */
export class Fleet {
  constructor(name) {
    this.name = `cfp_${process.pid}_${name}`;
    this.folder = mkdtempSync(join(tmpdir(), "crossfoot-page-"));
    this.processes = [];
    this.store = postgres.replace(/\/[^/]*$/, `/${this.name}`);
    this.sql(`CREATE DATABASE ${this.name}`, postgres);
    writeFileSync(join(this.folder, "job.toml"), JOB);
  }

  put(name, text) {
    writeFileSync(join(this.folder, name), text);
  }

  /** What a query finds, as psql prints it bare. */
  sql(query, url = this.store) {
    const options = { encoding: "utf8", env: { ...process.env, PGOPTIONS: "-csearch_path=public,crossfoot" } };
    const done = spawnSync("psql", ["-XAtq", "-c", query, url], options);
    if (done.status !== 0) throw new Error(`${query}: ${done.stderr}`);
    return done.stdout.trim();
  }

  environment(more) {
    const own = Object.entries(process.env).filter(([name]) => !name.startsWith("CROSSFOOT"));
    return {
      ...Object.fromEntries(own),
      CROSSFOOT__BROKER__URL: amqp,
      CROSSFOOT__BROKER__PREFIX: `${this.name}.`,
      CROSSFOOT__STORE__URL: this.store,
      CROSSFOOT__STORE__MAX_CONNECTIONS: "6",
      ...more,
    };
  }

  /** Runs a command to its end; fails unless it exits with one of `codes`. */
  run(line, codes = [0]) {
    const options = { cwd: this.folder, encoding: "utf8", env: this.environment(), timeout: 120_000 };
    const done = spawnSync(BINARY, line, options);
    if (!codes.includes(done.status)) throw new Error(`${line.join(" ")} → ${done.status}: ${done.stderr}`);
    return done.stdout;
  }

  /** Starts a process, and waits until it says `word` on standard error; answers the process and what it said. */
  async start(line, word, more = {}) {
    const child = spawn(BINARY, line, {
      cwd: this.folder,
      env: this.environment(more),
      stdio: ["ignore", "ignore", "pipe"],
    });
    const one = { child, said: "", ended: null };
    this.processes.push(one);
    child.stderr.on("data", (data) => {
      one.said += data;
    });
    child.on("exit", (code, signal) => {
      one.ended = signal ?? code;
    });
    await until(`${line.join(" ")} says ${word}`, () => {
      if (one.ended !== null && !one.said.includes(word)) throw new Error(`${line.join(" ")} ended: ${one.said}`);
      return one.said.includes(word);
    });
    return one;
  }

  /** A worker with one slot. */
  worker(role, name, more) {
    return this.start(["worker", "--role", role, "--slots", "1", "--name", name], "started", more);
  }

  /** The address that a process printed for its console. */
  static address(one) {
    return /console: (http:\/\/[^/\s]+)/.exec(one.said)[1];
  }

  /** Submits a file; answers the run's ID. */
  submit(source, operator, more = []) {
    const line = ["submit", "job.toml", "--source", source, "--operator", operator, "--json", ...more];
    return JSON.parse(this.run(line)).run_id;
  }

  /** Ends every process. What it left on the servers goes with them, or is dropped. */
  end() {
    for (const one of this.processes) if (one.ended === null) one.child.kill("SIGKILL");
    if (!process.env.CROSSFOOT_TEST_PRIVATE) {
      try {
        this.sql(`DROP DATABASE IF EXISTS ${this.name} WITH (FORCE)`, postgres);
      } catch {
        // The servers are gone already.
      }
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}
