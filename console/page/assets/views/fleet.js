// The fleet: who is alive, what each holds, what waits in the queues.

import { get } from "../core/api.js";
import { h } from "../core/dom.js";
import { NOTHING, ago, count, duration, plural, sentence, time, visible } from "../core/format.js";
import { role } from "../core/words.js";
import { band, command, heading, runLink, runPath, section, withCommands } from "../parts/bits.js";
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

const COLUMNS = [
  {
    head: "State",
    class: "verdict",
    cell: (member) =>
      member.is_alive
        ? h("span", { class: "badge pass" }, h("span", { class: "mark", "aria-hidden": "true" }, "●"), "alive")
        : h("span", { class: "badge fail" }, h("span", { class: "mark", "aria-hidden": "true" }, "✗"), "silent"),
  },
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
];

function missing({ missing: roles, members, note }) {
  const names = [
    ["coordinator", "No coordinator service is alive: submitted runs wait."],
    ["processors", "No processor is alive: chunks wait."],
    ["writers", "No writer is alive: batches wait."],
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
      "start them: ",
      command("crossfoot coordinator"),
      ", ",
      command("crossfoot worker --role processor"),
      ", ",
      command("crossfoot worker --role writer"),
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
            columns: COLUMNS,
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
