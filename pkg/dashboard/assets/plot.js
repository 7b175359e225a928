// Throughput over the last minutes: rows per second, and how many slots were busy.
import uPlot from "./vendor/uplot.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "./ui.js";
import { clock, minute, number } from "./words.js";

/** @param {string} token */
const colour = (token) => getComputedStyle(document.documentElement).getPropertyValue(token).trim();

const height = 190;

/** @param {number} n */
const brief = (n) => (n >= 1e6 ? `${+(n / 1e6).toFixed(1)}M` : n >= 1e3 ? `${+(n / 1e3).toFixed(1)}k` : String(n));

// Between two marks of the time: whole seconds, and no part of one, which would be marked with the same time as the one before.
const seconds = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400];

/** The time of a mark; none while there is nothing to see. @param {number} s @param {boolean} any @param {number} apart */
const time = (s, any, apart) => (!any ? "" : apart < 60 ? clock(s * 1000) : minute(s * 1000));

/** @param {number} width @param {(at: number | null) => void} point */
function options(width, point) {
  const axis = { stroke: colour("--muted"), font: "12px system-ui, sans-serif", ticks: { stroke: colour("--line"), width: 1, size: 4 }, grid: { stroke: colour("--line"), width: 1 } };
  return {
    width, height, legend: { show: false }, padding: [8, 0, 0, 0],
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 } },
    scales: { x: { time: true }, y: { range: (/** @type {any} */ _, /** @type {number} */ __, /** @type {number} */ max) => [0, Math.max(10, max * 1.1)] },
      busy: { range: (/** @type {any} */ _, /** @type {number} */ __, /** @type {number} */ max) => [0, Math.max(4, max * 1.1)] } },
    axes: [
      { ...axis, size: 30, space: 70, incrs: seconds, values: (/** @type {any} */ u, /** @type {number[]} */ at) => at.map((s) => time(s, u.data[0].length > 0, at[1] - at[0])) },
      { ...axis, size: 48, values: (/** @type {any} */ _, /** @type {number[]} */ at) => at.map(brief) },
      { ...axis, scale: "busy", side: 1, size: 34, grid: { show: false }, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500] },
    ],
    series: [
      {},
      { label: "rows/s", stroke: colour("--plot-rows"), fill: colour("--plot-rows-fill"), width: 2, points: { show: false } },
      { label: "slots busy", scale: "busy", stroke: colour("--plot-busy"), width: 1.5, dash: [5, 3], points: { show: false }, paths: uPlot.paths.stepped({ align: 1 }) },
    ],
    hooks: { setCursor: [(/** @type {any} */ u) => point(u.cursor.idx ?? null)] },
  };
}

/** @param {import("./types.js").Point[]} history */
const columns = (history) => [history.map((p) => Date.parse(p.at) / 1000), history.map((p) => p.rows_per_second), history.map((p) => p.busy)];

/** @param {{history: import("./types.js").Point[]}} props */
export function Plot({ history }) {
  const box = useRef(/** @type {any} */ (null));
  const plot = useRef(/** @type {any} */ (null));
  const newest = useRef(history);
  newest.current = history;
  const [at, setAt] = useState(/** @type {number | null} */ (null));
  useLayoutEffect(() => {
    const make = () => {
      plot.current?.destroy();
      plot.current = new uPlot(options(box.current.clientWidth, setAt), columns(newest.current), box.current);
    };
    make();
    const observer = new ResizeObserver(() => plot.current.setSize({ width: box.current.clientWidth, height }));
    observer.observe(box.current);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", make);
    return () => { observer.disconnect(); dark.removeEventListener("change", make); plot.current.destroy(); };
  }, []);
  useEffect(() => plot.current?.setData(columns(history)), [history]);
  const point = at === null ? null : history[at];
  const rates = history.map((p) => p.rows_per_second);
  const told = history.length > 1
    ? `Rows per second from ${clock(history[0].at)} to ${clock(history[history.length - 1].at)}: between ${number(Math.min(...rates))} and ${number(Math.max(...rates))}.`
    : "There is no history yet.";
  return html`<figure>
    <div class="plot" ref=${box} role="img" aria-label=${told} />
    <figcaption class="small muted">${point
      ? `${clock(point.at)}: ${number(point.rows_per_second)} rows/s, ${number(point.busy)} slots busy`
      : history.length > 1 ? `${clock(history[0].at)} to ${clock(history[history.length - 1].at)}` : told}</figcaption>
  </figure>`;
}
