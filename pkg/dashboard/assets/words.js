// Numbers, times and names as the terminal spells them. Moments are shown in the viewer's zone.

/** @param {number} n */
export const number = (n) => Math.trunc(n || 0).toLocaleString("en-US");

/** @param {number} n @param {string} one @param {string} many */
export const plural = (n, one, many) => `${number(n)} ${n === 1 ? one : many}`;

/** @param {number} n @param {string} one @param {string} many */
export const choose = (n, one, many) => (n === 1 ? one : many);

const longest = 99 * 24 * 3600;
const two = (/** @type {number} */ n) => String(n).padStart(2, "0");

/** Seconds as a person would say them: 4.2s, 3m05s, 2h04m, 3d04h. @param {number} seconds */
export function duration(seconds) {
  const all = Math.max(0, Math.min(seconds, longest));
  const s = Math.floor(all + 0.5);
  if (all < 59.95) return `${all.toFixed(1)}s`;
  if (s < 3600) return `${Math.floor(s / 60)}m${two(s % 60)}s`;
  if (s < 48 * 3600) return `${Math.floor(s / 3600)}h${two(Math.floor((s % 3600) / 60))}m`;
  return `${Math.floor(s / 86400)}d${two(Math.floor((s % 86400) / 3600))}h`;
}

/** Go's nanoseconds as a limit was typed: 2s, 500ms, 1m30s. @param {number} ns */
export function span(ns) {
  if (ns < 1e9) return `${ns / 1e6}ms`;
  const s = ns / 1e9;
  if (s < 60) return `${s}s`;
  return `${Math.floor(s / 60)}m${s % 60 ? `${s % 60}s` : ""}`;
}

/** Parts of a whole; never 100 % before all is there. @param {number} part @param {number} whole */
export function percent(part, whole) {
  if (whole <= 0) return "0.0%";
  if (part >= whole) return "100.0%";
  return `${Math.min(99.9, Math.floor((1000 * Math.max(0, part)) / whole) / 10).toFixed(1)}%`;
}

/** How far a run is, by rows: never at 100% before its last shard is done. @param {import("./types.js").Progress} p */
export function far(p) {
  const { planned, done, discarded } = p.shards;
  if (planned > 0 && done + discarded >= planned) return "100.0%";
  return percent(Math.min(p.moved_rows, p.planned_rows * 0.9999), p.planned_rows);
}

/** @param {number} bytes */
export function size(bytes) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let n = bytes;
  let unit = 0;
  for (; n >= 1024 && unit < units.length - 1; unit++) n /= 1024;
  return `${unit === 0 ? n : n.toFixed(1)} ${units[unit]}`;
}

/** @param {Intl.DateTimeFormatOptions} options */
const format = (options) => new Intl.DateTimeFormat("en-GB", { hourCycle: "h23", ...options });
const clockFormat = format({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
const minuteFormat = format({ hour: "2-digit", minute: "2-digit" });
const dayFormat = format({ year: "numeric", month: "2-digit", day: "2-digit" });
const zoneFormat = format({ timeZoneName: "short" });

/** Go writes a time that is not set as year 1. @param {string | null | undefined} at */
export const isSet = (at) => !!at && !at.startsWith("0001-");

/** hh:mm:ss. @param {string | number | Date} at */
export const clock = (at) => clockFormat.format(new Date(at));

/** hh:mm. @param {string | number | Date} at */
export const minute = (at) => minuteFormat.format(new Date(at));

/** yyyy-mm-dd. @param {string | number | Date} at */
export const day = (at) => dayFormat.format(new Date(at)).split("/").reverse().join("-");

/** The day is said where it is not today's. @param {string | number | Date} at */
export const moment = (at) => (day(at) === day(Date.now()) ? clock(at) : `${day(at)} ${clock(at)}`);

/** The viewer's zone, as in Europe/Berlin (CET). */
export function zone() {
  const name = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const short = zoneFormat.formatToParts(new Date()).find((p) => p.type === "timeZoneName")?.value;
  return short && short !== name ? `${name} (${short})` : name;
}

/** The beginning of a hash, which tells mappings apart. @param {string} hash */
export const short = (hash) => (hash || "").replace(/^sha256:/, "").slice(0, 12);

/** Where a trace can be looked at; empty where nobody has said. @param {string} template @param {string} trace */
export const traceLink = (template, trace) => (template && trace ? template.replaceAll("{trace_id}", encodeURIComponent(trace)) : "");
