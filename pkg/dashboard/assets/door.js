// Where somebody signs in before anything is shown.
import { Failure, Panel, html, useState } from "./ui.js";
import { TokenField, tokenOf } from "./dialog.js";
import { connect } from "./live.js";
import { signIn } from "./api.js";

export function Door() {
  const [token, setToken] = useState("");
  const [error, setError] = useState(/** @type {Error | null} */ (null));
  const [busy, setBusy] = useState(false);
  const act = async (/** @type {Event} */ event) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    await signIn(tokenOf(token)).then(connect, setError);
    setBusy(false);
  };
  return html`<div class="door"><h1 tabindex="-1" class="spoken">Sign in</h1><${Panel} title="Sign in">
    <form onSubmit=${act}><p>Who looks at these pages from another machine needs the aggregator's token.</p>
      <${TokenField} value=${token} onInput=${setToken} />
      <${Failure} of=${error} />
      <div class="buttons"><button type="submit" class="main" disabled=${busy || tokenOf(token) === ""}>${busy ? "one moment" : "sign in"}</button></div></form><//></div>`;
}
