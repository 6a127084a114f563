// Time: play, pause, scrub. Frames follow the clock, so that a slow machine skips frames and keeps the pace.

const SPEEDS = [5, 15, 30, 60, 120, 240];
const STILL_MS = 900;

class Player {
  constructor(steps, kept, show, settled) {
    this.steps = steps;
    this.show = show;
    this.settled = settled;
    this.frame = kept.frame;
    this.speed = kept.speed;
    this.running = null;
    // Whether somebody scrubs.
    this.held = false;
    this.calm = window.matchMedia("(prefers-reduced-motion: reduce)");
    this.button = el("button", { type: "button", class: "play", onclick: () => this.toggle() }, "Play");
    this.range = el("input", { type: "range", class: "scrub", min: 0, max: steps.length - 1, step: 1, "aria-label": "Step",
      oninput: () => { this.pause(); this.held = true; this.go(Number(this.range.value)); }, onchange: () => { this.held = false; this.settled(); } });
    this.pace = el("select", { "aria-label": "Steps per second", onchange: () => { this.speed = Number(this.pace.value); } },
      ...SPEEDS.map((speed) => el("option", { value: speed }, `${speed} steps/s`)));
    this.pace.value = String(this.speed);
    this.at = el("output", { class: "at" });
    this.node = el("div", { class: "bar" }, this.button, this.range, this.at, this.pace);
  }

  go(frame) {
    this.frame = Math.max(0, Math.min(this.steps.length - 1, frame));
    const step = this.steps[this.frame], last = this.steps[this.steps.length - 1];
    this.range.value = String(this.frame);
    this.range.setAttribute("aria-valuetext", `step ${step} of ${last}`);
    this.at.textContent = `step ${step} of ${last}`;
    this.show(this.frame);
  }

  toggle() {
    if (this.running) { this.pause(); this.settled(); return; }
    if (this.frame === this.steps.length - 1) this.go(0);
    this.button.textContent = "Pause";
    if (this.calm.matches) this.leap();
    else this.run();
  }

  run() {
    // Recorded steps lie evenly: the place among them moves with the clock.
    const gap = this.steps[1] - this.steps[0];
    let place = this.frame, before = null;
    const next = (now) => {
      if (before !== null) place += ((now - before) / 1000) * (this.speed / gap);
      before = now;
      const frame = Math.floor(place);
      if (frame !== this.frame) this.go(frame);
      if (this.frame >= this.steps.length - 1) { this.pause(); this.settled(); return; }
      this.running = { frame: requestAnimationFrame(next) };
    };
    this.running = { frame: requestAnimationFrame(next) };
  }

  // Without motion: one still picture after the other, at steps 1, 2, 5, 10, 20, 50, ...
  leap() {
    const stops = early(this.steps[this.steps.length - 1]).ticks;
    const next = () => {
      const stop = stops.find((step) => step > this.steps[this.frame]);
      const frame = stop === undefined ? -1 : this.steps.findIndex((step) => step >= stop);
      this.go(frame < 0 ? this.steps.length - 1 : frame);
      if (this.frame < this.steps.length - 1) return;
      this.pause();
      this.settled();
    };
    this.running = { timer: setInterval(next, STILL_MS) };
  }

  pause() {
    if (this.running?.frame) cancelAnimationFrame(this.running.frame);
    if (this.running?.timer) clearInterval(this.running.timer);
    this.running = null;
    this.button.textContent = "Play";
  }
}
