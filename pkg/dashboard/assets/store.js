// What all pages look at: the newest overview, whether the connection stands, who is signed in.
import { useEffect, useState } from "./ui.js";

/**
 * @typedef {object} State
 * @property {import("./types.js").Overview | null} overview
 * @property {number} lost when the connection was lost, in milliseconds; 0 while it stands
 * @property {string} blind why the aggregator itself sees nothing at the moment
 * @property {Error | null} trouble why nothing could be had yet
 * @property {Error | null} refused why the token of the address was not taken
 * @property {boolean} locked nothing is shown without the token
 * @property {number} letters grows when dead letters have changed
 * @property {any} dialog that is open, as it is drawn; it outlives what it was opened from
 * @property {string} asked the user whom another page has named
 */

/** @type {State} */
let state = { overview: null, lost: 0, blind: "", trouble: null, refused: null, locked: false, letters: 0, dialog: null, asked: "" };
/** @type {Set<() => void>} */
const listeners = new Set();

export const now = () => state;

/** @param {Partial<State>} changes */
export function change(changes) {
  state = { ...state, ...changes };
  for (const tell of listeners) tell();
}

/** Draws again when what is chosen of the state changes.
 * @template T @param {(s: State) => T} choose @returns {T} */
export function useStore(choose) {
  const [, draw] = useState(0);
  useEffect(() => {
    let shown = choose(state);
    const tell = () => {
      const next = choose(state);
      if (Object.is(next, shown)) return;
      shown = next;
      draw((n) => n + 1);
    };
    tell();
    listeners.add(tell);
    return () => { listeners.delete(tell); };
  }, []);
  return choose(state);
}
