// The single page: head, tabs, the page that the address names, and what is said aloud when something changes.
import { Announcer } from "./announce.js";
import { Chip, Failure, Note, html, render, useEffect, useRef, useState } from "./ui.js";
import { DeadPage } from "./dead.js";
import { DialogHost } from "./dialog.js";
import { Door } from "./door.js";
import { OverviewPage } from "./overview.js";
import { PauseButton } from "./pause.js";
import { QuarantinePage } from "./quarantine.js";
import { ShardPage } from "./shard.js";
import { ShardsPage } from "./shards.js";
import { UserPage } from "./user.js";
import { WavesPage } from "./waves.js";
import { connect, eager } from "./live.js";
import { shards } from "./mapmodel.js";
import { signIn, signOut } from "./api.js";
import { change, useStore } from "./store.js";
import { clock, far, moment, number, short, zone } from "./words.js";

const tabs = [["", "Overview"], ["shards", "Shards"], ["waves", "Waves"], ["dead", "Dead letters"], ["quarantine", "Quarantine"], ["user", "User"]];
const pages = /** @type {Record<string, any>} */ ({
  "": OverviewPage, shards: ShardsPage, shard: ShardPage, waves: WavesPage, dead: DeadPage, quarantine: QuarantinePage, user: UserPage,
});

/** The page that the address names. */
function route() {
  const [, page = "", arg = ""] = location.hash.split("/");
  return { page: Object.hasOwn(pages, page) ? page : "", arg };
}

const states = /** @type {Record<string, string>} */ ({ halted: "bad", paused: "warn", finished: "good" });

function Title() {
  const o = useStore((s) => s.overview);
  if (!o) return html`<div class="brand"><img src="/assets/icon.svg" alt="" /><b>rehome</b></div>`;
  const p = o.progress;
  return html`<div class="brand"><img src="/assets/icon.svg" alt="rehome" /><b>${o.migration}</b></div>
    <${Chip} kind=${states[p.state] || ""}>${p.state}${p.wave && !p.step ? ` wave ${p.wave}` : ""}<//>
    ${o.verdict.verdict && o.verdict.verdict !== "incomplete" && html`<${Chip} kind=${o.verdict.verdict === "clean" ? "good" : "bad"}>${o.verdict.verdict}<//>`}`;
}

function Live() {
  const lost = useStore((s) => s.lost);
  const has = useStore((s) => !!s.overview);
  if (!has) return null;
  return html`<span class=${`live ${lost ? "off" : ""}`}>${lost ? "not connected" : "live"}</span>`;
}

/** @param {{page: string}} props */
function Tabs({ page }) {
  const dead = useStore((s) => s.overview?.progress.shards.dead) || 0;
  const quarantined = useStore((s) => s.overview?.progress.users.quarantined) || 0;
  const counts = /** @type {Record<string, any>} */ ({
    dead: dead > 0 && html`<span class="count bad">${number(dead)}</span>`, quarantine: quarantined > 0 && html`<span class="count">${number(quarantined)}</span>`,
  });
  const here = page === "shard" ? "shards" : page;
  const bar = useRef(/** @type {any} */ (null));
  useEffect(() => bar.current?.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" }), [here]);
  return html`<nav class="tabs" ref=${bar} aria-label="pages">${tabs.map(([name, label]) => html`<a key=${name} href=${`#/${name}`} aria-current=${name === here ? "page" : undefined}>${label}${counts[name]}</a>`)}</nav>`;
}

function SignOut() {
  const signed = useStore((s) => s.overview?.actions.signed_in);
  return signed ? html`<button type="button" class="plain" onClick=${() => signOut().then(connect, () => {})}>sign out</button>` : null;
}

/** @param {{refused: Error}} props */
const NotTaken = ({ refused }) => html`<div class="banner"><${Note} kind="bad" word="not signed in" alert=${true}>${refused.message}
  <div class="buttons"><button type="button" onClick=${() => change({ refused: null })}>close</button></div><//></div>`;

/** What is wrong with what is seen. */
function Banner() {
  const refused = useStore((s) => s.refused);
  if (refused) return html`<${NotTaken} refused=${refused} />`;
  return html`<${Stale} />`;
}

function Stale() {
  const lost = useStore((s) => s.lost);
  const blind = useStore((s) => s.blind);
  const at = useStore((s) => s.overview?.at);
  if (!at) return null;
  if (!lost && blind) return html`<div class="banner"><${Note} kind="bad" word="nothing new" alert=${true}>What you see is of ${moment(at)}: ${blind}<//></div>`;
  if (!lost) return null;
  return html`<div class="banner"><${Note} kind="bad" word="not connected" alert=${true}>since ${clock(lost)}. What you see is of ${moment(at)}. It is tried again and again.<//></div>`;
}

function Footer() {
  const o = useStore((s) => s.overview);
  if (!o) return null;
  return html`<footer class="footer"><span>rehome ${o.version}</span><span>run <span class="mono">${o.run}</span></span><span>mapping <span class="mono">${short(o.mapping)}</span></span>
    <span>times are of ${zone()}</span><span>as of <span class="at">${clock(o.at)}</span></span></footer>`;
}

function App() {
  const [{ page, arg }, setRoute] = useState(route());
  const locked = useStore((s) => s.locked);
  const has = useStore((s) => !!s.overview);
  const trouble = useStore((s) => s.trouble);
  const main = useRef(/** @type {any} */ (null));
  const first = useRef(true);
  useEffect(() => {
    const go = async () => {
      if (await enter()) connect();
      setRoute(route());
    };
    addEventListener("hashchange", go);
    return () => removeEventListener("hashchange", go);
  }, []);
  useEffect(() => {
    if (!first.current) {
      scrollTo(0, 0);
      main.current?.querySelector("h1")?.focus();
    }
    first.current = false;
  }, [page, arg]);
  const Page = pages[page];
  return html`
    <a class="skip" href="#main" onClick=${(/** @type {Event} */ e) => { e.preventDefault(); main.current?.focus(); }}>to the content</a>
    <header class="head"><div class="row"><${Title} /><div class="controls"><${Live} /><${PauseButton} /><${SignOut} /></div></div>
      ${!locked && html`<${Tabs} page=${page} />`}</header>
    <${Banner} />
    <main id="main" ref=${main} tabindex="-1">
      ${locked ? html`<${Door} />` : has ? html`<${Page} key=${page + arg} ordinal=${Number(arg)} />`
    : trouble ? html`<${Failure} of=${trouble} /><p class="blank">It is tried again and again.</p>` : html`<p class="blank">One moment: the overview is being read.</p>`}
    </main>
    <${Footer} /><${DialogHost} /><${Announcer} /><${DocumentTitle} page=${page} arg=${arg} />`;
}

/** @param {{page: string, arg: string}} props */
function DocumentTitle({ page, arg }) {
  const o = useStore((s) => s.overview);
  useEffect(() => {
    const name = page === "shard" ? `Shard ${arg}` : tabs.find(([key]) => key === page)?.[1];
    const how = o ? `${o.progress.state === "finished" ? o.verdict.verdict : far(o.progress)} · ${o.migration} · ` : "";
    document.title = `${how}${name} · rehome`;
  }, [page, arg, o]);
  return null;
}

/** A token in the address is used, and taken out of it at once. @returns {Promise<boolean>} whether there was one */
async function enter() {
  const token = /^#token=(.+)$/.exec(location.hash)?.[1];
  if (!token) return false;
  history.replaceState(null, "", `${location.pathname}#/`);
  await (async () => signIn(decodeURIComponent(token)))().catch((error) => change({ refused: error }));
  return true;
}

await enter();
const root = /** @type {HTMLElement} */ (document.getElementById("app"));
root.replaceChildren();
render(html`<${App} />`, root);
addEventListener("visibilitychange", eager);
addEventListener("online", eager);
if (route().page === "shards") shards.want(); // at the same time as the overview
connect();
