// Makes the players of a page work: buttons, sliders, keys, and a playhead that goes over the piano roll with the sound.
// Reads what page.py wrote (class names, data-rows, data-play, data-from); fetches nothing. Without it the browser's own
// players are there. May run again in one document (cells of a notebook): it takes up only what is new.
(() => {
  "use strict";
  const STEP = 5; // seconds that an arrow key goes
  const CALM = 0.5; // seconds that the playhead stays where someone wants less motion
  const SCROLLING = 600; // milliseconds that smooth scrolling takes
  const calm = matchMedia("(prefers-reduced-motion: reduce)");

  const clock = (time) => {
    const all = Math.round(time), pad = (n) => String(n).padStart(2, "0");
    const minutes = Math.floor(all / 60);
    return minutes < 60 ? `${minutes}:${pad(all % 60)}` : `${Math.floor(minutes / 60)}:${pad(minutes % 60)}:${pad(all % 60)}`;
  };

  // Where `value` lies between ascending points, each [from, to]; ends at the ends.
  const along = (points, value, from, to) => {
    const next = points.findIndex((point) => point[from] > value);
    if (next === 0) return points[0][to];
    if (next < 0) return points[points.length - 1][to];
    const [a, b] = [points[next - 1], points[next]];
    return a[to] + ((value - a[from]) / (b[from] - a[from])) * (b[to] - a[to]);
  };

  class Player {
    constructor(piece, root) {
      this.piece = piece;
      this.audio = piece.querySelector("audio");
      this.name = piece.getAttribute("aria-label");
      this.controls = piece.querySelector(".controls");
      this.seek = piece.querySelector(".seek");
      this.volume = piece.querySelector(".volume");
      this.now = piece.querySelector(".now");
      this.mute = piece.querySelector(".mute");
      this.plays = [piece.querySelector(".play"), ...root.querySelectorAll(`[data-play="${piece.id || "-"}"]`)];
      this.roll = new Roll(piece, (time) => this.go(time));
      this.length = Number(this.seek.max);
      this.wire();
      this.show();
    }

    wire() {
      const { audio, seek, volume } = this;
      audio.removeAttribute("controls");
      this.controls.hidden = false;
      for (const button of this.plays) {
        button.hidden = false;
        button.addEventListener("click", () => this.toggle());
      }
      this.mute.addEventListener("click", () => this.silence());
      seek.addEventListener("input", () => this.go(Number(seek.value)));
      volume.addEventListener("input", () => { audio.volume = Number(volume.value); audio.muted = false; });
      audio.addEventListener("loadedmetadata", () => {
        if (Number.isFinite(audio.duration)) seek.max = this.length = audio.duration;
      });
      for (const event of ["play", "pause", "ended", "seeked", "timeupdate", "volumechange"])
        audio.addEventListener(event, () => this.show());
      audio.addEventListener("play", () => {
        for (const other of document.querySelectorAll(".erato audio")) if (other !== audio) other.pause();
        requestAnimationFrame(() => this.follow());
      });
      audio.addEventListener("error", () => this.trouble());
    }

    toggle() {
      if (this.audio.paused) this.audio.play().catch((error) => { if (error.name !== "AbortError") this.trouble(); });
      else this.audio.pause();
    }

    go(time) {
      this.audio.currentTime = Math.min(Math.max(time, 0), this.length);
      this.show();
    }

    silence() {
      this.audio.muted = !this.audio.muted;
    }

    trouble() {
      const said = this.piece.querySelector(".trouble");
      said.textContent = "This browser cannot play the sound. The files below can be played by other programs.";
      said.hidden = false;
    }

    follow() {
      this.show();
      if (!this.audio.paused) requestAnimationFrame(() => this.follow());
    }

    // All that is seen of the state of the sound.
    show() {
      const { audio, seek, volume } = this, time = audio.currentTime, playing = !audio.paused && !audio.ended;
      seek.value = time;
      seek.style.setProperty("--done", `${(100 * time) / (this.length || 1)}%`);
      if (this.now.textContent !== clock(time)) {
        this.now.textContent = clock(time);
        seek.setAttribute("aria-valuetext", `${clock(time)} of ${clock(this.length)}`);
      }
      for (const button of this.plays) {
        button.classList.toggle("is-on", playing);
        button.setAttribute("aria-label", `${playing ? "Pause" : "Play"} ${this.name}`);
      }
      const loud = audio.muted ? 0 : audio.volume;
      volume.value = loud;
      volume.style.setProperty("--done", `${100 * loud}%`);
      this.mute.classList.toggle("is-on", audio.muted);
      this.mute.setAttribute("aria-label", `${audio.muted ? "Unmute" : "Mute"} ${this.name}`);
      this.piece.classList.toggle("is-playing", playing);
      this.roll.show(calm.matches && playing ? Math.floor(time / CALM) * CALM : time, playing);
    }
  }

  class Roll {
    constructor(piece, go) {
      this.paper = piece.querySelector(".paper");
      this.rows = this.paper ? JSON.parse(this.paper.dataset.rows).filter(([, , points]) => points.length) : [];
      if (!this.rows.length) return;
      this.view = this.paper.parentElement;
      this.kept = -SCROLLING; // when it was last scrolled
      this.head = this.paper.querySelector(".playhead");
      this.paper.classList.add("can-seek");
      this.paper.addEventListener("click", (event) => {
        const box = this.paper.getBoundingClientRect();
        const x = (100 * (event.clientX - box.left)) / box.width, y = (100 * (event.clientY - box.top)) / box.height;
        const row = this.rows.find(([top, height]) => y >= top && y <= top + height);
        if (row) go(along(row[2], x, 1, 0));
      });
    }

    // The playhead at `time` in seconds; hidden where no row has it.
    show(time, playing) {
      if (!this.rows.length) return;
      const { head, rows } = this, place = rows.findLastIndex(([, , points]) => points[0][0] <= time);
      const [top, height, points] = rows[Math.max(place, 0)];
      head.hidden = time > points[points.length - 1][0] || (time === 0 && !playing); // before and after, nothing is pointed at
      if (head.hidden) return;
      const seen = playing && this.seen(); // before it moves
      head.style.left = `${along(points, time, 0, 1)}%`;
      head.style.top = `${top}%`;
      head.style.height = `${height}%`;
      if (seen) this.keep();
    }

    // Whether the playhead is where someone sees it: its middle.
    seen() {
      const box = this.head.getBoundingClientRect(), view = this.view.getBoundingClientRect();
      const middle = (box.top + box.bottom) / 2;
      return box.height > 0 && middle > 0 && middle < innerHeight && box.left >= view.left && box.left <= view.right;
    }

    // Keeps in view what was seen: nobody who scrolled away is pulled back.
    keep() {
      const box = this.head.getBoundingClientRect(), view = this.view.getBoundingClientRect();
      const beside = box.left < view.left || box.left > view.right - 24, above = box.top < 0 || box.bottom > innerHeight;
      if ((!beside && !above) || performance.now() - this.kept < SCROLLING) return;
      const [block, inline] = [above ? "center" : "nearest", beside ? "start" : "nearest"];
      this.head.scrollIntoView({ block, inline, behavior: calm.matches ? "auto" : "smooth" });
      this.kept = performance.now();
    }
  }

  // Keys work within a piece, and on a page of our own also where nothing has the focus.
  const keys = (root, players) => {
    const own = root === document.body;
    let last = players[0];
    for (const player of players) player.audio.addEventListener("play", () => { last = player; });
    document.addEventListener("keydown", (event) => {
      const { target, key } = event, free = target === document.body;
      const player = free && own ? last : players.find(({ piece }) => piece.contains(target));
      if (!player || event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey) return;
      const scrolls = target.matches("[tabindex]"), slides = target.matches("input");
      if (target.matches(".volume") && key !== " " && key.toLowerCase() !== "m") return;
      if (key === " " && !target.matches("button")) player.toggle();
      else if (key === "ArrowLeft" && !scrolls) player.go(player.audio.currentTime - STEP);
      else if (key === "ArrowRight" && !scrolls) player.go(player.audio.currentTime + STEP);
      else if (key === "ArrowDown" && slides) player.go(player.audio.currentTime - STEP);
      else if (key === "ArrowUp" && slides) player.go(player.audio.currentTime + STEP);
      else if (key === "Home" && !scrolls && !free) player.go(0);
      else if (key === "End" && !scrolls && !free) player.go(player.length);
      else if (key.toLowerCase() === "m" && !free) player.silence();
      else return;
      event.preventDefault();
    });
  };

  for (const root of document.querySelectorAll(".erato:not([data-ready])")) {
    root.dataset.ready = "";
    const pieces = [...root.querySelectorAll(".piece")];
    const players = pieces.filter((piece) => piece.querySelector(".player")).map((piece) => new Player(piece, root));
    if (players.length) keys(root, players);
    for (const hint of root.querySelectorAll(".keys")) hint.hidden = !players.length;
    for (const piece of pieces)
      for (const link of piece.querySelectorAll("[data-from]")) {
        link.href = piece.querySelector(link.dataset.from).getAttribute("src");
        link.parentElement.hidden = false;
      }
  }
})();
