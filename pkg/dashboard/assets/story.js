// An explanation of a user, all of it.
import { Chip, Head, Panel, Table, html } from "./ui.js";
import { Trace } from "./trace.js";
import { ordinalOf } from "./shard.js";
import { isSet, moment, number, short } from "./words.js";

const kinds = /** @type {Record<string, string>} */ ({ migrated: "good", redone: "good", quarantined: "bad", pending: "warn", unknown: "warn" });
const legacies = /** @type {Record<string, string>} */ ({
  present: "The legacy database has the user.", absent: "The legacy database has no such user.",
  not_asked: "The legacy database was not asked.",
});

/** A list as a table; nothing where it is empty.
 * @param {{title: string, head: string[], rows: any[][], numbers?: number}} props numbers is how many of the last columns are numbers */
const List = ({ title, head, rows, numbers = 0 }) => (rows.length === 0 ? null : html`<${Panel} title=${title}><${Table} label=${title}>
  <thead><tr>${head.map((name, i) => html`<${Head} key=${name} number=${i >= head.length - numbers}>${name}<//>`)}</tr></thead>
  <tbody>${rows.map((row, n) => html`<tr key=${n}>${row.map((cell, i) => html`<td key=${i} class=${i >= head.length - numbers ? "number" : "wrap"}>${cell}</td>`)}</tr>`)}</tbody><//><//>`);

/** Why a row did not arrive. @param {any} r */
const why = (r) => (r.needs ? `needs ${r.needs}` : r.others?.length ? `collides with ${r.others.join(" ")}` : r.value ?? "");

/** @param {any[]} rows */
const refused = (rows) => rows.map((r) => [r.table, r.row, html`<code>${r.cause}</code>`, why(r)]);

/** @param {{story: any}} props */
export const Story = ({ story: s }) => html`<div class="stack">
  <${Panel} title=${`User ${s.user} of ${s.migration}`}>
    <p><${Chip} kind=${kinds[s.state] || ""}>${s.state.replaceAll("_", " ")}<//> ${s.cause && html`<code>${s.cause}</code>`}</p>
    <p class="muted">${legacies[s.legacy]}</p><//>
  <${Panel} title="What to do"><ul class="reasons">${s.next.map((/** @type {string} */ text) => html`<li key=${text}>${text}</li>`)}</ul><//>
  <${List} title="Shards" head=${["shard", "kind", "wave", "state", "done", "mapping", "trace", "attempts", "failures"]} numbers=${2}
    rows=${s.shards.map((/** @type {any} */ c) => [html`<a href=${`#/shard/${ordinalOf(c.shard)}`}>${c.shard.slice(c.shard.lastIndexOf("/") + 1)}</a>`, c.kind, c.wave, c.state, isSet(c.done_at) ? moment(c.done_at) : "–",
    html`<span class="mono">${short(c.mapping)}</span>`, html`<${Trace} trace=${c.trace_id} brief=${true} />`, number(c.attempts), number(c.failures)])} />
  ${s.shards.filter((/** @type {any} */ c) => c.error).map((/** @type {any} */ c) => html`<p class="quote" key=${c.shard}>${c.shard} failed: ${c.error}</p>`)}
  <${List} title="Tables" head=${["table", "from", "standing", "set aside", "waiting", "left out", "gathered"]} numbers=${5}
    rows=${s.tables.map((/** @type {any} */ t) => [t.table, t.from, number(t.standing), number(t.set_aside), number(t.waiting), number(t.left_out), number(t.gathered)])} />
  <${List} title="Set aside" head=${["table", "row", "cause", "why"]} rows=${refused(s.set_aside)} />
  <${List} title="Waiting" head=${["table", "row", "cause", "why"]} rows=${refused(s.waiting)} />
  <${List} title="Refused if read now" head=${["table", "row", "cause", "why"]} rows=${refused(s.refused_now)} />
  <${List} title="Rules that fire" head=${["rule", "column", "row", "legacy value"]}
    rows=${s.rules.map((/** @type {any} */ r) => [r.rule, `${r.table}.${r.column}`, r.row, html`<code>${r.value}</code>`])} />
  <${List} title="Conflicts" head=${["conflict", "table", "row", "it"]}
    rows=${s.conflicts.map((/** @type {any} */ c) => [c.kind, c.table, c.row, c.settled ? "is as the legacy database has it" : "stays as the target has it"])} />
  <${List} title="Originals kept" head=${["of", "rule", "rows"]} numbers=${1}
    rows=${s.originals.map((/** @type {any} */ o) => [`${o.table}.${o.column || "(whole rows)"}`, o.rule, number(o.rows)])} />
</div>`;
