// Pause and resume.
import { Dialog, close, open, signedIn } from "./dialog.js";
import { Failure, html, useState } from "./ui.js";
import { send } from "./api.js";
import { useStore } from "./store.js";

export function Resume() {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(/** @type {Error | null} */ (null));
  const act = async () => {
    setBusy(true);
    setError(null);
    await send("/api/v1/resume", {}).catch(setError);
    setBusy(false);
  };
  return html`<button type="button" class="main" disabled=${busy} onClick=${() => signedIn(act)}>resume</button><${Failure} of=${error} />`;
}

function PauseDialog() {
  const [reason, setReason] = useState("");
  const [back, setBack] = useState(false);
  const act = async () => {
    await send("/api/v1/pause", { now: back, reason: reason.trim() });
    close();
  };
  return html`<${Dialog} title="Pause the migration" action="pause" onAct=${act} onClose=${close}>
    <p>No shard is taken until somebody resumes, whatever is restarted meanwhile. A deadline goes on.</p>
    <label class="field">Reason <span class="muted">everybody who looks is told</span>
      <input type="text" value=${reason} maxlength="200" onInput=${(/** @type {any} */ e) => setReason(e.target.value)} /></label>
    <label class="check"><input type="checkbox" checked=${back} onChange=${(/** @type {any} */ e) => setBack(e.target.checked)} />
      <span>Roll back the shards in work, too. <span class="muted">Otherwise they end first. Nothing is lost either way.</span></span></label><//>`;
}

/** What stands in the head of each page. */
export function PauseButton() {
  const actions = useStore((s) => s.overview?.actions);
  const controls = useStore((s) => s.overview?.progress.controls);
  const state = useStore((s) => s.overview?.progress.state);
  if (!actions || !controls || state === "finished") return null;
  if (!actions.pause) return html`<button type="button" disabled title=${actions.pause_why_not}>${controls.paused ? "resume" : "pause"}</button>`;
  if (controls.paused) return html`<${Resume} />`;
  return html`<button type="button" onClick=${() => signedIn(() => open(html`<${PauseDialog} />`))}>pause</button>`;
}
