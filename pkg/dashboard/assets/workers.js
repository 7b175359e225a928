// The workers that are alive, and what each is doing.
import { Chip, Command, Head, Panel, Table, html } from "./ui.js";
import { duration, number, plural } from "./words.js";

const shown = 4; // shards of one worker

/** @param {{of: import("./types.js").Worker}} props */
const Doing = ({ of }) => html`<ul class="doing">
  ${of.shards.slice(0, shown).map((s) => html`<li key=${`${s.ordinal}.${s.generation}`}><a href=${`#/shard/${s.ordinal}`}>shard ${s.ordinal}</a>
    <span class="muted"> ${s.wave && `${s.wave}, `}${number(s.rows)} rows${s.attempt > 1 ? `, attempt ${s.attempt}` : ""}, for </span>${duration(s.seconds)}</li>`)}
  ${of.shards.length > shown && html`<li class="muted">and ${number(of.shards.length - shown)} more</li>`}
  ${of.shards.length === 0 && html`<li class="muted">${of.slow || (of.stopping ? "stopping" : "waits for a shard")}</li>`}
  ${of.shards.length > 0 && of.slow && html`<li class="warn">${of.slow}</li>`}</ul>`;

/** @param {{workers: import("./types.js").Worker[], ended: boolean}} props */
export function WorkersPanel({ workers, ended }) {
  const busy = workers.reduce((n, w) => n + w.busy, 0);
  const slots = workers.reduce((n, w) => n + w.slots, 0);
  return html`<${Panel} title="Workers" id="workers" aside=${workers.length > 0 && html`<span class="muted small">${plural(workers.length, "worker", "workers")}, ${number(busy)} of ${number(slots)} slots busy</span>`}>
    ${workers.length === 0 ? ended ? html`<p class="muted">None is alive, and none is needed: the run has ended.</p>` : html`<p class="muted">None is alive. Start one on any machine that reaches both databases and NATS; it takes shards until it is told to stop.</p>
      <${Command} line="worker --slots 4" />` : html`
    <${Table} label="workers" kind="workers">
      <thead><tr><${Head}>worker<//><${Head} number>slots<//><${Head} number>rows/s<//><${Head} number roomy>heard<//><${Head}>doing<//></tr></thead>
      <tbody>${workers.map((w) => html`<tr key=${w.id}>
        <th scope="row" class="wrap">${w.host}${w.stopping && html` <${Chip} kind="warn">stopping<//>`}${w.behind && html` <${Chip} kind="warn">behind<//>`}
          <div class="muted small under">${w.program}</div></th><td class="number">${number(w.busy)} of ${number(w.slots)}<span class="tight"> slots</span></td><td class="number">${number(w.rows_per_second)}<span class="tight"> rows/s</span></td>
        <td class=${`number roomy ${w.age_seconds > 10 ? "warn" : "muted"}`}>${duration(w.age_seconds)} ago</td><td><${Doing} of=${w} /></td></tr>`)}</tbody><//>`}<//>`;
}
