// Signing in, with a token or at an identity provider. The token goes into the request's body, never into an address.

import { signIn, signInWays } from "../core/api.js";
import { h } from "../core/dom.js";
import { command, withCommands } from "../parts/bits.js";

const BACK = "crossfoot-back";

/** Where the reader was before the identity provider's pages came; the address after #, once. */
export function wasAt() {
  const hash = sessionStorage.getItem(BACK);
  sessionStorage.removeItem(BACK);
  return hash?.startsWith("#/") ? hash : null;
}

/** The way to the identity provider, if this console has one; what it is, is asked for. */
function provider() {
  const place = h("div", { class: "provider" });
  const shown = (ways) => {
    if (ways.proxy)
      place.append(h("p", { class: "soft" }, "A proxy signs operators in: open the console at the proxy's address."));
    if (!ways.oidc) return;
    const leave = () => sessionStorage.setItem(BACK, location.hash);
    place.append(
      h("a", { class: "button primary", href: ways.oidc, on: { click: leave } }, "Sign in with SSO"),
      h("p", { class: "soft small" }, "Or with a token:"),
    );
  };
  // A console that does not say has the form all the same.
  signInWays().then(shown, () => {});
  return place;
}

/** The form; `entered` is called when the server has opened a session. */
export default function signin(entered, why) {
  const alarm = h("div", { role: "alert", class: "form-error" });
  const token = h("input", {
    id: "token",
    name: "token",
    type: "password",
    autocomplete: "off",
    spellcheck: "false",
    required: true,
    "aria-describedby": "token-use",
  });
  const button = h("button", { class: "primary" }, "Sign in");
  async function submit(event) {
    event.preventDefault();
    button.disabled = true;
    try {
      await signIn(token.value.trim());
      await entered();
    } catch (error) {
      button.disabled = false;
      token.value = "";
      alarm.replaceChildren(
        h(
          "p",
          null,
          h(
            "strong",
            null,
            `✗ ${error.status === 401 ? "This token does not open the console" : (error.title ?? "Signing in failed")}`,
          ),
        ),
        h("p", null, withCommands(error.detail ?? error.message)),
        error.next ? h("p", null, "Next: ", withCommands(error.next)) : "",
      );
      token.focus();
    }
  }
  return h(
    "div",
    { class: "signin" },
    h("h1", { tabindex: "-1" }, "Sign in"),
    why ? h("p", null, withCommands(why)) : null,
    provider(),
    h(
      "form",
      { on: { submit } },
      h("label", { for: "token" }, "Token"),
      token,
      h(
        "p",
        { id: "token-use", class: "soft small" },
        "An administrator makes one with ",
        command("crossfoot token add --name NAME --role viewer"),
        ".",
      ),
      alarm,
      h("div", { class: "buttons" }, button),
    ),
  );
}
