// Playing what is edited: the sound of the saved piece, the playhead that goes with it, the loop. Brings seconds of the player and
// ticks of the roll together. Knows nothing of buttons.
//
// Events: "state" (it plays, loads, or failed: see `sentence`), "time" (the playhead is elsewhere).

import { say } from "../api.js";
import { Player } from "../player.js";
import { barAt, clockOf } from "../roll/time.js";

const CALM = 0.5; // seconds that the playhead stays where someone wants less motion
const calm = matchMedia("(prefers-reduced-motion: reduce)");

export class Transport extends EventTarget {
  sentence = "";
  #busy = false; // a piece is saved before it sounds
  #wish = 0;

  constructor(roll, saver) {
    super();
    this.roll = roll;
    this.saver = saver;
    this.player = new Player();
    this.player.addEventListener("state", () => this.#tell("state"));
    this.player.addEventListener("tick", () => this.#follow());
    roll.addEventListener("settings", () => this.#loop());
  }

  get playing() { return this.player.playing; }

  get busy() { return this.#busy || this.player.loading; }

  get clock() { return clockOf(this.roll.state); }

  get seconds() { return this.clock.seconds(this.roll.playhead); }

  toggle() {
    if (this.playing || this.busy) this.pause();
    else this.play();
  }

  pause() {
    this.#wish += 1;
    this.#busy = false;
    this.player.pause();
    this.#tell("state");
  }

  // Saves first what is not saved: what sounds is what is seen.
  async play() {
    const wish = ++this.#wish;
    this.player.wake();
    this.sentence = "";
    this.#busy = true;
    this.#tell("state");
    try {
      const { id, version } = await this.saver.flush();
      if (wish === this.#wish) await this.player.load(`/api/takes/${id}/sound.wav?v=${version}`);
      if (wish !== this.#wish) return;
      this.#loop();
      await this.player.play(this.seconds);
    } catch (error) {
      if (wish === this.#wish) this.sentence = say(error);
    } finally {
      if (wish === this.#wish) this.#busy = false;
      this.#tell("state");
    }
  }

  seekTo(tick) {
    this.roll.goTo(tick);
    this.player.seek(this.clock.seconds(tick));
    this.#tell("time");
  }

  // Plays a stretch [from, to] in ticks again and again; null: no longer.
  loopOver(stretch) {
    this.roll.setLoop(stretch);
    if (stretch && !this.playing) this.seekTo(stretch[0]);
  }

  // The loop that a button means: of the selected notes, else of the bar at the playhead.
  toggleLoop() {
    const { from, to } = barAt(this.roll.state, this.roll.playhead);
    this.loopOver(this.roll.loop ? null : this.roll.stretch() || [from, to]);
  }

  end() {
    this.#wish += 1;
    this.player.pause();
  }

  #loop() {
    const { loop } = this.roll, { clock, player } = this, wanted = loop && loop.map((tick) => clock.seconds(tick));
    if (String(wanted) === String(player.loop)) return;
    if (wanted) player.setLoop(...wanted);
    else player.clearLoop();
  }

  #follow() {
    const { roll, player } = this, { time } = player, seen = roll.view.sees(roll.playhead);
    const tick = this.clock.ticks(calm.matches && player.playing ? Math.floor(time / CALM) * CALM : time);
    roll.goTo(tick);
    if (player.playing && seen && !roll.view.sees(tick)) roll.view.follow(tick); // who scrolled away is not pulled back
    this.#tell("time");
  }

  #tell(name) { this.dispatchEvent(new Event(name)); }
}
