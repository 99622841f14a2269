// Takes out of the studio and into it: chosen or all takes as a zip, the whole project, a piece or a project brought in. Asks the
// server and the browser for files; knows nothing of what is in them.

import { complaints, fill, h, trouble } from "./dom.js";
import { say, upload, withQuery } from "./api.js";
import { openDialog } from "./dialog.js";
import { fileLink } from "./download.js";
import { icon } from "./icons.js";
import { tell } from "./messages.js";
import { formatsOf } from "./take_panel.js";
import { count } from "./words.js";

const USUAL = ["mid", "musicxml", "wav", "txt"];
const PIECES = ".mid,.midi,.musicxml,.mxl,.xml,.txt";

// A dialogue that asks which kinds of files; no ids: all that is kept.
export function exportChosen(ids, kinds) {
  const formats = new Map(kinds.flatMap(formatsOf));
  const boxes = [...formats].map(([suffix, name]) => h("label", { class: "check" },
    h("input", { type: "checkbox", name: suffix, checked: USUAL.includes(suffix) }), name));
  const { element: broken, complain } = complaints();
  const link = fileLink({ class: "button" }, { complain, saved: () => dialog.close() }, icon("download"), "Save the zip");
  const show = () => {
    const wanted = boxes.map((box) => box.firstChild).filter((box) => box.checked).map((box) => box.name);
    link.href = withQuery("/api/export.zip", { take: ids, format: wanted });
    link.setAttribute("aria-disabled", String(!wanted.length));
  };
  show();
  const said = ids.length ? `${count(ids.length, "take")} in one zip, as:` : "All takes that are kept, in one zip, as:";
  const dialog = openDialog("Export", h("p", {}, said), h("div", { class: "export-formats", onchange: show }, boxes),
    h("p", { class: "help" }, "Scores and sounds are made now, where they are not made yet: that takes a moment."), broken, link);
}

// The button “Files”: brings a piece in, exports all, the project as a zip and back. `changed()` after something came in.
export function projectFiles(changed) {
  const element = h("button", { type: "button", class: "button quiet", onclick: open }, icon("folder"), "Bring in, take along");

  function open() {
    const said = h("div", {}), broken = complaints();
    const piece = picker(PIECES, "A piece from a file", (file) => bring(`/api/takes/import`, file,
      { name: file.name }, () => `${file.name} is among the takes.`));
    const project = picker(".zip", "A project from a zip", (file) => bring("/api/project/import", file, {},
      ({ takes, models }) => `Came in: ${count(takes, "take")}, ${count(models, "model")}.`));

    async function bring(path, file, values, sentence) {
      fill(said, h("p", { class: "soft", role: "status" }, `Reading ${file.name} …`));
      try {
        const answer = await upload(withQuery(path, values), file, null, "POST");
        dialog.close();
        tell(sentence(answer), { kind: "good" });
        changed();
      } catch (error) {
        fill(said, trouble(say(error)));
      }
    }

    const everything = h("button", { type: "button", class: "button quiet",
      onclick: () => { dialog.close(); exportChosen([], ["music", "text"]); } }, icon("download"), "All takes as files");
    const dialog = openDialog("Bring in, take along", h("h3", { class: "over" }, "Bring in"), h("div", { class: "row tight" }, piece, project), said,
      h("h3", { class: "over" }, "Take along"), h("div", { class: "row tight" }, everything,
        fileLink({ class: "button quiet", href: "/api/project.zip" }, broken, icon("download"), "The whole project")), broken.element,
      h("p", { class: "help" }, "The whole project holds all takes with their history, and the models: it opens in another studio."));
  }
  return element;
}

function picker(accept, label, run) {
  const input = h("input", { type: "file", accept, class: "unseen", tabindex: "-1", "aria-label": label });
  input.addEventListener("change", () => { if (input.files[0]) run(input.files[0]); input.value = ""; });
  return h("span", {}, input, h("button", { type: "button", class: "button quiet", onclick: () => input.click() }, icon("upload"), label));
}
