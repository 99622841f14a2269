// Makes a blind listening test work: two players, votes, keys, and the file of votes. Reads what listen_page.py wrote
// (class names, data- attributes, the JSON of pairs and parts); fetches nothing, and sends nothing. Votes are kept in the
// browser's own storage, under the id of the page.
(() => {
  "use strict";
  const STEP = 5; // seconds that an arrow key goes
  const HEARD = 2; // seconds of each piece that are to be heard before a vote
  const JUMP = 0.75; // seconds: more than this between two looks at the clock was not heard
  const SURE = 5000; // milliseconds in which deleting is to be confirmed
  const CHOICES = ["a", "b", "none"], PERSONS = ["a", "b", "unsure"];
  const one = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const test = JSON.parse(one("#test").textContent), parts = JSON.parse(one("#parts").textContent);
  const music = test.kind === "music", count = test.pairs.length, named = `erato-listen-${test.page}`;

  const clock = (time) => `${Math.floor(Math.round(time) / 60)}:${String(Math.round(time) % 60).padStart(2, "0")}`;

  const say = (text) => {
    const trouble = one(".trouble");
    trouble.textContent = text;
    trouble.hidden = !text;
  };

  // What the listener said, {listener, votes: {pair: {choice, person}}}: kept if the browser keeps anything.
  const known = new Set(test.pairs.map(([pair]) => pair));
  const fresh = () => ({
    listener: [...crypto.getRandomValues(new Uint8Array(8))].map((n) => n.toString(16).padStart(2, "0")).join(""),
    votes: {},
  });

  const kept = () => {
    try {
      const found = JSON.parse(localStorage.getItem(named));
      if (!found || !/^[0-9a-f]{16}$/.test(found.listener)) return null;
      const right = ([pair, { choice, person }]) =>
        known.has(pair) && CHOICES.includes(choice) && (person === undefined || PERSONS.includes(person));
      return { listener: found.listener, votes: Object.fromEntries(Object.entries(found.votes).filter(right)) };
    } catch {
      return null;
    }
  };

  const keep = () => {
    try {
      localStorage.setItem(named, JSON.stringify(state));
    } catch {
      say("This browser keeps nothing: save your votes before you close the page.");
    }
  };

  let state = kept() || fresh();
  let place = Math.max(0, test.pairs.findIndex(([pair]) => !state.votes[pair]));
  const voted = () => Object.keys(state.votes).length;
  const vote = () => state.votes[test.pairs[place][0]];
  // Where "next" goes: to the pair after this, from the last one to the first that was skipped; -1: nowhere.
  const following = () => (place < count - 1 ? place + 1 : test.pairs.findIndex(([pair], at) => at < place && !state.votes[pair]));

  class Player {
    constructor(side) {
      this.name = side.dataset.side.toUpperCase();
      this.side = side;
      this.audio = one("audio", side);
      this.button = one(".play", side);
      this.seek = one(".seek", side);
      this.now = one(".now", side);
      const { audio, seek } = this;
      this.button.addEventListener("click", () => this.toggle());
      seek.addEventListener("input", () => this.go(Number(seek.value)));
      audio.addEventListener("loadedmetadata", () => {
        if (Number.isFinite(audio.duration)) seek.max = audio.duration;
      });
      for (const event of ["play", "pause", "ended", "seeked", "timeupdate"])
        audio.addEventListener(event, () => this.show());
      audio.addEventListener("play", () => {
        last = this;
        for (const other of players) if (other !== this) other.audio.pause();
        requestAnimationFrame(() => this.follow());
      });
      audio.addEventListener("error", () => say("This browser cannot play the sound."));
    }

    load(part) {
      this.audio.pause();
      this.audio.src = `data:audio/mpeg;base64,${parts[part]}`;
      this.heard = this.before = 0;
      this.show();
    }

    toggle() {
      if (this.audio.paused)
        this.audio.play().catch((error) => { if (error.name !== "AbortError") say("This browser cannot play the sound."); });
      else this.audio.pause();
    }

    go(time) {
      this.audio.currentTime = Math.min(Math.max(time, 0), Number(this.seek.max));
      this.show();
    }

    follow() {
      this.show();
      if (!this.audio.paused) requestAnimationFrame(() => this.follow());
    }

    show() {
      const { audio, seek } = this, time = audio.currentTime, playing = !audio.paused && !audio.ended;
      const step = time - this.before, enough = this.enough();
      if (step > 0 && step < JUMP) this.heard += step;
      this.before = time;
      seek.value = time;
      seek.style.setProperty("--done", `${(100 * time) / (Number(seek.max) || 1)}%`);
      if (this.now.textContent !== clock(time)) {
        this.now.textContent = clock(time);
        seek.setAttribute("aria-valuetext", `${clock(time)} of ${clock(Number(seek.max))}`);
      }
      this.button.classList.toggle("is-on", playing);
      this.button.setAttribute("aria-label", `${playing ? "Pause" : "Play"} ${this.name}`);
      this.side.classList.toggle("is-playing", playing);
      if (enough !== this.enough()) answers();
    }

    enough() {
      return this.heard >= Math.min(HEARD, Number(this.seek.max) / 2);
    }
  }

  const players = music ? all(".side").map((side) => new Player(side)) : [];
  let last = players[0];
  const ready = () => Boolean(vote()) || players.every((player) => player.enough());

  // The pair at `place`, from its beginning.
  const open = () => {
    const [, ...two] = test.pairs[place];
    all(".side").forEach((side, number) => {
      if (music) players[number].load(two[number]);
      else one("pre", side).textContent = parts[two[number]];
    });
    last = players[0];
    for (const view of all("pre")) view.scrollTop = 0;
    one(".place").textContent = `Pair ${place + 1} of ${count}`;
    one(".pair").setAttribute("aria-label", `Pair ${place + 1} of ${count}`);
    answers();
  };

  // All that is seen of what was answered.
  const answers = () => {
    const said = vote(), open = ready(), done = voted();
    for (const button of all("[data-choice]")) {
      button.disabled = !open;
      button.setAttribute("aria-pressed", String(said?.choice === button.dataset.choice));
    }
    for (const button of all("[data-person]")) {
      button.disabled = !said;
      button.setAttribute("aria-pressed", String(said?.person === button.dataset.person));
    }
    one(".hint").classList.toggle("is-past", open);
    one(".back").disabled = place === 0;
    one(".next").disabled = following() < 0;
    one(".next").textContent = place === count - 1 ? "To a skipped pair" : said ? "Next pair" : "Skip";
    one(".next").classList.toggle("is-main", Boolean(said));
    one(".count").textContent = `${done} of ${count} voted`;
    one(".bar").setAttribute("aria-valuenow", done);
    one(".bar div").style.width = `${(100 * done) / count}%`;
    one(".votes").hidden = !done;
    one(".votes").classList.toggle("is-whole", done === count);
    one(".end").textContent = done === count ? "That was all. Thank you!" : "Your votes";
    one(".said").textContent =
      done === count
        ? "Save your votes and give the file to whoever asked you."
        : `There ${done === 1 ? "is 1" : `are ${done}`} so far, kept in this browser: you may close the page and go on later.`;
    one(".save").classList.toggle("is-main", done === count);
  };

  const choose = (choice) => {
    if (!ready()) return;
    state.votes[test.pairs[place][0]] = { ...vote(), choice };
    keep();
    answers();
  };

  const guess = (person) => {
    if (!vote()) return;
    vote().person = person;
    keep();
    answers();
  };

  const turn = (to) => {
    if (to < 0) return;
    place = to;
    open();
  };

  const save = () => {
    const votes = test.pairs
      .filter(([pair]) => state.votes[pair])
      .map(([pair]) => ({ pair, ...state.votes[pair] }));
    const said = { "erato listen": "votes", version: 1, page: test.page, listener: state.listener, votes };
    const link = document.createElement("a");
    link.href = `data:application/json;charset=utf-8,${encodeURIComponent(JSON.stringify(said, null, 2) + "\n")}`;
    link.download = `votes-${test.page.slice(0, 6)}-${state.listener.slice(0, 6)}.json`;
    link.click();
  };

  // Deleting asks first: the button says so, for a while.
  const reset = one(".reset"), asks = reset.textContent;
  const calm = () => {
    reset.textContent = asks;
    reset.classList.remove("is-sure");
  };
  reset.addEventListener("blur", calm);
  reset.addEventListener("click", () => {
    if (!reset.classList.contains("is-sure")) {
      reset.classList.add("is-sure");
      reset.textContent = "Really delete them all?";
      setTimeout(calm, SURE);
      return;
    }
    calm();
    state = fresh(); // another listener
    place = 0;
    keep();
    open();
    one(".place").scrollIntoView({ block: "nearest" });
  });

  const keys = {
    a: () => players[0]?.toggle(),
    b: () => players[1]?.toggle(),
    " ": () => last?.toggle(),
    1: () => choose("a"),
    2: () => choose("b"),
    0: () => choose("none"),
    n: () => turn(following()),
    p: () => turn(place - 1),
    ArrowLeft: () => last?.go(last.audio.currentTime - STEP),
    ArrowRight: () => last?.go(last.audio.currentTime + STEP),
  };
  document.addEventListener("keydown", (event) => {
    const { target } = event, key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (!Object.hasOwn(keys, key) || event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
    if (key === " " && target.matches("button, pre")) return; // it presses that, or scrolls
    if (key.startsWith("Arrow")) {
      if (!music || target.matches("pre")) return;
      const own = players.find((player) => player.side.contains(target));
      if (own) last = own;
    }
    keys[key]();
    event.preventDefault();
  });

  for (const button of all("[data-choice]")) button.addEventListener("click", () => choose(button.dataset.choice));
  for (const button of all("[data-person]")) button.addEventListener("click", () => guess(button.dataset.person));
  one(".back").addEventListener("click", () => turn(place - 1));
  one(".next").addEventListener("click", () => turn(following()));
  one(".save").addEventListener("click", save);
  one(".unscripted").hidden = true;
  for (const part of all(".progress, .pair")) part.hidden = false;
  keep(); // says so at once where nothing is kept
  open();
})();
