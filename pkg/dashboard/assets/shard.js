// One shard: what it is, where its time went, what happened to it, and what can be done about it.
import { Chip, Fact, Failure, Head, Note, Panel, Table, html, useAnswer, useEffect, useState } from "./ui.js";
import { DiscardButton, RepublishButton } from "./letters.js";
import { LookInto } from "./lookinto.js";
import { Phases } from "./phases.js";
import { StateChip, stateOf } from "./marks.js";
import { SumsTable } from "./tables.js";
import { Timeline } from "./timeline.js";
import { Trace } from "./trace.js";
import { now, useStore } from "./store.js";
import { read } from "./api.js";
import { shards } from "./mapmodel.js";
import { duration, isSet, moment, number, plural } from "./words.js";

const refresh = 5000; // milliseconds, while it is in work

/** The ordinal of an ID, as in 17.0 or community/17.0. @param {string} id */
export const ordinalOf = (id) => Number(id.slice(id.lastIndexOf("/") + 1).split(".")[0]);

/** What kinds of shards hold. */
const kinds = /** @type {Record<string, string>} */ ({
  users: "users with all that is theirs", unowned: "rows of no user", own_key: "rows that belong to no user, by their own key",
  settle: "settles collisions and orphans", redo: "does users again",
});

/** @param {{shard: any}} props */
const Dead = ({ shard }) => html`<${Note} kind="bad" word="dead">of <code>${shard.cause}</code>. Its ${plural(shard.users, "user is", "users are")} pending.
  ${shard.error && html`<p class="quote">${shard.error}</p>`}
  <div class="buttons"><${RepublishButton} what=${{ ids: [shard.id] }} count=${1} of=${`shard ${shard.id}`} />
    <${DiscardButton} ids=${[shard.id]} of=${`shard ${shard.id}`} />
    <a href="#/dead">all dead letters</a></div><//>`;

/** @param {{shard: any}} props */
const LetGo = ({ shard }) => html`<${Note} kind="warn" word="discarded">${shard.discarded || "no reason is known"}. Its users and rows are left out.
  <div class="buttons"><${RepublishButton} what=${{ ids: [shard.id] }} count=${1} of=${`shard ${shard.id}`} /></div><//>`;

/** @param {{shard: any}} props */
const Facts = ({ shard: s }) => html`<dl class="facts">
  <${Fact} term="holds">${kinds[s.kind] || s.kind}<//>
  <${Fact} term="wave">${s.wave || html`<span class="muted">after the waves</span>`}<//>
  <${Fact} term="users">${number(s.users)}<//><${Fact} term="rows, planned">${number(s.rows)}<//>
  <${Fact} term="quarantined users">${number(s.quarantined)}<//>
  <${Fact} term="attempts">${number(s.attempts)}<//>
  <${Fact} term="failures, of three">${number(s.failures)}<//>
  <${Fact} term="set back by outages">${number(s.outages)}<//>
  ${s.holder && html`<${Fact} term="in work at">${s.holder.host} ${isSet(s.holder.since) && html`<span class="muted">since ${moment(s.holder.since)}</span>`}<//>`}
  ${isSet(s.started_at) && html`<${Fact} term=${s.state === "dead" ? "first failed" : "began"}>${moment(s.started_at)}<//>`}
  ${isSet(s.finished_at) && html`<${Fact} term=${s.state === "dead" ? "last failed" : "ended"}>${moment(s.finished_at)}<//>`}
  ${isSet(s.started_at) && isSet(s.finished_at) && s.state === "done" && html`<${Fact} term="took">${duration((Date.parse(s.finished_at) - Date.parse(s.started_at)) / 1000)}<//>`}
  ${s.parent >= 0 && html`<${Fact} term="split from"><a href=${`#/shard/${s.parent}`}>shard ${s.parent}</a><//>`}
  ${s.children?.length > 0 && html`<${Fact} term="split into">${s.children.map((/** @type {number} */ n) => html`<a href=${`#/shard/${n}`}>${n}</a> `)}<//>`}
  <${Fact} term="trace of the last attempt" wide=${true}><${Trace} trace=${s.trace_id} /><//></dl>`;

/** @param {{ordinal: number}} props */
export function ShardPage({ ordinal }) {
  const [change, setChange] = useState(0);
  const letters = useStore((s) => s.letters);
  const { value: shard, error, again } = useAnswer(() => read(`/api/v1/shards/${ordinal}`), [ordinal, change, letters]);
  useEffect(() => shards.follow((ordinals) => { if (!ordinals || ordinals.includes(ordinal)) setChange((n) => n + 1); }), [ordinal]);
  const held = !!shard?.holder;
  useEffect(() => {
    const timer = held && setInterval(() => now().lost || again(), refresh);
    return () => timer && clearInterval(timer);
  }, [held, ordinal]);
  const s = shard && ordinalOf(shard.id) === ordinal ? shard : null;
  const state = s ? stateOf(s.state, s.quarantined) : 0;
  return html`
    <div class="title"><h1 tabindex="-1">Shard ${ordinal}</h1>${s && html`<${StateChip} state=${state} />`}
      ${s?.generation > 0 && html`<${Chip}>generation ${s.generation}<//>`}
      <nav class="buttons push" aria-label="other shards">
        ${ordinal > 0 && html`<a class="button" href=${`#/shard/${ordinal - 1}`} aria-label=${`shard ${ordinal - 1}`}>←</a>`}
        <a class="button" href="#/shards">map</a><a class="button" href=${`#/shard/${ordinal + 1}`} aria-label=${`shard ${ordinal + 1}`}>→</a></nav></div>
    <div class="stack">
      <${Failure} of=${error} />
      ${!s && !error && html`<p class="blank">One moment: the shard is being looked up.</p>`}
      ${s && html`
        ${s.state === "dead" && html`<${Dead} shard=${s} />`}
        ${s.state === "discarded" && html`<${LetGo} shard=${s} />`}
        ${s.state !== "dead" && s.error && html`<${Note} kind="warn" word=${`failed, ${s.failures} of 3`}><code>${s.cause}</code><p class="quote">${s.error}</p><//>`}
        ${s.outage && html`<${Note} kind="warn" word=${`set back ${s.outages === 1 ? "once" : `${s.outages} times`}`}>by no fault of the data, which costs no attempt. The last: ${s.outage}<//>`}
        <div class="split">
          <div class="stack">
            <${Panel} title=${`What it is: ${s.id}`}><${Facts} shard=${s} /><//>
            ${s.state === "dead" && html`<${LookInto} key=${s.id} id=${s.id} attempts=${s.attempts} />`}
            <${Phases} timing=${s.timing} state=${s.state} />
            ${s.tables?.length > 0 && html`<${Panel} title="Tables"><${SumsTable} tables=${s.tables} label="tables of the shard" /><//>`}
            ${s.causes?.length > 0 && html`<${Panel} title="What was kept out" aside=${html`<a href="#/quarantine">what to do</a>`}><${Causes} causes=${s.causes} /><//>`}
          </div>
          <${Panel} title="What happened"><${Timeline} shard=${s} /><//>
        </div>`}
    </div>`;
}

/** @param {{causes: any[]}} props */
const Causes = ({ causes }) => html`<${Table} label="causes in the shard">
  <thead><tr><${Head}>cause<//><${Head} number>users<//><${Head} number>rows<//></tr></thead>
  <tbody>${causes.map((c) => html`<tr key=${c.cause}><th scope="row" class="mono wrap">${c.cause}</th><td class="number">${number(c.users)}</td><td class="number">${number(c.rows)}</td></tr>`)}</tbody><//>`;
