// Who is kept out, by cause, and what to do about it.
import { Command, Failure, Panel, coded, html, useAnswer } from "./ui.js";
import { change, useStore } from "./store.js";
import { kindOf, remedyOf } from "./remedies.js";
import { read } from "./api.js";
import { number, plural } from "./words.js";

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Keys that are neither numbers nor UUIDs are hashes, by which nobody can be asked for. @param {{value: string}} props */
const Key = ({ value }) => (/^-?\d+$/.test(value) || uuid.test(value)
  ? html`<a href="#/user" onClick=${() => change({ asked: value })}>${value}</a>` : html`<span class="mono muted" title="a keyed hash">${value}</span>`);

/** @param {{of: import("./types.js").Cause}} props */
function Cause({ of }) {
  const key = of.sample_keys?.find((k) => /^-?\d+$/.test(k) || uuid.test(k));
  return html`<li class="letter">
    <div class="top"><code>${of.cause}</code><span class="muted">${plural(of.users, "user", "users")}, ${plural(of.rows, "row", "rows")}</span></div>
    <p>${coded(remedyOf(of.cause))}</p>
    ${of.sample_keys?.length > 0 && html`<p><span class="muted">for example</span> ${of.sample_keys.map((k) => html`<${Key} key=${k} value=${k} /> `)}</p>`}
    <${Command} line=${kindOf(of.cause) === "altered" ? "producer dead list" : `aggregator explain ${key || "USER"}`} /></li>`;
}

export function QuarantinePage() {
  const users = useStore((s) => s.overview?.progress.users.quarantined) || 0;
  const { value, error } = useAnswer(() => read("/api/v1/quarantine"), [users]);
  const causes = /** @type {import("./types.js").Cause[]} */ (value?.causes || []);
  return html`
    <div class="title"><h1 tabindex="-1">Quarantine</h1><span class="muted">${plural(users, "user", "users")}</span></div>
    <div class="stack">
      <${Failure} of=${error} />
      ${value && causes.length === 0 && html`<${Panel} title="None"><p class="good">Nobody is quarantined, and no row is set aside or waits.</p>
        <p class="muted">A user of whom one value cannot be migrated stays out as a whole, with the cause. What is mended in migration.yaml is done again by the next <code>producer run</code>.</p><//>`}
      ${causes.length > 0 && html`<${Panel} title="By cause"><p class="muted">Give each cause an outcome in migration.yaml, and start <code>producer run</code> again: those whom the change touches are done again, and nobody else.</p>
        <ul class="stack">${causes.map((c) => html`<${Cause} key=${c.cause} of=${c} />`)}</ul><//>`}
    </div>`;
}
