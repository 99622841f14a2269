// The files of what was dropped or chosen, folders within folders, too; and their way to the server. A file is {path,
// file}. Knows nothing of what is in them.

import { say, upload, withQuery } from "./api.js";

const AT_ONCE = 4; // files on their way
const HIDDEN = /(^|\/)(\.|__MACOSX\/|Thumbs\.db$|desktop\.ini$)/; // what systems put beside a person's files

// What was dropped: {name, files}. Must be called in the event itself, as the browser forgets it afterwards.
export async function fromDrop(transfer) {
  const entries = [...transfer.items]
    .filter((item) => item.kind === "file")
    .map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile());
  const files = [];
  for (const entry of entries) await collect(entry, "", files);
  const folder = entries.length === 1 && entries[0]?.isDirectory;
  // One folder: its name is that of the corpus, and paths are within it.
  return { name: folder ? entries[0].name : "", files: visible(folder ? files.map(within) : files) };
}

// What was chosen in an <input type=file>.
export function fromInput(input) {
  const files = [...input.files].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
  const folder = input.webkitdirectory && files.length ? files[0].path.split("/")[0] : "";
  return { name: folder, files: visible(folder ? files.map(within) : files) };
}

const within = ({ path, file }) => ({ path: path.replace(/^[^/]*\//, ""), file });
const visible = (files) => files.filter(({ path }) => !HIDDEN.test(path));

async function collect(entry, folder, files) {
  if (!entry) return;
  if (entry instanceof File) files.push({ path: entry.name, file: entry });
  else if (entry.isFile)
    files.push({
      path: folder + entry.name,
      file: await new Promise((resolve, reject) => entry.file(resolve, reject)),
    });
  else for (const inner of await all(entry.createReader())) await collect(inner, `${folder}${entry.name}/`, files);
}

// A reader gives a hundred at a time.
async function all(reader) {
  const found = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return found;
    found.push(...some);
  }
}

// The files of one corpus on their way: a few at a time; what the server refuses is kept in `refused` [{path, why}] and
// the rest goes on.
export class Sending extends EventTarget {
  sent = 0;
  bytes = 0;
  refused = [];
  stopped = false;

  constructor(corpus, files, largest = Infinity) {
    super();
    this.corpus = corpus;
    this.count = files.length;
    this.left = [];
    for (const one of files)
      if (one.file.size > largest) this.refused.push({ path: one.path, why: "larger than the studio takes" });
      else this.left.push(one);
    this.whole = this.left.reduce((sum, { file }) => sum + file.size, 0);
  }

  // Until all are there, or it was stopped; throws where the studio went away, and can then be called again.
  async send() {
    const worker = async () => {
      while (this.left.length && !this.stopped) await this.one(this.left.shift());
    };
    const ends = await Promise.allSettled(Array.from({ length: AT_ONCE }, worker));
    const failed = ends.find((end) => end.status === "rejected");
    if (failed) throw failed.reason;
  }

  async one(item) {
    const { path, file } = item;
    try {
      await upload(withQuery(`/api/corpora/${this.corpus}/files`, { path }), file);
      this.sent += 1;
      this.bytes += file.size;
    } catch (error) {
      if ([0, 401, 404, 507].includes(error.status)) {
        this.left.unshift(item);
        throw error;
      } // the next would fail, too
      this.refused.push({ path, why: say(error) });
    }
    this.dispatchEvent(new Event("progress"));
  }

  stop() {
    this.stopped = true;
  }
}
