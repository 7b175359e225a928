// The page of the shard map: legend with counts that filters, the map, and the same as a list of links.
import { Failure, Panel, html, useEffect, useMemo, useState } from "./ui.js";
import { MapView, told, zoomed } from "./mapview.js";
import { MarkOf, marks } from "./marks.js";
import { now, useStore } from "./store.js";
import { shards } from "./mapmodel.js";
import { duration, number, plural } from "./words.js";

const listed = 200;

/** @param {{chosen: number, onChoose: (chosen: number) => void}} props */
const Legend = ({ chosen, onChoose }) => html`
  <div class="legend" role="group" aria-label="show only shards that are">
    ${marks.map((mark, state) => state > 0 && (shards.counts[state] > 0 || state < 6) && html`
      <button type="button" key=${mark.key} aria-pressed=${!!(chosen & (1 << state))} onClick=${() => onChoose(chosen ^ (1 << state))}>
        <${MarkOf} state=${state} /><span>${mark.name}</span><b>${number(shards.counts[state])}</b></button>`)}
    <button type="button" class="plain" onClick=${() => onChoose(0)} disabled=${chosen === 0}>show all</button>
  </div>`;

/** @param {{chosen: number, count: number}} props */
function List({ chosen, count }) {
  if (chosen === 0) return null;
  const found = [];
  for (let i = 0; i < shards.states.length && found.length < listed; i++) {
    if (chosen & (1 << shards.states[i])) found.push(i);
  }
  const all = marks.reduce((n, _, state) => n + (chosen & (1 << state) ? shards.counts[state] : 0), 0);
  return html`<${Panel} title=${plural(all, "shard is", "shards are") + " shown"} aside=${all > found.length && html`<span class="muted small">the first ${listed}</span>`}>
    <ul class="ordinals" data-version=${count}>${found.map((ordinal) => html`<li key=${ordinal}><a href=${`#/shard/${ordinal}`}>
      <${MarkOf} state=${shards.states[ordinal]} />${ordinal}</a></li>`)}</ul>
    ${all === 0 && html`<p class="muted">None is, at the moment.</p>`}<//>`;
}

/** What the workers say of a shard in work. @param {number} ordinal */
function atWork(ordinal) {
  for (const worker of now().overview?.workers || []) {
    const held = worker.shards.find((s) => s.ordinal === ordinal);
    if (held) return `: at ${worker.host} for ${duration(held.seconds)}, ${number(held.rows)} rows`;
  }
  return "";
}

export function ShardsPage() {
  const [chosen, setChosen] = useState(0);
  const [wanted, setWanted] = useState(0);
  const [cell, setCell] = useState(0);
  const [looked, setLooked] = useState(-1);
  const [moved, setMoved] = useState(0);
  const [changed, setChanged] = useState(0);
  const state = useStore((s) => s.overview?.progress.state);
  useEffect(() => shards.follow((ordinals) => (ordinals ? setChanged((n) => n + 1) : setMoved((n) => n + 1))), []);
  const zoom = (/** @type {number} */ step) => setWanted(zoomed(cell, step));
  const larger = useMemo(() => zoomed(cell, 1) !== cell, [cell]);
  return html`
    <div class="title"><h1 tabindex="-1">Shards</h1><span class="muted">${shards.loaded ? number(shards.size) : ""}</span>
      <div class="buttons push" role="group" aria-label="size of the cells">
        <button type="button" aria-label="smaller cells" onClick=${() => zoom(-1)} disabled=${cell <= 3}>−</button>
        <button type="button" aria-label="larger cells" onClick=${() => zoom(1)} disabled=${!larger}>+</button>
        <button type="button" onClick=${() => setWanted(0)} disabled=${wanted === 0}>fit</button></div></div>
    <div class="stack">
      <${Failure} of=${shards.trouble} />
      <${Legend} chosen=${chosen} onChoose=${setChosen} />
      <section class="panel" aria-label="shard map"><div class="inside">
        ${shards.loaded && shards.size === 0 && html`<p class="blank">No shard is planned yet. <code>producer run -f migration.yaml</code> plans them.</p>`}
        ${!shards.loaded && !shards.trouble && html`<p class="blank">One moment: the map is being loaded.</p>`}
        ${shards.size > 0 && html`<${MapView} chosen=${chosen} cell=${wanted} version=${moved} more=${atWork} onCell=${setCell} onLook=${setLooked} />`}
        <p class="readout" role="status">${looked >= 0 && shards.states[looked] > 0
          ? html`${told(looked, atWork)} · <a href=${`#/shard/${looked}`}>open shard ${looked}</a>`
          : html`<span class="muted">${shards.size > 0 ? "Point at a cell, or tap it." : ""}</span>`}</p>
        <p id="map-keys" class="muted small keyhelp"><kbd>←</kbd> <kbd>→</kbd> <kbd>↑</kbd> <kbd>↓</kbd> move · <kbd>Enter</kbd> opens · <kbd>n</kbd> <kbd>p</kbd> the next
          and the one before of those that the legend shows · <kbd>Home</kbd> <kbd>End</kbd></p>
      </div></section>
      <${List} chosen=${chosen} count=${changed + moved} />
      ${state === "settling" && html`<p class="muted small">The load is over. What is done now, constraints and closing counts, has no shards; what settles collisions and orphans stands after the waves.</p>`}
    </div>`;
}
