// The first page: how far, how fast, until when, what is wrong, and what to do now.
import { Chip, Command, Note, Panel, html } from "./ui.js";
import { atGate, holds, limited } from "./holds.js";
import { Plot } from "./plot.js";
import { Resume } from "./pause.js";
import { Sums } from "./tables.js";
import { useStore } from "./store.js";
import { WaveTable } from "./waves.js";
import { WorkersPanel } from "./workers.js";
import { duration, far, isSet, minute, moment, number, percent } from "./words.js";

/** @typedef {import("./types.js").Overview} Overview */

/** What is done of the users, wave by wave: a wave is as wide as it has users. @param {{waves: import("./types.js").Wave[]}} props */
const WaveBar = ({ waves }) => html`<div class="wavebar" aria-hidden="true">${waves.map((w) => html`
  <div key=${w.name} title=${`wave ${w.name}`} style=${{ flex: `${Math.max(1, w.planned)} 1 0` }}>
    <i class="fill-done" style=${{ width: `${(100 * Math.max(0, w.tried - w.quarantined)) / Math.max(1, w.planned)}%` }} />
    <i class="fill-quarantined" style=${{ width: `${(100 * w.quarantined) / Math.max(1, w.planned)}%` }} /></div>`)}</div>`;

/** The plan's waves; where the plan has none, all users are one. @param {import("./types.js").Progress} p @returns {import("./types.js").Wave[]} */
const wavesOf = (p) => (p.waves?.length ? p.waves
  : [{ name: "all users", planned: p.users.planned, tried: p.users.migrated + p.users.quarantined, quarantined: p.users.quarantined }]);

/** @param {{o: Overview}} props */
function Left({ o }) {
  const left = o.rate.seconds_left;
  if (atGate(o.progress)) return html`<p class="left warn">It stands before a closed gate.</p>`;
  if (!left) return html`<p class="left muted">${o.progress.state === "finished" ? "It has ended." : "How long the rest takes is not known yet."}</p>`;
  const wide = left.high > 1.1 * left.middle || left.low < 0.9 * left.middle;
  return html`<p class="left"><b>about ${duration(left.middle)} left</b>
    ${" "}<span class="muted">${wide && `(${duration(left.low)} to ${duration(left.high)})`}, until about ${minute(Date.parse(o.at) + left.middle * 1000)}</span></p>`;
}

/** @param {{o: Overview}} props */
function Progress({ o }) {
  const p = o.progress;
  const tried = p.users.migrated + p.users.quarantined;
  const waves = wavesOf(p);
  return html`<${Panel} title="Progress" id="progress" aside=${html`<span class="muted small">since ${moment(p.started_at)}</span>`}>
    <div class="far">
      <div class="big" aria-label=${`${far(p)} of the planned rows are moved`}>${far(p)}</div>
      <dl>
        <div><dt>users</dt><dd>${number(tried)} <small>of ${number(p.users.planned)}</small></dd></div>
        <div><dt>rows written</dt><dd>${number(p.rows)} <small>of ${number(p.planned_rows)} planned</small></dd></div>
        <div><dt>shards</dt><dd>${number(p.shards.done)} <small>of ${number(p.shards.planned)} done, ${number(p.working)} in work</small></dd></div>
      </dl>
    </div>
    <${WaveBar} waves=${waves} />
    <ul class="keys">
      ${waves.length > 1 && waves.map((w) => html`<li key=${w.name}>${w.name} <b>${percent(w.tried, w.planned)}</b></li>`)}
      <li><span class="swatch fill-done" />migrated <b>${number(p.users.migrated)}</b></li>
      <li><span class="swatch fill-quarantined" />quarantined <b>${number(p.users.quarantined)}</b></li>
    </ul>
    ${p.step ? html`<${Note} word="now">${p.step}<//>` : html`<${Left} o=${o} />`}<//>`;
}

/** @param {{o: Overview}} props */
const RatePanel = ({ o }) => html`<${Panel} title="Throughput" id="throughput">
  <dl class="stats">
    <div><dt><span class="swatch rows" />now</dt><dd>${number(o.rate.rows_per_second)} <small>rows/s</small></dd></div>
    <div><dt>users</dt><dd>${number(o.rate.users_per_second)} <small>users/s</small></dd></div>
    <div><dt><span class="swatch busy" />slots busy</dt><dd>${number(o.progress.workers.busy)} <small>of ${number(o.progress.workers.slots)}</small></dd></div>
  </dl>
  <${Plot} history=${o.history || []} /><//>`;

const kinds = /** @type {Record<string, string>} */ ({ clean: "good", unclean: "bad" });

/** @param {{o: Overview}} props */
const VerdictPanel = ({ o }) => html`<${Panel} title=${o.progress.state === "finished" ? "Verdict" : "Verdict so far"} id="verdict"
    aside=${o.verdict.at && html`<span class="muted small">of ${moment(o.verdict.at)}</span>`}>
  <p class="verdict"><b class=${kinds[o.verdict.verdict]} >${o.verdict.verdict || "not known yet"}</b></p>
  ${o.verdict.reasons?.length ? html`<ul class="reasons">${o.verdict.reasons.map((r) => html`<li key=${r}>${r}</li>`)}</ul>` : null}
  <p class="small"><a href="/api/v1/report.html" target="_blank" rel="noopener">report</a> · <a href="/api/v1/report" download=${`${o.migration}-report.json`}>JSON</a></p><//>`;

/** @param {{o: Overview}} props */
function HoldsPanel({ o }) {
  const found = holds(o);
  const c = o.progress.controls;
  const set = limited(c.limits || {});
  return html`<${Panel} title="What holds it up" id="holds" aside=${found.length > 0 && html`<${Chip} kind=${found[0].kind}>${found.length}<//>`}>
    <div class="holds">
      ${found.length === 0 && html`<p class="good">Nothing holds it up.</p>`}
      ${found.map((h) => html`<${Note} key=${h.word + h.text} kind=${h.kind} word=${h.word}>${h.text}
        ${(h.act || h.command || h.href) && html`<div class="buttons">${h.act && html`<${Resume} />`}${h.command && html`<${Command} line=${h.command} />`}
          ${h.href && html`<a href=${h.href}>${h.link}</a>`}</div>`}<//>`)}
      ${set && html`<p class="small"><span class="muted">limits</span> <code>${set}</code></p>`}
      ${c.deadline && isSet(c.deadline) && html`<p class="small"><span class="muted">until</span> ${c.until || moment(c.deadline)}, ${duration((c.left || 0) / 1e9)} left</p>`}
    </div><//>`;
}

export function OverviewPage() {
  const o = useStore((s) => s.overview);
  if (!o) return null;
  return html`
    <h1 tabindex="-1" class="spoken">Overview of ${o.migration}</h1>
    <div class="stack">
      <div class="split first">
        <div class="stack"><${Progress} o=${o} /><${RatePanel} o=${o} /><${WorkersPanel} workers=${o.workers || []} ended=${o.progress.state === "finished"} /></div>
        <div class="stack"><${VerdictPanel} o=${o} /><${HoldsPanel} o=${o} /></div>
      </div>
      ${(o.progress.waves?.length || 0) > 1 && html`<${Panel} title="Waves and gates" aside=${html`<a href="#/waves">more</a>`}><${WaveTable} waves=${o.progress.waves || []} /><//>`}
      <${Sums} tables=${o.tables || []} />
    </div>`;
}
