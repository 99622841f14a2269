// Short messages in a corner of the window, for what has no place of its own in a view. Knows nothing of what they are
// about.

import { h } from "./dom.js";
import { icon } from "./icons.js";

const SECONDS = { plain: 6, good: 6, bad: 15 };

// Shows a sentence for a while; `action` is {label, do} for a button in it. Gives a function that takes it away.
export function tell(text, { kind = "plain", action = null } = {}) {
  const gone = () => message.remove();
  const message = h(
    "div",
    { class: `message ${kind}`, role: kind === "bad" ? "alert" : "status" },
    h("p", {}, text),
    action &&
      h(
        "button",
        {
          type: "button",
          class: "button bare small",
          onclick: () => {
            gone();
            action.do();
          },
        },
        action.label,
      ),
    h(
      "button",
      { type: "button", class: "button bare small round", "aria-label": "Close the message", onclick: gone },
      icon("cancel"),
    ),
  );
  document.getElementById("messages").append(message);
  wait(message, gone, 1000 * SECONDS[kind]);
  return gone;
}

// As long as somebody points at it or has the focus in it, it stays.
function wait(message, gone, milliseconds) {
  let timer = setTimeout(gone, milliseconds);
  const stay = () => clearTimeout(timer);
  const go = () => {
    clearTimeout(timer);
    timer = setTimeout(gone, milliseconds / 2);
  };
  for (const event of ["pointerenter", "focusin"]) message.addEventListener(event, stay);
  for (const event of ["pointerleave", "focusout"]) message.addEventListener(event, go);
}
