// A dialog that says what will happen before it does, and the one that signs in.
import { Failure, html, useEffect, useRef, useState } from "./ui.js";
import { signIn } from "./api.js";
import { connect } from "./live.js";
import { change, now, useStore } from "./store.js";

/** A modal dialog with one action, whose error it shows. It is there as long as it is drawn.
 * @param {{title: string, action: string, danger?: boolean, ready?: boolean, done?: any, onAct: () => Promise<any>, onClose: () => void, children?: any}} props
 * done is what is shown in place of all else when the action is over */
export function Dialog({ title, action, danger, ready = true, done, onAct, onClose, children }) {
  const box = useRef(/** @type {any} */ (null));
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(/** @type {Error | null} */ (null));
  useEffect(() => {
    const dialog = box.current;
    dialog.showModal();
    return () => dialog.open && dialog.close();
  }, []);
  useEffect(() => { if (done) box.current.querySelector("button.main")?.focus(); }, [!!done]);
  const act = async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (busy || !ready) return;
    setBusy(true);
    setError(null);
    try {
      await onAct();
    } catch (thrown) {
      setError(/** @type {Error} */ (thrown));
    }
    if (box.current) setBusy(false);
  };
  return html`<dialog ref=${box} aria-labelledby="dialog-title" onCancel=${(/** @type {Event} */ e) => { e.preventDefault(); onClose(); }}>
    <form onSubmit=${act} novalidate><h2 id="dialog-title">${title}</h2>
      ${done || children}
      <${Failure} of=${error} />
      <div class="buttons">${done
        ? html`<button type="button" class="main" onClick=${onClose}>close</button>`
        : html`<button type="button" onClick=${onClose}>cancel</button>
          <button type="submit" class=${danger ? "danger" : "main"} disabled=${busy || !ready}>${busy ? "one moment" : action}</button>`}</div>
    </form></dialog>`;
}

/** A token as it was printed, alone or in its address. @param {string} text */
export const tokenOf = (text) => text.trim().replace(/^.*#token=/, "");

/** Where the token is typed. @param {{value: string, onInput: (value: string) => void}} props */
export const TokenField = ({ value, onInput }) => html`<label class="field">Token
  <span class="muted">The aggregator prints it when it starts, as <code>http://…/#token=…</code>. Paste it, or the whole address.</span>
  <input type="password" autocomplete="off" spellcheck="false" value=${value} onInput=${(/** @type {any} */ e) => onInput(e.target.value)} /></label>`;

/** @param {{onDone: () => void, onClose: () => void}} props */
function SignInDialog({ onDone, onClose }) {
  const [token, setToken] = useState("");
  const act = async () => {
    await signIn(tokenOf(token));
    await connect();
    onDone();
  };
  return html`<${Dialog} title="Sign in" action="sign in" ready=${tokenOf(token) !== ""} onAct=${act} onClose=${onClose}>
    <p>On this machine everybody may look. Who acts, or reads what is about one user, needs the aggregator's token.</p>
    <${TokenField} value=${token} onInput=${setToken} /><//>`;
}

/** Opens a dialog over whatever page there is. @param {any} dialog */
export const open = (dialog) => change({ dialog });

/** Closes it. Where what had the focus before is gone, the page's heading has it. */
export function close() {
  change({ dialog: null });
  requestAnimationFrame(() => {
    if (document.activeElement === document.body) /** @type {HTMLElement | null} */ (document.querySelector("main h1"))?.focus();
  });
}

/** Does what needs the token: at once, or when somebody has signed in. @param {() => void} act */
export function signedIn(act) {
  if (now().overview?.actions.signed_in) act();
  else open(html`<${SignInDialog} onDone=${() => { close(); act(); }} onClose=${close} />`);
}

/** Where the open dialog is drawn. */
export const DialogHost = () => useStore((s) => s.dialog);
