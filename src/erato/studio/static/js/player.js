// Plays one sound of the server: decoded once, played, looped and moved through without gaps. One player sounds at a time.
// Sound in, sound and time out; knows nothing of takes, ticks or what is on the page.
//
// Events: "state" when it begins or ends to load or to play, "tick" in every frame while it plays.

import { file } from "./api.js";

const RATE = 44100;
const KEPT = 4; // sounds that stay decoded
const decoded = new Map(); // url -> promise of an AudioBuffer, the newest last

let context = null; // made at the first play: browsers want a click before
let current = null; // the player that sounds, or did last

const contextOf = () => (context ??= new AudioContext());

const fetched = async (url) => {
  const { blob } = await file(url);
  return new OfflineAudioContext(2, 1, RATE).decodeAudioData(await blob.arrayBuffer());
};

const soundOf = (url) => {
  const found = decoded.get(url) || fetched(url);
  decoded.delete(url);
  decoded.set(url, found);
  found.catch(() => decoded.delete(url));
  for (const old of [...decoded.keys()].slice(0, -KEPT)) decoded.delete(old);
  return found;
};

export class Player extends EventTarget {
  #url = null;
  #buffer = null;
  #source = null;
  #from = 0; // where in the sound it began to play, or stands; seconds
  #since = 0; // what the context's clock said then
  #loop = null; // [from, to] in seconds
  #wanted = 0; // number of the newest wish to load or play; older ones are void
  duration = 0;
  loading = false;
  analyser = null; // hears what is played; made at the first play

  // Takes the sound at `url`, which stays where it is if it has it already. Rejects where there is none.
  async load(url) {
    if (url === this.#url && this.#buffer) return;
    const wish = ++this.#wanted;
    this.#stop();
    this.#url = url;
    this.#buffer = null;
    this.#tell({ loading: true });
    try {
      const buffer = await soundOf(url);
      if (wish !== this.#wanted) return;
      this.#buffer = buffer;
      this.duration = buffer.duration;
      this.#from = Math.min(this.#from, this.duration);
    } finally {
      if (wish === this.#wanted) this.#tell({ loading: false });
    }
  }

  get playing() { return this.#source !== null; }

  get loop() { return this.#loop; }

  get url() { return this.#url; }

  get time() {
    if (!this.#source) return this.#from;
    const time = this.#from + context.currentTime - this.#since;
    const [from, to] = this.#span();
    if (!this.#loop || time < to) return Math.min(time, to);
    return from + ((time - from) % (to - from));
  }

  // Readies the sound card: to be called within a click where what is played has to be waited for.
  wake() {
    contextOf().resume();
  }

  // Plays on, or from so many seconds; from the start where it had come to the end.
  async play(from = this.time) {
    contextOf(); // within the click
    if (!this.#buffer && this.#url) await this.load(this.#url);
    if (!this.#buffer) return;
    if (current && current !== this) current.#release();
    current = window.eratoPlayer = this;
    const wish = ++this.#wanted;
    await context.resume();
    if (wish === this.#wanted) this.#start(from);
  }

  pause() {
    this.#wanted += 1;
    this.#stop();
    this.#tell({ loading: false });
  }

  seek(seconds) {
    const place = Math.min(Math.max(seconds, 0), this.duration || Infinity);
    if (this.playing) this.#start(place);
    else this.#from = place;
    this.dispatchEvent(new Event("tick"));
  }

  setLoop(from, to) {
    this.#loop = to - from > 0.02 ? [from, to] : null;
    if (this.playing) this.#start(this.time);
  }

  clearLoop() {
    const time = this.time;
    this.#loop = null;
    if (this.playing) this.#start(time);
  }

  // [from, to] of what is played: the loop, as far as there is sound.
  #span() {
    const [from, to] = this.#loop || [0, this.duration];
    return from < this.duration ? [from, Math.min(to, this.duration)] : [0, this.duration];
  }

  // Where a start at `from` begins: within the loop if there is one, and never at the very end.
  #placed(from) {
    const [first, last] = this.#span();
    return from >= first && from < last - 0.01 ? from : first;
  }

  #start(from) {
    this.#stop();
    if (!this.analyser) {
      this.analyser = context.createAnalyser();
      this.analyser.connect(context.destination);
    }
    const [loopStart, loopEnd] = this.#span(), loop = this.#loop !== null;
    const source = new AudioBufferSourceNode(context, { buffer: this.#buffer, loop, loopStart, loopEnd });
    source.connect(this.analyser);
    source.addEventListener("ended", () => this.#ended(source));
    this.#from = this.#placed(from);
    this.#since = context.currentTime;
    source.start(0, this.#from);
    this.#source = source;
    this.#tell({ loading: false });
    requestAnimationFrame(() => this.#follow(source));
  }

  #stop() {
    if (!this.#source) return;
    const source = this.#source;
    this.#from = this.time;
    this.#source = null;
    source.stop();
    source.disconnect();
  }

  #ended(source) {
    if (source !== this.#source) return;
    this.#source = null;
    this.#from = 0;
    this.#tell({ loading: false });
    this.dispatchEvent(new Event("tick"));
  }

  // Another one plays: what is decoded may go.
  #release() {
    this.pause();
    this.#buffer = null;
  }

  #follow(source) {
    if (source !== this.#source) return;
    this.dispatchEvent(new Event("tick"));
    requestAnimationFrame(() => this.#follow(source));
  }

  #tell({ loading }) {
    this.loading = loading;
    this.dispatchEvent(new Event("state"));
  }
}
