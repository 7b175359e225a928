// What holds a run up, the worst first, each with what to do about it.
import { number, plural, choose, duration, isSet, moment, span } from "./words.js";

/**
 * @typedef {object} Hold
 * @property {"bad" | "warn"} kind
 * @property {string} word
 * @property {string} text
 * @property {string} [command] that goes on
 * @property {string} [href]
 * @property {string} [link]
 * @property {"resume"} [act]
 */

/** @param {import("./types.js").Overview} o @returns {Hold[]} */
export function holds({ progress: p, workers }) {
  const { controls: c, workers: fleet } = p;
  /** @type {Hold[]} */
  const found = [];
  if (c.halted) found.push({ kind: "bad", word: "halted", text: c.halted });
  if (c.paused) {
    const back = c.rollback ? ", shards in work were rolled back" : "";
    const since = c.paused_at && isSet(c.paused_at) ? `since ${moment(c.paused_at)}` : "";
    found.push({ kind: "warn", word: "paused", text: `${since}${back}: ${c.paused}`, act: "resume", command: "producer resume" });
  }
  for (const wave of p.waves || []) if (wave.gate === "closed") found.push(closed(wave));
  if (p.shards.dead > 0) {
    found.push({ kind: "bad", word: "dead", text: `${plural(p.shards.dead, "shard is", "shards are")} dead, and ${choose(p.shards.dead, "its", "their")} users are pending.`,
      href: "#/dead", link: "dead letters" });
  }
  if (p.setbacks?.shards) {
    found.push({ kind: "warn", word: "again", text: `${plural(p.setbacks.shards, "shard fails", "shards fail")} again and again, by no fault of the data: ${p.setbacks.why}` });
  }
  const loading = p.state === "loading" || p.state === "planned";
  if (loading && !c.paused && !c.halted && fleet.alive === 0) {
    found.push({ kind: "bad", word: "no workers", text: "None is alive.", command: "worker --slots 4" });
  }
  const ended = p.state === "finished"; // a worker that is still there waits for nothing
  if (c.gauge.Reason && !ended) found.push({ kind: "warn", word: "throttled", text: paced(c.gauge) });
  for (const slow of ended ? [] : fleet.slow || []) found.push({ kind: "warn", word: "slow", text: `${plural(slow.workers, "worker", "workers")}: ${slow.why}` });
  if (fleet.behind) {
    const who = (workers || []).filter((w) => w.behind).map((w) => w.host).join(", ");
    found.push({ kind: "warn", word: "behind", text: `${plural(fleet.behind, "worker has", "workers have")} not seen the newest controls${who && ` (${who})`}.` });
  }
  if (c.deadline && isSet(c.deadline) && !atGate(p)) found.push(...late(p));
  return found;
}

/** Whether nothing is in work as a gate is closed. @param {import("./types.js").Progress} p */
export const atGate = (p) => p.working === 0 && !!p.waves?.some((w) => w.gate === "closed");

/** @param {import("./types.js").Wave} wave @returns {Hold} */
const closed = (wave) => ({
  kind: "bad", word: "gate closed",
  text: `behind wave ${wave.name}${wave.why?.length ? `: ${wave.why.join("; ")}` : ""}. Mend the mapping, or republish or discard what is dead, and start producer run again; or go on all the same:`,
  command: `producer run -f migration.yaml --pass ${wave.name}`, href: "#/waves", link: "waves and gates",
});

/** A pace below full speed, as the terminal says it. @param {{Pace: number, Reason: string}} gauge */
export const paced = ({ Pace, Reason }) => (Pace <= 0 ? `standing still: ${Reason}` : `at ${Math.max(1, Math.round(100 * Pace))} %: ${Reason}`);

/** @param {import("./types.js").Progress} p @returns {Hold[]} */
function late(p) {
  const left = (p.controls.left || 0) / 1e9;
  const done = p.shards.done + p.shards.discarded >= p.shards.planned;
  if (done || p.step) return [];
  if (left <= 0) return [{ kind: "warn", word: "late", text: `The deadline, ${moment(p.controls.deadline || 0)}, is over: no shard is begun.` }];
  const needed = p.needed_slots || 0;
  if (needed <= p.workers.busy) return [];
  return [{ kind: "warn", word: "late", text: `${duration(left)} are left until ${moment(p.controls.deadline || 0)}: that needs ${plural(needed, "slot", "slots")}, ${
    number(p.workers.busy)} ${choose(p.workers.busy, "is", "are")} at work.`, command: "worker --slots 4" }];
}

const limits = /** @type {[keyof import("./types.js").Limits, (n: number) => string][]} */ ([
  ["rows", String], ["slots", String], ["lag", span], ["threads", String], ["replication_lag", span], ["backends", String],
]);

/** The limits as producer limit takes them; empty where there is none. @param {import("./types.js").Limits} set */
export const limited = (set) => limits.filter(([name]) => set[name]).map(([name, spell]) => `${name}=${spell(set[name] || 0)}`).join(" ");
