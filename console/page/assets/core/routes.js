// Which address shows which view: `#/runs/ID/workers?sort=rate`.

import chunk from "../views/chunk.js";
import differences from "../views/differences.js";
import fleet from "../views/fleet.js";
import job from "../views/job.js";
import jobs from "../views/jobs.js";
import log from "../views/log.js";
import reject from "../views/reject.js";
import rejects from "../views/rejects.js";
import run from "../views/run.js";
import runs from "../views/runs.js";
import workers from "../views/workers.js";

const ROUTES = [
  ["runs", runs],
  ["runs/:run", run],
  ["runs/:run/workers", workers],
  ["runs/:run/chunks/:chunk", chunk],
  ["runs/:run/rejects", rejects],
  ["runs/:run/rejects/:record", reject],
  ["runs/:run/differences", differences],
  ["runs/:run/log", log],
  ["jobs", jobs],
  ["jobs/:job", job],
  ["log", log],
  ["fleet", fleet],
];

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function match(pattern, parts) {
  const names = pattern.split("/");
  if (names.length !== parts.length) return null;
  const params = {};
  for (const [at, name] of names.entries()) {
    if (name.startsWith(":")) params[name.slice(1)] = decoded(parts[at]);
    else if (name !== parts[at]) return null;
  }
  return params;
}

/** The view of an address, with its parameters and its query; `view` is null where there is none. */
export function route(hash) {
  const [path, search = ""] = hash.replace(/^#\/?/, "").split("?");
  const parts = (path || "runs").split("/").filter(Boolean);
  const query = Object.fromEntries(new URLSearchParams(search));
  for (const [pattern, view] of ROUTES) {
    const params = match(pattern, parts);
    if (params) return { view, params, query, area: parts[0] };
  }
  return { view: null, params: {}, query, area: parts[0] };
}

/** Puts a view's query into the address without leaving the view; empty values are left out. */
export function setQuery(values) {
  const [path, search = ""] = location.hash.split("?");
  const query = new URLSearchParams(search);
  for (const [name, value] of Object.entries(values)) {
    if (value === null || value === undefined || value === "") query.delete(name);
    else query.set(name, value);
  }
  const text = query.toString();
  location.hash = text ? `${path}?${text}` : path;
}
