// One user: everything known about them, for the person who asks. The key is posted, and stands in no address.
import { Failure, Note, Panel, html, useEffect, useState } from "./ui.js";
import { Story } from "./story.js";
import { change, now, useStore } from "./store.js";
import { send } from "./api.js";
import { signedIn } from "./dialog.js";

export function UserPage() {
  const [key, setKey] = useState(now().asked);
  const [story, setStory] = useState(/** @type {any} */ (null));
  const [error, setError] = useState(/** @type {Error | null} */ (null));
  const [busy, setBusy] = useState(false);
  const legacy = useStore((s) => s.overview?.actions.legacy);
  const look = async () => {
    const asked = key.trim();
    if (!asked) return;
    setBusy(true);
    setError(null);
    setStory(null);
    await send("/api/v1/explain", { user: asked }).then(setStory, setError);
    setBusy(false);
  };
  useEffect(() => {
    if (!now().asked) return;
    change({ asked: "" });
    if (now().overview?.actions.signed_in) look();
  }, []);
  return html`
    <div class="title"><h1 tabindex="-1">One user</h1></div>
    <div class="stack">
      <${Panel} title="Who">
        <form class="ask" onSubmit=${(/** @type {Event} */ e) => { e.preventDefault(); signedIn(look); }}>
          <label class="field">Legacy key <span class="muted">several columns with slashes between them</span>
            <input type="text" name="user" autocomplete="off" spellcheck="false" value=${key} onInput=${(/** @type {any} */ e) => setKey(e.target.value)} /></label>
          <button type="submit" class="main" disabled=${busy || !key.trim()}>${busy ? "one moment" : "explain"}</button></form>
        <p class="muted small">The user's rows are read once more, and values are shown, to you alone. It needs the token. <code>aggregator explain USER</code> tells the same.</p>
        ${legacy === false && html`<${Note} kind="warn" word="no legacy database">The aggregator was given no LEGACY_DSN: which rules fire, and whether the user is there, is not told.<//>`}<//>
      <${Failure} of=${error} />
      <div aria-live="polite">${story && html`<${Story} story=${story} />`}</div>
    </div>`;
}
