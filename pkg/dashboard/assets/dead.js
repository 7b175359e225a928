// Dead letters by their causes, and what was discarded.
import { Command, Failure, Head, Note, Panel, Table, html, useAnswer, useState } from "./ui.js";
import { DiscardButton, RepublishButton } from "./letters.js";
import { MarkOf, dead } from "./marks.js";
import { ordinalOf } from "./shard.js";
import { read } from "./api.js";
import { useStore } from "./store.js";
import { moment, number, plural } from "./words.js";

const shown = 60; // ids of a cause, before somebody asks for all

/** @param {{of: import("./types.js").DeadCause}} props */
function Letter({ of }) {
  const [all, setAll] = useState(false);
  const ids = all ? of.ids : of.ids.slice(0, shown);
  return html`<li class="letter">
    <div class="top"><code>${of.cause}</code><span class="muted">${plural(of.shards, "shard", "shards")}, ${plural(of.users, "user", "users")}, ${plural(of.rows, "row", "rows")}</span>
      <span class="buttons"><${RepublishButton} what=${{ cause: of.cause }} count=${of.shards} of=${`what is dead of ${of.cause}`} main=${true} />
        <${DiscardButton} ids=${of.ids} of=${`what is dead of ${of.cause}`} /></span></div>
    <div><p class="muted small">the last said, ${moment(of.last_at)}${of.first_at !== of.last_at ? `; the first died ${moment(of.first_at)}` : ""}</p><p class="quote">${of.error}</p></div>
    <ul class="ids" aria-label=${`shards dead of ${of.cause}`}>${ids.map((id) => html`<li key=${id}><a href=${`#/shard/${ordinalOf(id)}`}><${MarkOf} state=${dead} />${id}</a></li>`)}
      ${of.ids.length > ids.length && html`<li><button type="button" class="plain" onClick=${() => setAll(true)}>and ${number(of.ids.length - ids.length)} more</button></li>`}</ul>
  </li>`;
}

/** @param {{discarded: import("./types.js").Discarded[]}} props */
const Discarded = ({ discarded }) => html`<${Panel} title="Discarded" aside=${html`<span class="muted small">left out, until somebody republishes them</span>`}>
  <${Table} label="discarded shards"><thead><tr><${Head}>shard<//><${Head}>reason<//><${Head} number>users<//><${Head} number roomy>rows<//><${Head} roomy>at<//><${Head}><span class="spoken">take it back</span><//></tr></thead>
  <tbody>${discarded.map((d) => html`<tr key=${d.id}><th scope="row"><a href=${`#/shard/${ordinalOf(d.id)}`}>${d.id}</a></th><td class="wrap">${d.reason}</td>
    <td class="number">${number(d.users)}</td><td class="number roomy">${number(d.rows)}</td><td class="nowrap roomy">${moment(d.at)}</td>
    <td><${RepublishButton} what=${{ ids: [d.id] }} count=${1} of=${`shard ${d.id}`} /></td></tr>`)}</tbody><//><//>`;

export function DeadPage() {
  const letters = useStore((s) => s.letters);
  const count = useStore((s) => s.overview?.progress.shards.dead);
  const actions = useStore((s) => s.overview?.actions);
  const { value: list, error } = useAnswer(() => read("/api/v1/dead"), [letters, count]);
  const causes = /** @type {import("./types.js").DeadCause[]} */ (list?.causes || []);
  const total = causes.reduce((n, c) => n + c.shards, 0);
  return html`
    <div class="title"><h1 tabindex="-1">Dead letters</h1><span class="muted">${list ? plural(total, "shard", "shards") : ""}</span>
      ${causes.length > 1 && html`<span class="buttons push"><${RepublishButton} what=${{ all: true }} count=${total} of=${`all ${number(total)} dead shards`} /></span>`}</div>
    <div class="stack">
      <${Failure} of=${error} />
      ${actions && !actions.dead && actions.dead_why_not && html`<${Note} kind="warn" word="looking only">${actions.dead_why_not}<//>`}
      ${list && causes.length === 0 && html`<${Panel} title="None"><p class="good">No shard is dead.</p>
        <p class="muted">A shard that fails three times by the fault of what is in it is dead: its users are pending until it is done or discarded. Outages cost no attempt.</p><//>`}
      ${causes.length > 0 && html`<${Panel} title="By cause">
        <p class="muted">Mend what the cause names, then republish. A shard that would meet what it died of is refused. All there is about one is on its page, and in a terminal:</p>
        <${Command} line=${`producer dead show ${causes[0].ids[0]}`} />
        <ul class="stack">${causes.map((c) => html`<${Letter} key=${c.cause} of=${c} />`)}</ul>
<//>`}
      ${list?.discarded?.length > 0 && html`<${Discarded} discarded=${list.discarded} />`}
    </div>`;
}
