// Where each shard's cell is: wave by wave, each under its name, in rows from left to right.

const label = 22; // height of a wave's name
const apart = 10; // between two waves
const most = 255;

/** @typedef {{wave: number, start: number, count: number, top: number, rows: number}} Group start is a position in the order */

export class Layout {
  /** @param {Uint8Array} states @param {Uint8Array} waves @param {number} width @param {number} cell both in CSS pixels */
  constructor(states, waves, width, cell) {
    this.cell = cell;
    this.columns = Math.max(1, Math.floor(width / cell));
    const starts = new Uint32Array(most + 2);
    for (let i = 0; i < states.length; i++) if (states[i] !== 0) starts[waves[i] + 1]++;
    /** @type {Group[]} */
    this.groups = [];
    let top = 0;
    for (let wave = 0; wave <= most; wave++) {
      const count = starts[wave + 1];
      starts[wave + 1] += starts[wave];
      if (count === 0) continue;
      const rows = Math.ceil(count / this.columns);
      this.groups.push({ wave, start: starts[wave], count, top: top + label, rows });
      top += label + rows * cell + apart;
    }
    this.height = Math.max(0, top - apart);
    this.order = new Uint32Array(starts[most + 1]); // ordinals by position
    this.place = new Int32Array(states.length).fill(-1); // positions by ordinal
    for (let i = 0; i < states.length; i++) {
      if (states[i] === 0) continue;
      const position = starts[waves[i]]++;
      this.order[position] = i;
      this.place[i] = position;
    }
  }

  /** @param {number} position */
  group(position) { return this.groups.find((g) => position < g.start + g.count) ?? this.groups[this.groups.length - 1]; }

  /** The upper left corner of an ordinal's cell; null where it has none. @param {number} ordinal */
  corner(ordinal) {
    const position = this.place[ordinal] ?? -1;
    if (position < 0) return null;
    const g = this.group(position);
    const n = position - g.start;
    return { x: (n % this.columns) * this.cell, y: g.top + Math.floor(n / this.columns) * this.cell };
  }

  /** The ordinal at a place; -1 where there is none. @param {number} x @param {number} y */
  at(x, y) {
    const column = Math.floor(x / this.cell);
    const g = this.groups.find((each) => y >= each.top && y < each.top + each.rows * this.cell);
    if (!g || column < 0 || column >= this.columns) return -1;
    const n = Math.floor((y - g.top) / this.cell) * this.columns + column;
    return n < g.count ? this.order[g.start + n] : -1;
  }

  /** The ordinal that is so many steps and rows away; the nearest at an end. @param {number} ordinal @param {number} steps @param {number} rows */
  beside(ordinal, steps, rows) {
    const position = Math.max(0, this.place[ordinal] ?? 0);
    if (rows === 0) return this.order[Math.max(0, Math.min(this.order.length - 1, position + steps))];
    const from = this.corner(ordinal);
    if (!from) return ordinal;
    const g = this.group(position);
    let y = from.y + rows * this.cell;
    if (y < g.top || y >= g.top + g.rows * this.cell) {
      const next = this.groups[this.groups.indexOf(g) + Math.sign(rows)];
      if (!next) return ordinal;
      y = rows > 0 ? next.top : next.top + (next.rows - 1) * this.cell;
    }
    for (let x = from.x; x >= 0; x -= this.cell) {
      const found = this.at(x, y);
      if (found >= 0) return found;
    }
    return ordinal;
  }
}

/** Cells that can be chosen, in CSS pixels. */
export const sizes = [28, 22, 18, 14, 12, 10, 8, 6, 5, 4, 3];

/** The largest cell by which all is seen at once, or else the smallest. @param {Uint8Array} states @param {Uint8Array} waves @param {number} width @param {number} height */
export function fitting(states, waves, width, height) {
  const counts = new Uint32Array(most + 1);
  for (let i = 0; i < states.length; i++) if (states[i] !== 0) counts[waves[i]]++;
  const tall = (/** @type {number} */ cell) => {
    const columns = Math.max(1, Math.floor(width / cell));
    return counts.reduce((sum, n) => (n === 0 ? sum : sum + label + apart + Math.ceil(n / columns) * cell), -apart);
  };
  return sizes.find((cell) => tall(cell) <= height) ?? sizes[sizes.length - 1];
}
