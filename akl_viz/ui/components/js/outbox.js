// What a person did, on its way to Python: the latest state only, numbered, one message at a time.

const AWAY_MS = 300;
const BUSY_MS = 500;

class Outbox {
  // Of a drawing with `root`, `state` and `send`. Milliseconds: `gap` between two messages, `lost` until the next one goes
  // without the answer to the last.
  constructor(drawing, seq, { gap, lost }) {
    Object.assign(this, { drawing, seq, gap, lost, sentAt: -Infinity, waiting: false });
    this.back = () => this.drop();
    window.addEventListener("popstate", this.back);
  }

  // The browser went to another view: what has not been sent yet was done to the one before.
  drop() {
    clearTimeout(this.timer);
    this.pending = undefined;
    this.tell();
  }

  // An answer came: whether it is to the latest of what was done here.
  answered(seq) {
    const newest = seq >= this.seq;
    if (newest) this.waiting = false;
    return newest && this.pending === undefined;
  }

  // Its numbers are drawn.
  drawn() {
    if (!this.waiting) this.drawing.root.classList.remove("busy");
  }

  // `settled`: not in the middle of a drag.
  post(settled) {
    this.pending = settled;
    this.flush();
  }

  // Whether the numbers may still be those of an earlier state.
  tell() {
    this.drawing.root.toggleAttribute("data-waiting", this.pending !== undefined || this.waiting);
  }

  flush() {
    this.tell();
    if (this.pending === undefined) return;
    clearTimeout(this.timer);
    const since = performance.now() - this.sentAt;
    const wait = (this.waiting && since < this.lost ? this.lost : this.gap) - since;
    if (wait > 0) { this.again(wait); return; }
    if (!this.drawing.send({ ...structuredClone(this.drawing.state), seq: this.seq + 1, settled: this.pending })) { this.again(AWAY_MS); return; }
    this.pending = undefined;
    this.seq += 1;
    this.sentAt = performance.now();
    this.waiting = true;
    clearTimeout(this.slow);
    this.slow = setTimeout(() => { if (this.waiting) this.drawing.root.classList.add("busy"); }, BUSY_MS);
    this.tell();
  }

  again(wait) {
    this.timer = setTimeout(() => this.flush(), wait);
  }

  stop() {
    window.removeEventListener("popstate", this.back);
    clearTimeout(this.timer);
    clearTimeout(this.slow);
  }
}
