// News from the server: one stream of events, opened again when it breaks, and polling while it cannot be opened.
//
// The stream is read with fetch, not with EventSource, because EventSource hides the heartbeat comments: without them a
// quiet night looks like a dead connection, and a dead connection like a quiet night.

const STALE_MS = 20_000;
const POLL_MS = 5_000;
const HIDDEN_POLL_MS = 30_000;
const RETRY_MS = [500, 1_000, 2_000, 5_000, 10_000];

/** Takes server-sent events apart; `feed` text as it comes, `event` and `beat` are called. */
export class EventParser {
  constructor(event, beat) {
    this.event = event;
    this.beat = beat;
    this.rest = "";
    this.fields = { data: [] };
  }

  feed(text) {
    this.beat();
    const lines = (this.rest + text).split(/\r\n|\n|\r(?!$)/);
    this.rest = lines.pop();
    for (const line of lines) this.line(line);
  }

  line(line) {
    if (line === "") {
      if (this.fields.data.length) this.event({ ...this.fields, data: this.fields.data.join("\n") });
      this.fields = { data: [] };
      return;
    }
    if (line.startsWith(":")) return;
    const at = line.indexOf(":");
    const name = at < 0 ? line : line.slice(0, at);
    const value = at < 0 ? "" : line.slice(at + 1).replace(/^ /, "");
    if (name === "data") this.fields.data.push(value);
    else if (name === "event" || name === "id") this.fields[name] = value;
  }
}

/** The connection to the server's news. States: connecting, live, polling, stale. */
export class Live {
  constructor({ news, poll, state }) {
    this.news = news;
    this.poll = poll;
    this.tell = state;
    this.state = "connecting";
    this.heard = Date.now();
    this.tries = 0;
    this.lastId = null;
    this.stopped = true;
  }

  start() {
    if (!this.stopped) return;
    this.stopped = false;
    this.heard = Date.now();
    this.clock = setInterval(() => this.tick(), 1_000);
    this.connect();
    document.addEventListener("visibilitychange", (this.wake = () => this.looked()));
  }

  stop() {
    this.stopped = true;
    this.abort?.abort();
    clearInterval(this.clock);
    clearTimeout(this.again);
    document.removeEventListener("visibilitychange", this.wake);
  }

  // A browser opens six connections to a server, and each stream holds one: hidden tabs leave theirs to
  // others, and ask now and then, so that their titles stay true. A tab that is looked at again asks at once.
  looked() {
    if (this.stopped) return;
    if (document.hidden) {
      clearTimeout(this.again);
      this.abort?.abort();
      return;
    }
    this.beat();
    this.poll();
    if (!this.open) this.connect();
  }

  /** Anything that came from the server is a sign that it is there. */
  beat() {
    this.heard = Date.now();
  }

  set(state) {
    if (state === this.state) return;
    this.state = state;
    this.tell(state, this.heard);
  }

  tick() {
    if (document.hidden) {
      if (Date.now() - (this.polled ?? 0) < HIDDEN_POLL_MS) return;
      this.polled = Date.now();
      this.poll();
      return;
    }
    const silent = Date.now() - this.heard;
    if (silent > STALE_MS) {
      this.set("stale");
      // A connection that says nothing for this long is not one.
      if (this.open && silent > 2 * STALE_MS) this.abort?.abort();
    } else if (this.state === "stale") this.set(this.open ? "live" : "polling");
    if (!this.open && Date.now() - (this.polled ?? 0) > POLL_MS) {
      this.polled = Date.now();
      this.poll();
    }
  }

  async connect() {
    clearTimeout(this.again);
    if (document.hidden) return;
    this.abort = new AbortController();
    this.open = true;
    try {
      const headers = { accept: "text/event-stream" };
      if (this.lastId) headers["last-event-id"] = this.lastId;
      const response = await fetch("/api/v1/events", {
        headers,
        cache: "no-store",
        credentials: "same-origin",
        signal: this.abort.signal,
      });
      if (!response.ok || !response.body) throw new Error(`events: ${response.status}`);
      await this.read(response.body);
    } catch {
      // What failed is tried again below; the state says so.
    }
    this.open = false;
    if (this.stopped || document.hidden) return;
    if (this.state !== "stale") this.set("polling");
    const wait = RETRY_MS[Math.min(this.tries, RETRY_MS.length - 1)];
    this.tries += 1;
    // Not all pages at the same moment.
    this.again = setTimeout(() => this.connect(), wait * (0.75 + Math.random() / 2));
  }

  async read(body) {
    this.beat();
    this.set("live");
    if (this.tries) this.poll();
    const parser = new EventParser(
      (event) => this.take(event),
      () => this.beat(),
    );
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done || this.stopped) break;
      this.tries = 0;
      parser.feed(value);
      if (this.state !== "live") this.set("live");
    }
  }

  take(event) {
    if (event.id) this.lastId = event.id;
    let data;
    try {
      data = JSON.parse(event.data);
    } catch {
      return;
    }
    this.news(event.event ?? "message", data);
  }
}
