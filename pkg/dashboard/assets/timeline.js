// What happened to a shard, the newest last.
import { Trace } from "./trace.js";
import { html } from "./ui.js";
import { day, clock, isSet } from "./words.js";

/** @typedef {{at: string, generation: number, attempt: number, what: string, detail?: any}} Event */
/** @typedef {{at: string, kind: string, text: string, trace?: string}} Entry */

const kinds = /** @type {Record<string, string>} */ ({ dead: "bad", failed: "warn", outage: "warn", reaped: "warn", applied: "good", republished: "", discarded: "warn" });

const told = /** @type {Record<string, (e: Event, d: any) => string>} */ ({
  failed: (e, d) => `attempt ${e.attempt} failed${d.kind ? ` by ${d.kind === "defect" ? "a defect" : "its data"}` : ""}${d.cause ? `: ${d.cause}` : ""}`,
  dead: (e, d) => `attempt ${e.attempt} failed, and the shard is dead${d.cause ? ` of ${d.cause}` : ""}`,
  applied: (e) => `attempt ${e.attempt} committed: done`,
  republished: (e, d) => `republished${d.by ? ` by ${d.by}` : ""}: it goes on as generation ${e.generation + 1}`,
  discarded: (e, d) => `discarded${d.by ? ` by ${d.by}` : ""}${d.reason ? `: ${d.reason}` : ""}`,
  split: (e, d) => `split in two${d.first !== undefined ? `, the first is shard ${d.first}` : ""}`,
  reaped: (e) => `attempt ${e.attempt}: its worker stood still, and its session was ended`,
});

/** @param {Event} e @returns {Entry} */
function entry(e) {
  const d = e.detail || {};
  const rest = Object.entries(d).filter(([key, value]) => !told[e.what] && key !== "trace_id" && typeof value !== "object");
  const text = told[e.what]?.(e, d) ?? `${e.what}${e.attempt ? `, attempt ${e.attempt}` : ""}${rest.map(([key, value]) => `, ${key} ${value}`).join("")}`;
  return { at: e.at, kind: kinds[e.what] ?? "", text, trace: d.trace_id };
}

/** @param {any} s @returns {Entry[]} */
export function entries(s) {
  const all = (s.events || []).map(entry);
  if (s.outage && isSet(s.outage_at)) all.push({ at: s.outage_at, kind: "warn", text: "an attempt was set back by no fault of the data" });
  if (isSet(s.started_at) && s.state === "done") all.push({ at: s.started_at, kind: "", text: `attempt ${s.attempts} began` });
  if (s.holder && isSet(s.holder.since)) all.push({ at: s.holder.since, kind: "", text: `attempt ${s.attempts} is in work at ${s.holder.host}` });
  return all.sort((/** @type {Entry} */ a, /** @type {Entry} */ b) => Date.parse(a.at) - Date.parse(b.at));
}

/** @param {{shard: any}} props */
export function Timeline({ shard }) {
  const all = entries(shard);
  if (all.length === 0) return html`<p class="muted">Nothing yet: no worker has taken it. It is in the queue, or waits for its wave.</p>`;
  return html`<ol class="timeline">${all.map((e, i) => html`<li key=${i}>
    <time datetime=${e.at}>${clock(e.at)}${day(e.at) !== (i > 0 ? day(all[i - 1].at) : day(Date.now())) && html`<br />${day(e.at)}`}</time>
    <span class=${`dot ${e.kind}`} aria-hidden="true" /><span class="wrap">${e.text}${e.trace && html` · <${Trace} trace=${e.trace} brief=${true} />`}</span></li>`)}</ol>`;
}
