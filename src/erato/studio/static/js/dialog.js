// A box over the page that asks one thing: a heading, a button that closes it, and what it is given. Knows nothing of what is asked.

import { h } from "./dom.js";
import { icon } from "./icons.js";

// Opens it; Escape, the button or a press beside it close it. Gives the <dialog>.
export function openDialog(title, ...children) {
  const close = h("button", { type: "button", class: "button bare small round", "aria-label": "Close", onclick: () => dialog.close() }, icon("cancel"));
  const head = h("div", { class: "row" }, h("h2", { class: "grow" }, title), close);
  const dialog = h("dialog", { "aria-label": title }, h("div", { class: "stack" }, head, children));
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}
