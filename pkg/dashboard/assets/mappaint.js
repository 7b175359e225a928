// Paints cells: every state's cell is drawn once, and then copied as bytes into a picture of what is in sight. What changes is copied anew, alone.
import { dead, marks } from "./marks.js";

/** @typedef {import("./maplayout.js").Layout} Layout */
/** @typedef {import("./mapmodel.js").Shards} Shards */

const smallest = 8; // CSS pixels of a cell that shows its state's shape

export class Painter {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { alpha: false }));
    this.canvas = canvas;
    this.ratio = 1;
    this.scroll = 0;
    this.side = 1; // device pixels of a cell
    this.ground = 0;
    this.chosen = 0; // states that are not dimmed, as bits; 0 is all
    /** @type {Uint32Array[]} */
    this.cells = [];
    this.picture = new ImageData(1, 1);
    this.pixels = new Uint32Array(this.picture.data.buffer);
  }

  /** Takes a size, in CSS pixels, and the colours as they are now. @param {number} width @param {number} height @param {number} cell */
  prepare(width, height, cell) {
    this.ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.max(1, Math.round(width * this.ratio));
    this.canvas.height = Math.max(1, Math.round(height * this.ratio));
    this.picture = new ImageData(this.canvas.width, this.canvas.height);
    this.pixels = new Uint32Array(this.picture.data.buffer);
    const style = getComputedStyle(this.canvas);
    const colour = (/** @type {string} */ token) => style.getPropertyValue(token).trim();
    this.side = Math.round(cell * this.ratio);
    this.ground = this.sprite(1, (c) => { c.fillStyle = colour("--panel"); c.fillRect(0, 0, 1, 1); })[0];
    this.cells = [];
    for (const dim of [false, true]) {
      for (const mark of marks) this.cells.push(this.sprite(this.side, (c) => drawCell(c, mark, cell, this.ratio, colour, dim)));
    }
  }

  /** @param {number} side @param {(c: CanvasRenderingContext2D) => void} draw */
  sprite(side, draw) {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = side;
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { alpha: false, willReadFrequently: true }));
    draw(context);
    return new Uint32Array(context.getImageData(0, 0, side, side).data.buffer);
  }

  /** Paints all that is in sight. @param {Layout} layout @param {Shards} shards */
  all(layout, shards) {
    this.pixels.fill(this.ground);
    const bottom = this.scroll + this.canvas.height / this.ratio;
    for (const g of layout.groups) {
      const from = Math.max(0, Math.floor((this.scroll - g.top) / layout.cell));
      const to = Math.min(g.rows, Math.ceil((bottom - g.top) / layout.cell));
      for (let row = from; row < to; row++) {
        const end = Math.min(g.count, (row + 1) * layout.columns);
        for (let n = row * layout.columns; n < end; n++) {
          this.copy((n % layout.columns) * layout.cell, g.top + row * layout.cell, shards.states[layout.order[g.start + n]]);
        }
      }
    }
    this.context.putImageData(this.picture, 0, 0);
  }

  /** Paints some of them anew. @param {Layout} layout @param {Shards} shards @param {number[]} ordinals */
  some(layout, shards, ordinals) {
    let top = Infinity;
    let bottom = -Infinity;
    for (const ordinal of ordinals) {
      const corner = layout.corner(ordinal);
      if (!corner) continue;
      const y = this.copy(corner.x, corner.y, shards.states[ordinal]);
      if (y === null) continue;
      top = Math.min(top, y);
      bottom = Math.max(bottom, y + this.side);
    }
    if (bottom > top) this.context.putImageData(this.picture, 0, 0, 0, Math.max(0, top), this.canvas.width, bottom - Math.max(0, top));
  }

  /** @param {number} left @param {number} upper @param {number} state @returns {number | null} the row of pixels, null for one out of sight */
  copy(left, upper, state) {
    const side = this.side;
    const x = Math.round(left * this.ratio);
    const y = Math.round((upper - this.scroll) * this.ratio);
    const { width, height } = this.canvas;
    if (y <= -side || y >= height) return null;
    const dimmed = this.chosen !== 0 && !(this.chosen & (1 << state));
    const source = this.cells[dimmed ? state + marks.length : state];
    for (let row = Math.max(0, -y); row < side && y + row < height; row++) {
      let to = (y + row) * width + x;
      let from = row * side;
      for (let column = 0; column < side && x + column < width; column++) this.pixels[to++] = source[from++];
    }
    return y;
  }
}

/** One state's cell, with the gap to its neighbours.
 * @param {CanvasRenderingContext2D} c @param {import("./marks.js").Mark} mark @param {number} cell @param {number} ratio
 * @param {(token: string) => string} colour @param {boolean} dim */
function drawCell(c, mark, cell, ratio, colour, dim) {
  const side = Math.round(cell * ratio);
  const gap = cell >= 14 ? 2 * ratio : Math.max(1, Math.round(ratio * (cell >= 6 ? 1 : 0.75)));
  const box = side - gap;
  c.fillStyle = colour("--panel");
  c.fillRect(0, 0, side, side);
  if (mark.key === "absent") return;
  c.globalAlpha = dim ? 0.16 : 1;
  c.fillStyle = colour(mark.fill || "--panel");
  c.fillRect(0, 0, box, box);
  if (mark.edge) {
    c.strokeStyle = colour(mark.edge);
    c.lineWidth = cell >= smallest ? ratio : 1;
    c.strokeRect(c.lineWidth / 2, c.lineWidth / 2, box - c.lineWidth, box - c.lineWidth);
  }
  if (!mark.path || cell < smallest) return;
  c.scale(box / 12, box / 12);
  const path = new Path2D(mark.path);
  c.lineWidth = mark === marks[dead] ? 2 : 1.6;
  c.strokeStyle = c.fillStyle = colour(mark.edge ?? "--state-mark");
  if (mark.path.endsWith("Z")) c.fill(path);
  else c.stroke(path);
}
