// A trace of an attempt, as a link where somebody has said where traces are shown.
import { html } from "./ui.js";
import { useStore } from "./store.js";
import { traceLink } from "./words.js";

/** @param {{trace: string, brief?: boolean}} props */
export function Trace({ trace, brief }) {
  const template = useStore((s) => s.overview?.trace_url) || "";
  if (!trace || /^0+$/.test(trace)) return html`<span class="muted">none</span>`;
  const link = traceLink(template, trace);
  if (brief && !link) return html`<span class="mono" title=${trace}>${trace.slice(0, 8)}</span>`;
  if (brief) return html`<a class="trace" href=${link} title=${trace} target="_blank" rel="noopener noreferrer">trace</a>`;
  return link ? html`<a class="trace" href=${link} target="_blank" rel="noopener noreferrer">open the trace</a> <span class="mono muted wrap">${trace}</span>`
    : html`<span class="mono wrap">${trace}</span> <span class="muted small">--trace-url makes it a link</span>`;
}
