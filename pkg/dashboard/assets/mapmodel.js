// The states of all shards, one byte each, kept up to date by the stream's changes.
import { read } from "./api.js";

/** @typedef {[ordinal: number, state: number, wave: number]} Change */
/** @typedef {{epoch: string, version: number, changes: Change[]}} Changes */
/** @typedef {{epoch: string, first: number, states: string, waves: string, wave_names: string[], version: number}} Snapshot */

/** @param {string} text */
const bytes = (text) => Uint8Array.from(atob(text || ""), (c) => c.charCodeAt(0));

export class Shards {
  constructor() {
    this.states = new Uint8Array(0);
    this.waves = new Uint8Array(0);
    /** @type {string[]} */
    this.waveNames = [];
    this.epoch = "";
    this.version = -1;
    this.counts = new Uint32Array(8);
    /** @type {Error | null} */
    this.trouble = null;
    this.loaded = false;
    this.wanted = false;
    /** @type {Promise<void> | null} */
    this.loading = null;
    /** @type {Changes[]} */
    this.early = [];
    /** @type {Set<(ordinals: number[] | null) => void>} */
    this.listeners = new Set();
  }

  /** Tells of the ordinals that changed, or null for all of them; they are asked for at the first call.
   * @param {(ordinals: number[] | null) => void} tell */
  follow(tell) {
    this.listeners.add(tell);
    this.want();
    return () => { this.listeners.delete(tell); };
  }

  /** Asks for them, once; from then on they are kept up to date. */
  want() {
    if (this.wanted) return;
    this.wanted = true;
    this.load();
  }

  load() {
    this.loading ??= read("/api/v1/shards").then(
      (snapshot) => { this.loading = null; this.take(snapshot); },
      (error) => { this.loading = null; this.trouble = error; this.tell(null); },
    );
    return this.loading;
  }

  /** @param {Snapshot} snapshot */
  take(snapshot) {
    this.states = bytes(snapshot.states);
    this.waves = bytes(snapshot.waves);
    this.waveNames = snapshot.wave_names || [];
    ({ epoch: this.epoch, version: this.version } = snapshot);
    this.trouble = null;
    this.loaded = true;
    this.counts.fill(0);
    for (const state of this.states) this.counts[state]++;
    this.tell(null);
    const early = this.early;
    this.early = [];
    for (const changes of early) this.apply(changes);
  }

  /** @param {Changes} changes */
  apply(changes) {
    if (!this.wanted) return;
    if (this.loading) {
      this.early.push(changes);
      return;
    }
    if (changes.epoch === this.epoch && changes.version <= this.version) return;
    // A connection begins with one without changes: what came while there was none is asked for.
    if (changes.epoch !== this.epoch || changes.version !== this.version + 1 || changes.changes.length === 0) {
      this.load();
      return;
    }
    this.version = changes.version;
    let moved = false;
    for (const change of changes.changes) moved = this.set(change) || moved;
    this.tell(moved ? null : changes.changes.map((c) => c[0]));
  }

  /** @param {Change} change @returns {boolean} whether cells are at other places now */
  set([ordinal, state, wave]) {
    const room = this.states.length;
    if (ordinal >= room) {
      this.states = grown(this.states, ordinal + 1);
      this.waves = grown(this.waves, ordinal + 1);
      this.counts[0] += ordinal + 1 - room;
    }
    const moved = (this.states[ordinal] === 0) !== (state === 0) || this.waves[ordinal] !== wave;
    this.counts[this.states[ordinal]]--;
    this.counts[state]++;
    this.states[ordinal] = state;
    this.waves[ordinal] = wave;
    return moved;
  }

  /** @param {number} ordinal */
  waveOf(ordinal) { return this.waveNames[this.waves[ordinal]] ?? "after the waves"; }

  /** How many shards there are. */
  get size() { return this.states.length - this.counts[0]; }

  /** @param {number[] | null} ordinals */
  tell(ordinals) { for (const listener of this.listeners) listener(ordinals); }
}

/** @param {Uint8Array} before @param {number} length */
function grown(before, length) {
  const after = new Uint8Array(length);
  after.set(before);
  return after;
}

export const shards = new Shards();
