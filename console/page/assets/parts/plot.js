// Small plots: a job's history run by run, and a worker's rate of the last minutes.

import { h, s } from "../core/dom.js";
import { count, plural } from "../core/format.js";

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [330, 118, 8, 8, 26, 20];

/** A point's place in the plot only: what is printed is always the exact text. */
function scale(points, median) {
  const values = points
    .map((point) => point.value)
    .concat(median ?? [])
    .filter((value) => value !== null);
  let low = Math.min(...values);
  let high = Math.max(...values);
  if (low === high) {
    low -= Math.abs(low) * 0.1 || 1;
    high += Math.abs(high) * 0.1 || 1;
  }
  const step = points.length > 1 ? (WIDTH - LEFT - RIGHT) / (points.length - 1) : 0;
  return {
    x: (at) => (points.length > 1 ? LEFT + at * step : WIDTH / 2),
    y: (value) => HEIGHT - BOTTOM - ((value - low) / (high - low)) * (HEIGHT - TOP - BOTTOM),
  };
}

function marker(point, x, y) {
  if (point.far) {
    const d = `M${x} ${y - 6}L${x + 6} ${y}L${x} ${y + 6}L${x - 6} ${y}Z`;
    return s("path", { d, class: "far" }, s("title", null, `${point.label}: ${point.text}, unusual`));
  }
  return s("circle", { cx: x, cy: y, r: 3, class: point.style }, s("title", null, `${point.label}: ${point.text}`));
}

/** Points from the oldest to the newest: `{label, value: number or null, text, far, style}`. */
export function history({ title, points, median, medianText }) {
  const known = points.map((point, at) => ({ ...point, at })).filter((point) => point.value !== null);
  if (!known.length) {
    return h(
      "figure",
      { class: "plot", key: title },
      h("figcaption", null, title),
      h("p", { class: "soft" }, "No values yet."),
    );
  }
  const { x, y } = scale(known.length === points.length ? points : known, median);
  const place = (point, index) => [x(known.length === points.length ? point.at : index), y(point.value)];
  const line = known
    .map((point, index) =>
      place(point, index)
        .map((one) => one.toFixed(1))
        .join(","),
    )
    .join(" ");
  const last = known.at(-1);
  const far = known.filter((point) => point.far);
  const spoken =
    `${title}: ${plural(known.length, "run")}, the latest ${last.text}` +
    `${medianText ? `, median ${medianText}` : ""}, ${count(far.length)} unusual` +
    far.map((point) => `; ${point.label}: ${point.text}`).join("");
  return h(
    "figure",
    { class: "plot", key: title },
    h(
      "figcaption",
      null,
      h("span", null, title),
      h("span", { class: `latest${last.far ? " warn" : ""}` }, last.far ? "◆ " : "", last.text),
    ),
    s(
      "svg",
      { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": spoken },
      median === null || median === undefined
        ? null
        : [
            s("line", { class: "median", x1: 0, x2: WIDTH, y1: y(median), y2: y(median) }),
            s("text", { class: "median-text", x: 0, y: HEIGHT - 5 }, `median ${medianText}`),
          ],
      s("polyline", { points: line, class: "through" }),
      known.map((point, index) => marker(point, ...place(point, index))),
    ),
  );
}

/** A line through the last rates; nothing while there are fewer than three. */
export function spark(values) {
  if (values.length < 3 || !values.some((value) => value > 0)) return null;
  const high = Math.max(...values, 1);
  const points = values.map(
    (value, at) => `${((at / (values.length - 1)) * 60).toFixed(1)},${(15 - (value / high) * 14).toFixed(1)}`,
  );
  return s(
    "svg",
    { class: "spark", viewBox: "0 0 60 16", "aria-hidden": "true" },
    s("polyline", { points: points.join(" ") }),
  );
}
