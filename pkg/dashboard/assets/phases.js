// Where the time of the attempt went that ended a shard: a bar, and the same in numbers.
import { Panel, html } from "./ui.js";
import { duration, percent, size } from "./words.js";

const phases = /** @type {const} */ ([["read", "read"], ["convert", "convert"], ["copy", "copy"], ["read_back", "read back"], ["close", "close"]]);

/** Most shards are short. @param {number} ms */
const brief = (ms) => (ms < 1000 ? `${ms}ms` : duration(ms / 1000));

/** @param {{timing: any, state: string}} props */
export function Phases({ timing, state }) {
  if (!timing) {
    if (state !== "done") return null;
    return html`<${Panel} title="Phases"><p class="muted">The attempt that ended this shard told no times.</p><//>`;
  }
  const spent = phases.map(([key, name]) => ({ key, name, ms: timing[`${key}_ms`] || 0 }));
  const sum = spent.reduce((n, p) => n + p.ms, 0);
  return html`<${Panel} title="Phases" aside=${timing.bytes > 0 && html`<span class="muted small">${size(timing.bytes)} copied</span>`}>
    <div class="bar" aria-hidden="true">${spent.map((p) => p.ms > 0 && html`<i key=${p.key} class=${`phase-${p.key}`} title=${`${p.name} ${brief(p.ms)}`}
      style=${{ flex: `${p.ms} 1 0` }} />`)}</div>
    <ul class="keys">${spent.map((p) => html`<li key=${p.key}><span class=${`swatch phase-${p.key}`} />${p.name} <b>${brief(p.ms)}</b>
      <span class="muted">${sum > 0 ? percent(p.ms, sum) : ""}</span></li>`)}</ul>
    <p class="muted small">By the worker's clock. Phases may overlap, so that their sum may differ from the whole.</p><//>`;
}
