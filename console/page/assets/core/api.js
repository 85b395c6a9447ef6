// The operator's API over HTTP: one function to ask, one to act, and problems as errors that say what to do.

const BASE = "/api/v1";

// A status in the words of an operator; what happened is in the detail.
const TITLES = {
  400: "The request was not understood",
  401: "You are not signed in",
  403: "You may not do this",
  404: "There is no such thing here",
  409: "This is not possible now",
  422: "The request was not understood",
  429: "Too many attempts",
};

/** A request that failed: RFC 9457 problem details, with what to do next. */
export class Problem extends Error {
  constructor(status, body) {
    super(body.detail ?? body.title ?? `the server answered ${status}`);
    this.status = status;
    this.title = TITLES[status] ?? body.title ?? `The server answered ${status}`;
    this.detail = body.detail ?? "";
    this.next = body.next ?? "";
  }
}

/** The session as the server last described it; null until it was asked, or when no one is signed in. */
export const who = { session: null };

function query(values) {
  const pairs = Object.entries(values ?? {}).filter(([, value]) => value !== null && value !== undefined);
  return pairs.length ? `?${new URLSearchParams(pairs)}` : "";
}

async function problemOf(response) {
  try {
    return new Problem(response.status, await response.json());
  } catch {
    const detail = "The answer is no JSON. Check that this address leads to crossfoot console.";
    return new Problem(response.status, { detail });
  }
}

async function ask(method, path, body, signal) {
  const headers = { accept: "application/json" };
  if (body !== undefined) headers["content-type"] = "application/json";
  if (method !== "GET" && who.session?.csrf) headers["x-csrf-token"] = who.session.csrf;
  let response;
  try {
    response = await fetch(BASE + path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin",
      cache: "no-store",
      signal,
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, {
      title: "The console does not answer",
      detail: "The connection failed. The server may have stopped, or the network may be down.",
      next: "Check that `crossfoot console` is running. This page tries again by itself.",
    });
  }
  if (!response.ok) throw await problemOf(response);
  return response.status === 204 ? null : response.json();
}

/** Reads one resource. */
export function get(path, values, signal) {
  return ask("GET", path + query(values), undefined, signal);
}

/** Reads the whole of a list up to `most` items, following its cursor; says whether there is more. */
export async function list(path, values, most = 200, signal) {
  const items = [];
  let cursor = null;
  do {
    const page = await get(path, { limit: Math.min(most, 200), ...values, cursor }, signal);
    items.push(...page.items);
    cursor = page.next ?? null;
  } while (cursor && items.length < most);
  return { items, next: cursor };
}

async function post(path, body) {
  const before = who.session?.csrf;
  try {
    return await ask("POST", path, body);
  } catch (error) {
    // A console that was started again has other tokens: what was refused for an old one was not done.
    if (error.status !== 403 || (await session()).csrf === before) throw error;
    return ask("POST", path, body);
  }
}

/** Acts on a run, for a reason; answers what was done. `more`: what else the act is told. */
export function perform(run, act, reason, more) {
  return post(`/runs/${encodeURIComponent(run)}/acts/${encodeURIComponent(act)}`, { reason, ...more });
}

/** Asks a worker to finish its work in hand and end; answers what was done. */
export function drain(worker, reason) {
  return post(`/fleet/workers/${encodeURIComponent(worker)}/drain`, { reason });
}

/** Who the operator is; throws a problem of status 401 when no one is signed in. */
export async function session() {
  who.session = await get("/session");
  return who.session;
}

/** How operators can sign in here. */
export function signInWays() {
  return get("/sign-in");
}

/** Where all rejects of a run are, byte for byte. */
export function rejectsAddress(run) {
  return `${BASE}/runs/${encodeURIComponent(run)}/rejects.raw`;
}

/** Signs in with a token. */
export async function signIn(token) {
  await ask("POST", "/session", { token });
  return session();
}

/** Signs out. */
export async function signOut() {
  await ask("DELETE", "/session");
  who.session = null;
}
