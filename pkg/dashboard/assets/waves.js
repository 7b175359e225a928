// Waves and the gates behind them.
import { Chip, Command, Head, Note, Panel, Table, html, useAnswer } from "./ui.js";
import { read } from "./api.js";
import { useStore } from "./store.js";
import { number, percent } from "./words.js";

/** @typedef {import("./types.js").Wave} Wave */

const kinds = /** @type {Record<string, string>} */ ({ passed: "good", closed: "bad" });

/** @param {{wave: Wave}} props */
const Gate = ({ wave }) => (wave.gate
  ? html`<${Chip} kind=${wave.override ? "warn" : kinds[wave.gate] || ""}>${wave.override ? "passed all the same, as told" : wave.gate}<//>`
  : html`<span class="muted">none</span>`);

/** @param {{waves: Wave[]}} props */
export const WaveTable = ({ waves }) => html`<${Table} label="waves and gates">
  <thead><tr><${Head}>wave<//><${Head} number roomy>users<//><${Head} number roomy>tried<//><${Head} number>done<//><${Head} number>quarantined<//><${Head}>gate<//></tr></thead>
  <tbody>${waves.map((w) => html`<tr key=${w.name}><th scope="row" class="wrap">${w.name}</th><td class="number roomy">${number(w.planned)}</td>
    <td class="number roomy">${number(w.tried)}</td><td class="number">${percent(w.tried, w.planned)}</td>
    <td class=${`number ${w.quarantined ? "" : "zero"}`}>${number(w.quarantined)}${w.quarantined > 0 && w.tried > 0 && html` <span class="muted small roomy">${((100 * w.quarantined) / w.tried).toFixed(1)}%</span>`}</td>
    <td><${Gate} wave=${w} /></td></tr>`)}</tbody><//>`;

/** @param {{wave: Wave, why: string[]}} props */
const Closed = ({ wave, why }) => html`<${Note} kind="bad" word="gate closed">behind wave ${wave.name}
  ${why.length > 0 && html`<ul class="reasons">${why.map((reason) => html`<li key=${reason}>${reason}</li>`)}</ul>`}
  <p class="small">Mend the mapping and start <code>producer run</code> again: those whom it brings are done again first, then the gate is judged anew. Or${" "}
    <a href="#/dead">republish or discard</a> what is dead, or raise <code>gate: {quarantined: …}</code>. Or go on all the same; the report says so, and the ledger who said it:</p>
  <${Command} line=${`producer run -f migration.yaml --pass ${wave.name}`} /><//>`;

export function WavesPage() {
  const waves = useStore((s) => s.overview?.progress.waves) || [];
  const judged = waves.map((w) => w.gate).join();
  const verdict = useStore((s) => s.overview?.verdict.at);
  const closed = judged.includes("closed");
  const { value: report } = useAnswer(() => (closed ? read("/api/v1/report") : Promise.resolve(null)), [judged, closed && verdict]);
  const why = (/** @type {Wave} */ wave) => wave.why || report?.waves?.find((/** @type {any} */ w) => w.name === wave.name)?.gate_reasons || [];
  return html`
    <div class="title"><h1 tabindex="-1">Waves and gates</h1></div>
    <div class="stack">
      ${waves.filter((w) => w.gate === "closed").map((w) => html`<${Closed} key=${w.name} wave=${w} why=${why(w)} />`)}
      <${Panel} title="Waves">
        ${waves.length === 0 ? html`<p class="muted">The mapping has no waves: all users are one. <code>waves:</code> in migration.yaml lets a few go first.</p>`
    : html`<${WaveTable} waves=${waves} />
        <p class="muted small">A wave is published when the gate of the one before has passed: nothing of it is left to do, no shard is dead, no row is unexplained, and no more of
          its users are quarantined than its gate allows. Nothing stands behind the last one.</p>`}<//>
    </div>`;
}
