// The fleet: who is alive, what each holds, what waits in the queues.

import { drain, get, who } from "../core/api.js";
import { h } from "../core/dom.js";
import { NOTHING, ago, count, duration, plural, sentence, time, visible } from "../core/format.js";
import { role } from "../core/words.js";
import { band, command, facts, heading, runLink, runPath, section, withCommands } from "../parts/bits.js";
import { confirmed } from "../parts/acts.js";
import { table } from "../parts/table.js";

async function load(page, signal) {
  const [fleet, queues] = await Promise.all([
    get("/fleet", {}, signal),
    get("/queues", {}, signal).catch((error) => {
      if (error.name === "AbortError" || error.status === 401) throw error;
      return { problem: error };
    }),
  ]);
  Object.assign(page.state, { fleet, queues });
}

function news(page, kind, data) {
  if (kind !== "fleet") return null;
  if (data?.members) {
    page.state.fleet = data;
    return "draw";
  }
  return "load";
}

function holds(member) {
  if (!member.holds.length) return h("span", { class: "soft" }, "nothing");
  const shown = member.holds.slice(0, 6);
  return [
    h(
      "ul",
      { class: "plain-list" },
      shown.map((one) =>
        h(
          "li",
          null,
          runLink(one.run_id),
          one.chunk_no === null || one.chunk_no === undefined
            ? null
            : [" ", h("a", { href: runPath(one.run_id, `/chunks/${one.chunk_no}`) }, `chunk ${count(one.chunk_no)}`)],
        ),
      ),
    ),
    member.holds.length > shown.length
      ? h("span", { class: "under soft" }, `and ${count(member.holds.length - shown.length)} more`)
      : null,
  ];
}

function state(member) {
  const [style, mark, word] = !member.is_alive
    ? ["fail", "✗", "silent"]
    : member.is_draining
      ? ["warn", "↓", "draining"]
      : ["pass", "●", "alive"];
  return h("span", { class: `badge ${style}` }, h("span", { class: "mark", "aria-hidden": "true" }, mark), word);
}

// Draining a worker, as an act: only of one that lives, and by those who may.
function drains(member, changed) {
  const mayAct = who.session?.roles?.includes("operator") && !who.session?.read_only;
  if (!mayAct || !member.is_alive || member.is_draining || member.worker_id === null) return null;
  const key = `drain-${member.worker_id}`;
  const one = {
    key,
    said: { label: "Drain worker", confirm: "Drain the worker", danger: false },
    does: "asks the worker to finish its work in hand and end; other workers take what it has not begun",
    about: facts([
      ["Worker", `${visible(member.name)} (number ${member.worker_id})`],
      ["Host", visible(member.host ?? NOTHING)],
    ]),
    needsReason: false,
    send: (reason) => drain(member.worker_id, reason),
  };
  const click = (event) => confirmed(one, changed, event.currentTarget);
  const label = `Drain ${member.name} on ${member.host}`;
  return h("button", { type: "button", class: "small", "data-act": key, "aria-label": label, on: { click } }, "Drain…");
}

const columns = (changed) => [
  { head: "State", class: "verdict", cell: state },
  {
    head: "Name",
    rowhead: true,
    cell: (member) => [visible(member.name), h("span", { class: "under soft" }, role(member.role))],
  },
  {
    head: "Host",
    cell: (member) => [
      member.host ? visible(member.host) : NOTHING,
      member.pid === null ? null : h("span", { class: "under soft" }, `process ${member.pid}`),
    ],
  },
  { head: "Version", cell: (member) => visible(member.version ?? NOTHING) },
  {
    head: "Since",
    cell: (member) =>
      member.since ? [ago(member.since), h("span", { class: "under soft" }, time(member.since))] : NOTHING,
  },
  {
    head: "Last heartbeat",
    n: true,
    cell: (member) => h("span", { class: member.is_alive ? null : "fail" }, `${duration(member.last_seen_ms)} ago`),
  },
  { head: "Holds", cell: holds },
  { head: "Act", cell: (member) => drains(member, changed) },
];

function missing({ missing: roles, members, note }) {
  const names = [
    ["coordinator", "No coordinator service is alive: submitted runs wait.", "crossfoot coordinator"],
    ["processors", "No processor is alive: chunks wait.", "crossfoot worker --role processor"],
    ["writers", "No writer is alive: batches wait.", "crossfoot worker --role writer"],
  ];
  const said = names.filter(([name]) => roles?.[name]);
  if (note)
    return band(
      "quiet",
      "○",
      members.length ? "About this fleet" : "No fleet on this store",
      h("p", null, withCommands(sentence(note))),
    );
  const silent = members.filter((member) => !member.is_alive).length;
  if (!said.length && silent) {
    return band(
      "warn calm",
      "!",
      `Every role has a living process; ${count(silent)} ${silent === 1 ? "is" : "are"} silent`,
    );
  }
  if (!said.length) return band("pass calm", "✓", "Every role has a living process");
  return band(
    "fail",
    "✗",
    "Someone is missing",
    h(
      "ul",
      { class: "plain-list" },
      said.map(([, text]) => h("li", null, text)),
    ),
    h(
      "p",
      null,
      h("strong", null, "Next: "),
      "start ",
      said.map(([, , line], at) => [at ? ", " : null, command(line)]),
      ".",
    ),
  );
}

function queues({ queues: found }) {
  if (found.problem)
    return section(
      "queues",
      "Queues",
      h("p", { class: "soft" }, visible(found.problem.detail || found.problem.title)),
    );
  const dead = found.dead_letters;
  return section(
    "queues",
    "Queues",
    found.note ? h("p", { class: "soft" }, withCommands(found.note)) : null,
    dead
      ? band(
          "warn",
          "!",
          plural(dead, "dead letter"),
          h(
            "p",
            null,
            "Messages that could not be handled. No run depends on them. ",
            h("strong", null, "Next: "),
            command("crossfoot dead-letters list"),
          ),
        )
      : null,
    table({
      caption: "Messages that wait",
      rows: found.queues ?? [],
      key: (queue) => queue.queue,
      columns: [
        { head: "Queue", rowhead: true, cell: (queue) => visible(queue.queue) },
        { head: "Messages", n: true, cell: (queue) => count(queue.messages) },
      ],
      none: found.note ? null : ["No queues.", "The broker is in memory, or has none yet."],
    }),
  );
}

function draw(page) {
  const { fleet } = page.state;
  const members = [...fleet.members].sort(
    (left, right) =>
      Number(left.is_alive) - Number(right.is_alive) ||
      left.role.localeCompare(right.role) ||
      left.name.localeCompare(right.name, "en", { numeric: true }),
  );
  const alive = members.filter((member) => member.is_alive).length;
  return [
    heading("Fleet"),
    h("div", { key: "missing" }, missing(fleet)),
    members.length
      ? h(
          "p",
          { class: "soft", key: "count" },
          `${plural(alive, "process")} alive, ${count(members.length - alive)} silent.`,
        )
      : null,
    h(
      "div",
      { key: "members" },
      members.length
        ? table({
            caption: "Processes; the silent ones first",
            rows: members,
            columns: columns(() => page.refresh()),
            wide: true,
            key: (member) => [member.role, member.name, member.host, member.pid].join("·"),
            style: (member) => (member.is_alive ? null : "fail-row"),
          })
        : null,
    ),
    queues(page.state),
  ];
}

export default { title: () => "Fleet", load, draw, news };
