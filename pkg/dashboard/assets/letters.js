// What can be done with dead letters: republish and discard, each with a dialog before and what became of each shard behind.
import { Dialog, close, open, signedIn } from "./dialog.js";
import { Head, Table, html, useState } from "./ui.js";
import { send } from "./api.js";
import { change, now, useStore } from "./store.js";
import { number, plural } from "./words.js";

/** @typedef {{ids?: string[], cause?: string, all?: boolean}} Selection */

const atOnce = 100; // shards of one request: each is counted in the legacy database

const refresh = () => change({ letters: now().letters + 1 });

const good = /** @type {Record<string, string>} */ ({ republished: "good", refused: "bad", discarded: "good" });

/** @param {{results: {id: string, result: string, why: string}[], children?: any}} props */
const Results = ({ results, children }) => html`
  <div class="results" role="status"><${Table} label="what became of each shard">
    <thead><tr><${Head}>shard<//><${Head}>result<//><${Head}>why<//></tr></thead>
    <tbody>${results.map((r) => html`<tr key=${r.id}><th scope="row" class="nowrap">${r.id}</th><td class=${`nowrap ${good[r.result] || ""}`}>${r.result}</td>
      <td class="wrap">${r.why}</td></tr>`)}</tbody><//></div>${children}`;

/** @param {{what: Selection, count: number, of: string}} props */
function RepublishDialog({ what, count, of }) {
  const legacy = useStore((s) => s.overview?.actions.legacy);
  const [force, setForce] = useState(false);
  const [answer, setAnswer] = useState(/** @type {any} */ (null));
  const act = async () => {
    setAnswer(await send("/api/v1/dead/republish", { ...what, force }));
    refresh();
  };
  const waits = answer?.shards?.some((/** @type {any} */ s) => s.result === "republished" && !s.queued);
  const none = answer && !answer.shards?.length;
  const done = answer && (none
    ? html`<p role="status">Nothing is dead of that any more${answer.other_causes?.length ? html`; dead are shards of: ${answer.other_causes.join(", ")}` : ""}.</p>`
    : html`<${Results} results=${answer.shards}>${waits && html`<p>The next <code>producer run</code> publishes what is republished.</p>`}<//>`);
  return html`<${Dialog} title=${`Republish ${of}`} action=${`republish ${plural(count, "shard", "shards")}`} ready=${legacy !== false || force} done=${done} onAct=${act} onClose=${close}>
    <p>${count === 1 ? "It gets" : `${number(count)} shards get`} another life: the next generation, with no failure counted, by the mapping of now. ${
    count === 1 ? "It is" : "Each is"} compared with what it was tried with: where neither the mapping, rehome's version, the legacy database nor the target's tables have
      changed, it is refused, as it would die again.</p>
    ${legacy === false && html`<p class="warn">The aggregator has no LEGACY_DSN and cannot compare: republish with force, or give it one.</p>`}
    <label class="check"><input type="checkbox" checked=${force} onChange=${(/** @type {any} */ e) => setForce(e.target.checked)} />
      <span>Force. <span class="muted">Nothing is compared. Right where you have mended what cannot be seen from here, such as a network or a disk.</span></span></label><//>`;
}

/** @param {{ids: string[], of: string}} props */
function DiscardDialog({ ids, of }) {
  const [reason, setReason] = useState("");
  const [answer, setAnswer] = useState(/** @type {any} */ (null));
  const act = async () => {
    /** @type {any} */
    const all = { discarded: [], refused: [] };
    for (let i = 0; i < ids.length; i += atOnce) {
      const some = await send("/api/v1/dead/discard", { ids: ids.slice(i, i + atOnce), reason: reason.trim() });
      all.discarded.push(...some.discarded);
      all.refused.push(...some.refused);
      refresh();
    }
    setAnswer(all);
  };
  const done = answer && html`<${Results} results=${[
    ...(answer.discarded || []).map((/** @type {any} */ d) => ({ id: d.id, result: "discarded", why: `${plural(d.users, "user", "users")} and ${plural(d.rows, "row", "rows")} are left out` })),
    ...(answer.refused || []).map((/** @type {any} */ r) => ({ id: r.id, result: "refused", why: r.why })),
  ]}><p>The next <code>producer run</code> comes to the verdict. To republish a discarded shard takes it back.</p><//>`;
  return html`<${Dialog} title=${`Discard ${of}`} action=${`discard ${plural(ids.length, "shard", "shards")}`} danger=${true} ready=${reason.trim() !== ""} done=${done} onAct=${act} onClose=${close}>
    <p>${ids.length === 1 ? "Its" : "Their"} users and rows, counted in the legacy database at that moment, are <b>left out</b>: they do not come into the target. The report says so, with your reason. That can take a while for
      large shards.</p>
    <label class="field">Reason <span class="muted">it stands in the report</span>
      <input type="text" value=${reason} required maxlength="500" placeholder="test accounts of 2011" onInput=${(/** @type {any} */ e) => setReason(e.target.value)} /></label><//>`;
}

/** @param {{what: Selection, count: number, of: string, main?: boolean}} props */
export function RepublishButton({ what, count, of, main }) {
  const actions = useStore((s) => s.overview?.actions);
  const act = () => signedIn(() => open(html`<${RepublishDialog} what=${what} count=${count} of=${of} />`));
  return html`<button type="button" class=${main ? "main" : ""} disabled=${!actions?.dead} title=${actions?.dead_why_not} onClick=${act}
    aria-label=${`republish ${of}`}>republish${what.all ? " all" : ""}</button>`;
}

/** @param {{ids: string[], of: string}} props */
export function DiscardButton({ ids, of }) {
  const actions = useStore((s) => s.overview?.actions);
  const act = () => signedIn(() => open(html`<${DiscardDialog} ids=${ids} of=${of} />`));
  const can = actions?.dead && actions.legacy;
  const why = actions?.dead_why_not || "what is left out is counted in the legacy database: give the aggregator LEGACY_DSN";
  return html`<button type="button" disabled=${!can} title=${can ? undefined : why} onClick=${act} aria-label=${`discard ${of}`}>discard</button>`;
}
