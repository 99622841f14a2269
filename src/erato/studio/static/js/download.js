// Links to files that the studio makes. The file is fetched here, so that it is seen that it is being made, and so that what the
// server refuses is said in the page and does not end as a broken download. Knows nothing of what is in a file.

import { announce, h } from "./dom.js";
import { file, say } from "./api.js";

const KEPT = 60_000; // milliseconds that the browser has to take what was fetched

// An <a>. `complain(sentence or null)` is told what did not work; `saved()` that it did; `before()`, awaited, may give another
// address than that of the link.
export function fileLink(attributes, { complain, before = null, saved = null }, ...children) {
  const link = h("a", { download: "", ...attributes }, children);
  link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return; // the browser's own way
    event.preventDefault();
    if (link.getAttribute("aria-busy") !== "true") save(link, complain, before, saved);
  });
  return link;
}

async function save(link, complain, before, saved) {
  complain(null);
  link.setAttribute("aria-busy", "true");
  announce(`${link.textContent}: being made.`);
  try {
    const { blob, name } = await file((await before?.()) ?? link.getAttribute("href"));
    const address = URL.createObjectURL(blob);
    h("a", { href: address, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(address), KEPT);
    saved?.();
  } catch (error) {
    complain(say(error));
  }
  link.removeAttribute("aria-busy");
}
