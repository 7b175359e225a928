// The shard map itself: a canvas that shows what is in sight of the layout, with a pointer, a focus and a keyboard.
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "./ui.js";
import { Layout, fitting, sizes } from "./maplayout.js";
import { shards } from "./mapmodel.js";
import { marks } from "./marks.js";
import { Painter } from "./mappaint.js";
import { number, percent } from "./words.js";

/** What is said of a shard in one line. @param {number} ordinal @param {(ordinal: number) => string} [more] */
export const told = (ordinal, more) =>
  `shard ${ordinal}, ${shards.waves[ordinal] === 255 ? "after the waves" : `wave ${shards.waveOf(ordinal)}`}, ${marks[shards.states[ordinal]].name}${more ? more(ordinal) : ""}`;

const keys = /** @type {Record<string, [number, number]>} */ ({
  ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1], PageUp: [0, -10], PageDown: [0, 10],
});

/** @param {{chosen: number, cell: number, version: number, more: (ordinal: number) => string, onCell: (cell: number) => void, onLook: (ordinal: number) => void}} props
 * chosen are the states that are not dimmed, as bits; a cell of 0 is as large as fits; version grows when cells move */
export function MapView({ chosen, cell: wanted, version, more, onCell, onLook }) {
  const box = useRef(/** @type {any} */ (null));
  const canvas = useRef(/** @type {any} */ (null));
  const painter = useRef(/** @type {Painter | null} */ (null));
  const [width, setWidth] = useState(0);
  const [focus, setFocus] = useState(-1);
  const [hover, setHover] = useState(-1);
  const [scheme, setScheme] = useState(0);

  useLayoutEffect(() => {
    const observer = new ResizeObserver(() => setWidth(box.current.clientWidth));
    observer.observe(box.current);
    setWidth(box.current.clientWidth);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const redraw = () => setScheme((n) => n + 1);
    dark.addEventListener("change", redraw);
    return () => { observer.disconnect(); dark.removeEventListener("change", redraw); };
  }, []);

  const room = Math.max(320, Math.round(window.innerHeight * 0.66));
  const cell = useMemo(() => wanted || fitting(shards.states, shards.waves, width, room), [wanted, width, version, room]);
  const layout = useMemo(() => new Layout(shards.states, shards.waves, width, cell), [version, width, cell]);
  const height = Math.min(room, Math.max(cell, layout.height));
  useEffect(() => onCell(cell), [cell]);

  const paint = () => {
    const p = painter.current;
    if (!p || !width) return;
    p.scroll = box.current.scrollTop;
    p.all(layout, shards);
  };
  useLayoutEffect(() => {
    if (!width) return;
    painter.current ??= new Painter(canvas.current);
    painter.current.chosen = chosen;
    painter.current.prepare(width, height, cell);
    paint();
    performance.mark("map painted");
  }, [layout, height, cell, scheme]);
  useLayoutEffect(() => {
    if (!painter.current) return;
    painter.current.chosen = chosen;
    paint();
    performance.mark("map filtered");
  }, [chosen]);
  useEffect(() => shards.follow((ordinals) => { if (ordinals) painter.current?.some(layout, shards, ordinals); }), [layout]);

  const look = (/** @type {number} */ ordinal) => { setFocus(ordinal); onLook(ordinal); };
  const go = (/** @type {number} */ ordinal) => {
    look(ordinal);
    const corner = layout.corner(ordinal);
    if (!corner) return;
    const { scrollTop } = box.current;
    if (corner.y < scrollTop) box.current.scrollTop = corner.y - 2 * cell;
    else if (corner.y + cell > scrollTop + height) box.current.scrollTop = corner.y + 3 * cell - height;
  };
  const under = (/** @type {any} */ event) => {
    const bounds = canvas.current.getBoundingClientRect();
    return layout.at(event.clientX - bounds.left, event.clientY - bounds.top + box.current.scrollTop);
  };
  const open = (/** @type {number} */ ordinal) => { if (ordinal >= 0) location.hash = `#/shard/${ordinal}`; };
  const onKey = (/** @type {any} */ event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !layout.order.length) return;
    const from = layout.corner(focus) ? focus : layout.order[0];
    if (keys[event.key]) go(layout.corner(focus) ? layout.beside(focus, ...keys[event.key]) : from);
    else if (event.key === "Home") go(layout.order[0]);
    else if (event.key === "End") go(layout.order[layout.order.length - 1]);
    else if (event.key === "Enter" || event.key === " ") open(from);
    else if (event.key === "n" || event.key === "p") go(following(layout, from, chosen, event.key === "n" ? 1 : -1));
    else return;
    event.preventDefault();
  };

  const spot = hover >= 0 ? layout.corner(hover) : null;
  const ring = focus >= 0 ? layout.corner(focus) : null;
  return html`
    <div class="map" ref=${box} tabindex="0" role="application" aria-roledescription="shard map" aria-describedby="map-keys"
      aria-label=${`shard map of ${number(layout.order.length)} shards${ring ? `; ${told(focus, more)}` : ""}`} style=${{ height: `${height}px` }}
      onScroll=${paint} onKeyDown=${onKey} onFocus=${() => focus < 0 && layout.order.length && look(layout.order[0])}>
      <canvas ref=${canvas} aria-hidden="true" style=${{ width: `${width}px`, height: `${height}px` }}
        onPointerMove=${(/** @type {any} */ e) => e.pointerType !== "touch" && setHover(under(e))} onPointerLeave=${() => setHover(-1)}
        onClick=${(/** @type {any} */ e) => { const at = under(e); if (at >= 0) look(at); if (e.pointerType !== "touch") open(at); }} />
      <div class="over" aria-hidden="true" style=${{ height: `${layout.height}px` }}>
        ${layout.groups.map((g) => html`<div class="wave" style=${{ top: `${g.top - 22}px` }}>${
          g.wave === 255 ? "after the waves" : shards.waveNames[g.wave]} <span class="muted">${number(g.count)}</span></div>`)}
        ${ring && html`<div class="ring" style=${place(ring, cell)} />`}
        ${spot && html`<div class="ring soft" style=${place(spot, cell)} />
          <div class="tip" style=${tip(spot, cell, width, box.current.scrollTop)}>${told(hover, more)}</div>`}
      </div>
    </div>
    ${layout.height > height && html`<p class="muted small">The map scrolls: ${percent(height, layout.height)} of it are in sight.</p>`}`;
}

/** @param {{x: number, y: number}} corner @param {number} cell */
const place = ({ x, y }, cell) => ({ left: `${x - 2}px`, top: `${y - 2}px`, width: `${cell + 2}px`, height: `${cell + 2}px` });

/** A tip stands below its cell, and above where nothing is in sight below. @param {{x: number, y: number}} corner @param {number} cell @param {number} width @param {number} scroll */
function tip({ x, y }, cell, width, scroll) {
  const up = y - scroll > 60;
  return {
    ...(x > width / 2 ? { right: `${width - x - cell}px` } : { left: `${x}px` }),
    top: `${up ? y - 8 : y + cell + 8}px`, transform: up ? "translateY(-100%)" : "none",
  };
}

/** The next shard of the chosen states. @param {Layout} layout @param {number} from @param {number} chosen @param {number} step */
function following(layout, from, chosen, step) {
  const { order, place: places } = layout;
  for (let i = places[from] + step; i >= 0 && i < order.length; i += step) {
    if (chosen === 0 || chosen & (1 << shards.states[order[i]])) return order[i];
  }
  return from;
}

/** @param {number} cell @param {number} step */
export const zoomed = (cell, step) => sizes[Math.max(0, Math.min(sizes.length - 1, sizes.indexOf(cell) - step))];
