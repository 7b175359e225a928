// The stream of events that keeps the pages up to date. A connection that breaks is made again, for as long as it takes.
import { read } from "./api.js";
import { change, now } from "./store.js";
import { shards } from "./mapmodel.js";

const first = 1000;
const longest = 5000;
const points = 600; // of the history
let wait = first;
/** @type {EventSource | null} */
let source = null;
let timer = 0;

/** Connects, or connects anew, as who has just signed in may see more. */
export async function connect() {
  clearTimeout(timer);
  source?.close();
  source = null;
  try {
    change({ overview: await read("/api/v1/overview"), trouble: null, locked: false });
  } catch (error) {
    change({ trouble: /** @type {Error} */ (error) });
    if (!now().locked) later();
    return;
  }
  listen();
}

function listen() {
  const stream = new EventSource("/api/v1/events");
  source = stream;
  stream.onopen = () => {
    wait = first;
    change({ lost: 0, blind: "", letters: now().letters + 1 });
  };
  stream.onerror = () => {
    if (source !== stream) return;
    // The browser tries again only after some failures, and not after an answer that is none: here it is always the same.
    stream.close();
    source = null;
    later();
  };
  let fresh = true;
  stream.addEventListener("overview", (event) => {
    const overview = JSON.parse(event.data);
    if (!fresh) overview.history = [...(now().overview?.history || []), ...(overview.history || [])].slice(-points);
    fresh = false;
    change({ overview });
  });
  stream.addEventListener("trouble", (event) => change({ blind: JSON.parse(event.data).error }));
  stream.addEventListener("shards", (event) => shards.apply(JSON.parse(event.data)));
  stream.addEventListener("dead", () => change({ letters: now().letters + 1 }));
}

function later() {
  if (!now().lost) change({ lost: Date.now() });
  timer = setTimeout(connect, wait);
  wait = Math.min(longest, wait * 2);
}

/** A page that comes back into sight does not wait for its turn. */
export function eager() {
  if (document.visibilityState === "visible" && now().lost) {
    wait = first;
    connect();
  }
}
