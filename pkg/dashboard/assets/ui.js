// The library that draws, in one place, and the smallest parts that pages share.
import { html, useEffect, useRef, useState } from "./vendor/htm-preact.js";

export { html, render, useEffect, useLayoutEffect, useMemo, useRef, useState, useCallback } from "./vendor/htm-preact.js";

/** A section with a heading. @param {{title: string, aside?: any, id?: string, children?: any}} props */
export const Panel = ({ title, aside, id, children }) => html`
  <section class="panel" id=${id} aria-label=${title}>
    <header><h2>${title}</h2>${aside && html`<span class="push">${aside}</span>`}</header>
    <div class="inside">${children}</div>
  </section>`;

/** @param {{kind?: string, children?: any}} props */
export const Chip = ({ kind = "", children }) => html`<span class=${`chip ${kind}`}>${children}</span>`;

/** What somebody is told. @param {{kind?: string, word?: string, children?: any, alert?: boolean}} props */
export const Note = ({ kind = "", word, children, alert }) => html`
  <div class=${`note ${kind}`} role=${alert ? "alert" : undefined}>${word && html`<b class=${kind}>${word}</b>`}${children}</div>`;

/** An error of the API, as it is, next to what caused it. @param {{of: Error | null | undefined}} props */
export const Failure = ({ of }) => (of ? html`<${Note} kind="bad" word="Error" alert=${true}>${of.message}<//>` : null);

/** A command for the terminal, to be copied. @param {{line: string}} props */
export function Command({ line }) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    const timer = copied && setTimeout(() => setCopied(false), 2000);
    return () => timer && clearTimeout(timer);
  }, [copied]);
  const copy = () => navigator.clipboard.writeText(line).then(() => setCopied(true), () => setCopied(false));
  return html`<div class="command"><code>${line}</code>${
    navigator.clipboard && html`<button type="button" onClick=${copy} aria-label=${`copy ${line}`}>${copied ? "copied" : "copy"}</button>`
  }</div>`;
}

/** A column's head; one that is roomy is left out where there is little room. @param {{number?: boolean, roomy?: boolean, children?: any}} props */
export const Head = ({ number, roomy, children }) => html`<th scope="col" class=${`${number ? "number" : ""} ${roomy ? "roomy" : ""}`}>${children}</th>`;

/** A table that scrolls in itself where it is too wide. @param {{label: string, kind?: string, children?: any}} props */
export function Table({ label, kind, children }) {
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const [wide, setWide] = useState(false);
  useEffect(() => {
    const look = () => box.current && setWide(box.current.scrollWidth > box.current.clientWidth + 1);
    const observer = new ResizeObserver(look);
    if (box.current) observer.observe(box.current);
    return () => observer.disconnect();
  }, []);
  return html`<div class="scroll" ref=${box} tabindex=${wide ? 0 : undefined} role=${wide ? "region" : undefined} aria-label=${wide ? label : undefined}>
    <table class=${kind}><caption class="spoken">${label}</caption>${children}</table></div>`;
}

/** A text whose parts in backticks are code. @param {string} text */
export const coded = (text) => text.split("`").map((part, i) => (i % 2 ? html`<code>${part}</code>` : part));

/** A term with what it is. @param {{term: string, wide?: boolean, children?: any}} props */
export const Fact = ({ term, wide, children }) => html`<div class=${wide ? "wide" : undefined}><dt>${term}</dt><dd>${children}</dd></div>`;

/** Looks something up again whenever what it depends on changes; what was found before stays until then.
 * @param {() => Promise<any>} ask @param {any[]} on
 * @returns {{value: any, error: Error | null, again: () => void}} */
export function useAnswer(ask, on) {
  const [answer, setAnswer] = useState(/** @type {{value: any, error: Error | null}} */ ({ value: null, error: null }));
  const [count, setCount] = useState(0);
  useEffect(() => {
    let gone = false;
    ask().then(
      (value) => gone || setAnswer({ value, error: null }),
      (error) => gone || setAnswer((before) => ({ value: before.value, error })),
    );
    return () => { gone = true; };
  }, [...on, count]);
  return { ...answer, again: () => setCount((n) => n + 1) };
}
