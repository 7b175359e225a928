// The states of a shard as they are drawn: each has a colour, and a shape of its own for who does not tell the colours apart. Map, legend and
// tables draw the same.
import { html } from "./ui.js";

/**
 * @typedef {object} Mark
 * @property {string} key
 * @property {string} name as it is said
 * @property {string} fill a token; empty for a box that is hollow
 * @property {string} [edge] a token
 * @property {string} [path] in a box of 12 by 12
 */

/** By the states' numbers in the API. @type {Mark[]} */
export const marks = [
  { key: "absent", name: "absent", fill: "" },
  { key: "planned", name: "planned", fill: "--state-planned", edge: "--state-planned-edge" },
  { key: "working", name: "in work", fill: "--state-working", path: "M4.5 3L9 6L4.5 9Z" },
  { key: "done", name: "done", fill: "--state-done" },
  { key: "quarantined", name: "done, with quarantined users", fill: "--state-quarantined", path: "M2 10L10 2" },
  { key: "dead", name: "dead", fill: "--state-dead", path: "M3 3L9 9M9 3L3 9" },
  { key: "discarded", name: "discarded", fill: "--state-discarded", path: "M2.5 6H9.5" },
  { key: "split", name: "split", fill: "", edge: "--state-split", path: "M6 1V11" },
];

export const dead = 5;

/** The number of a state as one shard's page has it. @param {string} state @param {number} quarantined */
export function stateOf(state, quarantined) {
  if (state === "done" && quarantined > 0) return marks.findIndex((m) => m.key === "quarantined");
  return Math.max(0, marks.findIndex((m) => m.key === state));
}

/** @param {{state: number}} props */
export const MarkOf = ({ state }) => {
  const { key, edge, path } = marks[state];
  return html`<svg class=${`mark mark-${key}`} viewBox="0 0 12 12" aria-hidden="true">
    <rect x="0.5" y="0.5" width="11" height="11" rx="2" class=${edge ? "hollow" : "full"} />${path && html`<path d=${path} />`}</svg>`;
};

/** @param {{state: number}} props */
export const StateChip = ({ state }) => html`<span class="chip"><${MarkOf} state=${state} />${marks[state].name}</span>`;
