// What is said aloud, politely, when something changes that matters; numbers that only grow are not.
import { html, useEffect, useRef, useState } from "./ui.js";
import { useStore } from "./store.js";
import { plural } from "./words.js";

/** What is told when it changes, by what it is about. @param {import("./types.js").Overview} o @returns {Record<string, string>} */
const facts = ({ progress: p, verdict }) => ({
  state: `the migration is ${p.state}${p.wave ? `, wave ${p.wave}` : ""}`,
  verdict: verdict.verdict ? `the verdict is ${verdict.verdict}` : "",
  dead: p.shards.dead > 0 ? `${plural(p.shards.dead, "shard is", "shards are")} dead` : "no shard is dead",
  pause: p.controls.paused ? `paused: ${p.controls.paused}` : "not paused",
  halt: p.controls.halted ? `halted: ${p.controls.halted}` : "not halted",
  pace: p.controls.gauge.Reason ? "throttled" : "at full speed",
  workers: `${plural(p.workers.alive, "worker is", "workers are")} alive`,
  ...Object.fromEntries((p.waves || []).filter((w) => w.gate).map((w) => [`gate ${w.name}`, `the gate behind wave ${w.name} is ${w.gate}`])),
});

export function Announcer() {
  const o = useStore((s) => s.overview);
  const lost = useStore((s) => s.lost > 0);
  const before = useRef(/** @type {Record<string, string> | null} */ (null));
  const [said, setSaid] = useState("");
  useEffect(() => {
    if (!o) return;
    const now = { ...facts(o), link: lost ? "not connected" : "connected" };
    const news = Object.entries(now).filter(([key, text]) => before.current && before.current[key] !== text && text).map(([, text]) => text);
    before.current = now;
    if (news.length > 0) setSaid(`${news.join("; ")}.`);
  }, [o, lost]);
  return html`<div class="spoken" role="status" aria-live="polite" id="said">${said}</div>`;
}
