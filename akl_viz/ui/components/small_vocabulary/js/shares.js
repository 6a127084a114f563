// What a drag does to a distribution, and where a probability lies on an axis. The divergences are Python's.

const DIGITS = 4;
// What keys up and down again leave of a bar.
const NOTHING = 1e-12;
const FLOOR = 6;
const TOPS = [0.05, 0.1, 0.2, 0.5, 1];

function rounded(weight) {
  return weight < NOTHING ? 0 : Number(weight.toPrecision(DIGITS));
}

function shares(weights) {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

// Token i gets the share, the others keep their proportions; where they have none they share alike.
function withShare(before, i, share) {
  const rest = 1 - before[i];
  const left = 1 - share;
  return before.map((old, k) => {
    if (k === i) return rounded(share);
    return rounded(rest > 0 ? (old / rest) * left : left / (before.length - 1));
  });
}

// Linear from zero to a round number, or logarithmic over FLOOR decades; beyond its ends a bar is cut.
class Axis {
  constructor(log, largest) {
    this.log = log;
    this.top = log ? 1 : TOPS.find((top) => largest <= 0.96 * top) ?? 1;
  }

  place(p) {
    if (!this.log) return Math.min(1, p / this.top);
    return p > 0 ? Math.max(0.002, Math.min(1, 1 + Math.log10(p) / FLOOR)) : 0;
  }

  // The pointer may leave the axis to the right: a bar can be drawn beyond a small top.
  share(x) {
    if (x <= 0) return 0;
    return Math.min(1, this.log ? 10 ** (FLOOR * (Math.min(1, x) - 1)) : x * this.top);
  }

  // One step of an arrow key: a hundredth, or a quarter more or less on the logarithmic axis.
  step(p, steps) {
    if (!this.log) return Math.min(1, Math.max(0, p + 0.01 * steps));
    if (p === 0 && steps < 0) return 0;
    // What was typed below the lower edge of the axis is not raised by going down.
    const least = 10 ** -FLOOR, from = p > 0 ? p : least;
    return Math.min(1, Math.max(Math.min(from, least), from * 1.25 ** steps));
  }

  get ticks() {
    if (!this.log) return [0, 0.5, 1].map((at) => [at, num(at * this.top)]);
    return [0, 2, 4, 6].map((k) => [k / FLOOR, k === FLOOR ? "1" : `1e${SIGN}${FLOOR - k}`]);
  }
}
