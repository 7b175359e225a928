// What a dead letter was tried with, what has changed since, and what the legacy database has of it by now: asked for by who is signed in.
import { Fact, Failure, Head, Panel, Table, html, useState } from "./ui.js";
import { readSigned } from "./api.js";
import { signedIn } from "./dialog.js";
import { number, plural, short } from "./words.js";

/** @param {{seen: any}} props */
const Seen = ({ seen }) => html`
  <p>${seen.changed_since?.length > 0 ? html`<b class="good">Changed since it died:</b> ${seen.changed_since.join(", ")}.`
    : html`<b class="warn">Nothing has changed since it died:</b> another attempt would meet the same.`}</p>
  <dl class="facts">
    <${Fact} term="mapping it was tried with"><span class="mono">${short(seen.tried_with.mapping) || "not known"}</span><//>
    <${Fact} term="rehome">${seen.tried_with.rehome || "not known"}<//>
    <${Fact} term="legacy binlog at">${seen.tried_with.position || "not known"}<//>
    <${Fact} term="users now">${number(seen.now.users)}<//></dl>
  ${seen.now.tables.length > 0 && html`<${Table} label="rows in the legacy database now"><thead><tr><${Head}>table<//><${Head} number>rows now<//></tr></thead>
    <tbody>${seen.now.tables.map((/** @type {any} */ t, /** @type {number} */ i) => html`<tr key=${i}><th scope="row" class="wrap">${t.into}</th><td class="number">${number(t.rows)}</td></tr>`)}</tbody><//>`}`;

/** @param {{id: string, attempts: number}} props */
export function LookInto({ id, attempts }) {
  const [seen, setSeen] = useState(/** @type {any} */ (null));
  const [error, setError] = useState(/** @type {Error | null} */ (null));
  const [busy, setBusy] = useState(false);
  const look = async () => {
    setBusy(true);
    setError(null);
    await readSigned(`/api/v1/dead/${encodeURIComponent(id)}`).then(setSeen, setError);
    setBusy(false);
  };
  return html`<${Panel} title="Since it died" aside=${html`<button type="button" disabled=${busy} onClick=${() => signedIn(look)}>${busy ? "one moment" : seen ? "look again" : "look"}</button>`}>
    ${!seen && html`<p class="muted">It was tried ${plural(attempts, "time", "times")}. What has changed since, and what both databases have of it by now, is looked up when you ask.</p>`}
    <${Failure} of=${error} />
    ${seen && html`<${Seen} seen=${seen} />`}<//>`;
}
