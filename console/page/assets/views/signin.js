// Signing in with a token. The token goes into the request's body, never into an address.

import { signIn } from "../core/api.js";
import { h } from "../core/dom.js";
import { command, withCommands } from "../parts/bits.js";

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
    why ? h("p", null, why) : null,
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
