// What became of the rows of each table.
import { Head, Panel, Table, html } from "./ui.js";
import { number } from "./words.js";

/** @param {{n: number, bad?: boolean}} props */
export const Count = ({ n, bad }) => html`<td class=${`number ${n === 0 ? "zero" : bad ? "bad" : ""}`}>${number(n)}</td>`;

const columns = /** @type {const} */ ([["source_rows", "source rows"], ["written", "written"], ["gathered", "gathered"], ["set_aside", "set aside"],
  ["waiting", "waiting"], ["left_out", "left out"], ["unexplained", "unexplained"]]);
const always = new Set(["source_rows", "written"]);

/** Columns in which all is zero are not shown. @param {{tables: any[], label: string}} props */
export function SumsTable({ tables, label }) {
  const shown = columns.filter(([key]) => always.has(key) || tables.some((t) => t[key]));
  return html`<${Table} label=${label}>
    <thead><tr><${Head}>table<//>${shown.map(([key, name]) => html`<${Head} key=${key} number>${name}<//>`)}</tr></thead>
    <tbody>${tables.map((t, i) => html`<tr key=${i}><th scope="row" class="wrap">${t.into}${t.from && html`<div class="muted small under" title=${t.from}>from ${t.from.split(/\s/)[0]}</div>`}</th>
      ${shown.map(([key]) => html`<${Count} key=${key} n=${t[key] || 0} bad=${key === "unexplained"} />`)}</tr>`)}</tbody><//>`;
}

/** @param {{tables: import("./types.js").Table[]}} props */
export const Sums = ({ tables }) => html`<${Panel} title="Tables" aside=${html`<span class="muted small">source rows = written + gathered + set aside + waiting + left out</span>`}>
  ${tables.length === 0 ? html`<p class="muted">The sums are shown when the first shards have ended.</p>` : html`<${SumsTable} tables=${tables} label="sums of the tables" />`}<//>`;
