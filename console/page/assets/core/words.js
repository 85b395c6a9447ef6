// The words for what the API names: one place, so that every view says the same of the same thing.

/** Outcome → its word, mark and class. */
const OUTCOMES = {
  reconciled: ["Reconciled", "✓", "pass"],
  "not-reconciled": ["Not reconciled", "✗", "fail"],
  "awaiting-approval": ["Awaiting approval", "!", "warn"],
  unfinished: ["Unfinished", "!", "warn"],
  cancelled: ["Cancelled", "○", "quiet"],
  "backed-out": ["Backed out", "○", "quiet"],
};

/** Whether a process is at work on the run at this moment, as far as the run's item tells. */
export function isRunning(run) {
  return run.outcome === "unfinished" && isDriven(run) === true;
}

/** Whether a run is not finished, and no process drives it. */
export function isStopped(run) {
  return run.outcome === "unfinished" && isDriven(run) === false;
}

/** Whether a run waits until an operator resumes it; its note says why. */
export function waitsForOperator(run) {
  return isStopped(run) && Boolean(run.waits_for_operator);
}

// Null where an item of a list does not say: then nothing is claimed.
function isDriven(run) {
  if (run.driven !== undefined && run.driven !== null) return run.driven;
  if (run.driven_by !== undefined) return run.driven_by !== null;
  // A run's own page leaves out what is not there.
  if (run.flow) return false;
  return run.rate === null || run.rate === undefined ? null : true;
}

/** How many chunks of a run were set aside, of its item in a list or of the run itself. */
export function setAside(run) {
  return run.chunks_set_aside ?? run.progress?.chunks_set_aside ?? 0;
}

/** What to call a run's verdict: `{word, mark, class}`. */
export function verdict(run) {
  if (run.outcome === "unfinished" && setAside(run)) {
    const word = isStopped(run) ? "Stopped, chunks set aside" : "Running, chunks set aside";
    return { word, mark: "✗", class: "fail" };
  }
  if (isRunning(run)) {
    const word = run.state === "staged" ? "Verifying" : "Running";
    return { word, mark: "▸", class: "run" };
  }
  if (waitsForOperator(run)) return { word: "Waits for an operator", mark: "!", class: "warn" };
  if (isStopped(run)) return { word: "Stopped, not finished", mark: "!", class: "warn" };
  if (run.outcome === "unfinished") {
    return { word: run.state === "staged" ? "Staged, not verified" : "Loading", mark: "▸", class: "run" };
  }
  const [word, mark, style] = OUTCOMES[run.outcome] ?? [run.outcome ?? run.state, "?", "warn"];
  return { word, mark, class: style };
}

/** How long a run took, or has taken so far: its elapsed time is only written down when a coordinator leaves it. */
export function lasted(run, now = Date.now()) {
  if (run.outcome === "unfinished" && !isStopped(run)) return Math.max(run.elapsed_ms, now - run.opened_at_ms);
  return run.elapsed_ms || (run.ended_at_ms ? run.ended_at_ms - run.opened_at_ms : 0);
}

/**
 * How much of a run is done: `{part, whole, isEstimate}`. While the source is still being split, how many records it
 * has is only known from the time that is left.
 */
export function progress(run) {
  const done = run.records_processed ?? 0;
  if (run.records) return { part: done, whole: run.records };
  if (run.bytes_total) return { part: run.bytes_committed, whole: run.bytes_total };
  if (run.rate && run.seconds_left !== null && run.seconds_left !== undefined) {
    return {
      part: done,
      whole: Math.max(done + run.rate * run.seconds_left, run.records_split ?? 0),
      isEstimate: true,
    };
  }
  return { part: done, whole: null };
}

/** What the verdict means for the final table. */
export function consequence(run) {
  if (run.outcome === "unfinished" && !isStopped(run)) {
    return "Not finished yet. None of this run's rows are in final.";
  }
  return (
    {
      reconciled: "Final contains the records of this run, read back and verified.",
      "not-reconciled": "None of this run's rows are in final.",
      "awaiting-approval": "Staging is verified. Nothing is promoted until someone approves.",
      unfinished: "No process drives this run. None of its rows are in final. It can be resumed.",
      cancelled: "Cancelled by an operator. None of this run's rows are in final.",
      "backed-out":
        "It reconciled, and was backed out later: an operator took its rows out of final again. The figures are " +
        "those of its promotion.",
    }[run.outcome] ?? ""
  );
}

const VERDICTS = {
  pass: ["✓", "passed"],
  fail: ["✗", "failed"],
  warn: ["!", "warning"],
  vacuous: ["○", "nothing to compare"],
};

/** A check's verdict as mark and word. */
export function checkVerdict(name) {
  return VERDICTS[name] ?? ["?", name];
}

const REASONS = {
  "field-count": "wrong number of fields or length",
  quoting: "quotes do not close",
  encoding: "not text in the source's encoding",
  type: "not of the field's type",
  "too-long": "longer than the field",
  required: "value missing",
  range: "out of range",
  "not-allowed": "not an allowed value",
  pattern: "does not match the pattern",
  length: "wrong length",
  "record-type": "of no record type",
  padding: "bytes where padding is expected",
  "round-trip": "encoded again, it is another record",
  parent: "the record whose element it is was rejected",
};

/** The kind of a reject's reason in words. */
export function reason(code) {
  return REASONS[code] ?? code;
}

const DIFFERENCES = {
  missing: "missing",
  extra: "extra",
  field: "field differs",
  worker: "wrong worker",
  "raw-bytes": "kept bytes differ",
  "duplicate-key": "duplicate key",
  rule: "breaks a rule",
  "does-not-foot": "does not foot",
};

/** What is wrong with a record, in words. */
export function difference(name) {
  return DIFFERENCES[name] ?? name;
}

const EVENTS = {
  opened: "opened the run",
  resumed: "resumed the run",
  parked: "parked the run",
  "paused-by-operator": "paused the run",
  "window-changed": "changed how many chunks may be in flight",
  "drain-asked": "asked workers to finish and end",
  staged: "loaded every chunk to staging",
  paused: "verified staging; approval pending",
  approved: "approved the run",
  "approval-refused": "was refused approval",
  redriven: "requeued chunks that were set aside",
  promoted: "promoted the run to final",
  "not-reconciled": "found that the run does not reconcile",
  cancelled: "cancelled the run",
  "backed-out": "took the rows out of final again",
  "back-out-refused": "was refused to back the run out",
  purged: "deleted staging rows and rejects",
  "rejects-written": "wrote the rejects to a file",
  exported: "exported an evidence pack",
  proved: "proved a record",
  drilled: "ran a drill",
  "message-key-replaced": "replaced the message key",
  "message-refused": "refused a message",
  "dead-letter-written": "wrote a dead letter to a file",
  "dead-letters-replayed": "replayed dead letters",
  "dead-letters-cleared": "removed dead letters",
  "run-missing": "found that no run was opened in time",
  "attestation-lapsed": "found that an attestation is overdue or failed",
  "notification-failed": "could not deliver a notification",
  "checkpoint-failed": "could not note a checkpoint",
};

/** What an event of the evidence log says that was done. */
export function eventWords(kind) {
  return EVENTS[kind] ?? kind.replaceAll("-", " ");
}

const NOTICED = [
  "not-reconciled",
  "approval-refused",
  "back-out-refused",
  "message-refused",
  "run-missing",
  "attestation-lapsed",
  "notification-failed",
  "checkpoint-failed",
];

/** Kinds of event that a reader should notice: kind → class. */
export function eventClass(kind) {
  if (NOTICED.includes(kind)) return "fail";
  return kind === "promoted" ? "pass" : "";
}

const ROLES = {
  "coordinator-service": "coordinator service",
  coordinator: "coordinator",
  processor: "processor",
  writer: "writer",
};

/** A process's role in words. */
export function role(name) {
  return ROLES[name] ?? name;
}

/** Act → its button, and the verb of its confirmation. */
export const ACTS = {
  approve: { label: "Approve", confirm: "Approve and promote", danger: false },
  resume: { label: "Resume", confirm: "Resume the run", danger: false },
  redrive: { label: "Redrive", confirm: "Requeue the chunks", danger: false },
  window: { label: "Window", confirm: "Change the window", danger: false },
  pause: { label: "Pause", confirm: "Pause the run", danger: false },
  cancel: { label: "Cancel run", confirm: "Cancel the run", danger: true },
  "back-out": { label: "Back out", confirm: "Take the rows out of final", danger: true },
  purge: { label: "Purge", confirm: "Delete staging rows and rejects", danger: true },
};

/** An act's words, also of one that this page does not know. */
export function act(name) {
  return ACTS[name] ?? { label: name, confirm: `Do: ${name}`, danger: true };
}

// Chunk states of any server: what to call them, and how a cell is drawn.
const CHUNKS = {
  waiting: ["waiting", "wait"],
  begun: ["begun", "busy"],
  pending: ["waiting", "wait"],
  split: ["waiting", "wait"],
  queued: ["queued", "queue"],
  processing: ["being processed", "busy"],
  started: ["started", "busy"],
  processed: ["processed, not written", "half"],
  writing: ["being written", "half"],
  committed: ["committed", "done"],
  staged: ["committed", "done"],
  verified: ["read back", "proven"],
  "read-back": ["read back", "proven"],
  "set-aside": ["set aside", "bad"],
  failed: ["failed", "bad"],
};

/** A chunk's state: `{word, look}`; looks are wait, queue, busy, half, done, proven, bad. */
export function chunkState(name) {
  const [word, look] = CHUNKS[name] ?? [name, "half"];
  return { word, look };
}
