// Lets a note be heard for a moment when it is touched: one quiet tone of the browser's own, no instrument. Knows nothing of
// the roll; sounds only after a click, as browsers want it.

const QUIET = 0.09, SHORT = 0.28; // gain; seconds
const FADE = 0.012; // seconds, so that nothing clicks

export class TouchSound {
  on = true;
  #context = null;
  #last = null;

  sound({ pitch, velocity, drums }) {
    if (!this.on || !navigator.userActivation?.hasBeenActive) return;
    const context = (this.#context ??= new AudioContext()), now = context.currentTime;
    this.#stop(now);
    const tone = new OscillatorNode(context, { type: drums ? "square" : "triangle", frequency: 440 * 2 ** ((pitch - 69) / 12) });
    const gain = new GainNode(context, { gain: 0 }), loud = QUIET * (0.35 + (0.65 * velocity) / 127), long = drums ? SHORT / 4 : SHORT;
    gain.gain.setValueAtTime(0, now);
    gain.gain.linearRampToValueAtTime(loud, now + FADE);
    gain.gain.setTargetAtTime(0, now + FADE, long / 3);
    tone.connect(gain).connect(context.destination);
    tone.start(now);
    tone.stop(now + long + 4 * FADE);
    this.#last = gain;
    context.resume();
  }

  // What still sounds gives way.
  #stop(now) {
    this.#last?.gain.cancelScheduledValues(now);
    this.#last?.gain.setTargetAtTime(0, now, FADE);
  }

  end() { this.#context?.close(); }
}
