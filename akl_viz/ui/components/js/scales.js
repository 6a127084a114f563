// From numbers to places: probabilities, tokens and steps on their axes, and the ticks of each.

const ROUND = [1, 2, 5];
// Of more tokens than this, linear axes show nothing and wide lines hide each other.
const MANY = 200;

// The probability of every code: codes are 16-bit logarithms of probabilities, from 10^-decades to 1.
function probabilities({ decades, full }) {
  return Float64Array.from({ length: full + 1 }, (_, code) => 10 ** (decades * (code / full - 1)));
}

function linear(top) {
  const rough = top / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const gap = ([...ROUND, 10].find((factor) => factor * power >= rough * 0.99)) * power;
  const ticks = [];
  for (let k = 0; k * gap <= top * 1.0001; k++) ticks.push(k * gap);
  return { at: (value) => value / top, ticks, text: (tick) => String(Number(tick.toPrecision(3))) };
}

// From 10^floor to top; what is smaller lies on the lower edge.
function logarithmic(floor, top) {
  const high = Math.log10(top);
  const stride = Math.max(1, Math.ceil((high - floor) / 6));
  const ticks = [];
  for (let power = floor; power <= high; power += stride) ticks.push(10 ** power);
  return {
    at: (value) => (value > 0 ? Math.max(0, (Math.log10(value) - floor) / (high - floor)) : 0),
    ticks,
    text: (tick) => { const power = Math.round(Math.log10(tick)); return power >= -2 ? String(tick) : `1e${SIGN}${-power}`; },
  };
}

// Steps: the first ones get room.
function early(last) {
  const end = Math.log1p(last);
  const ticks = [0];
  for (let power = 1; power <= last; power *= 10) for (const factor of ROUND) if (factor * power <= last) ticks.push(factor * power);
  return { at: (step) => Math.log1p(step) / end, of: (share) => Math.expm1(share * end), ticks };
}

// The tokens' axis: positions of the notebooks, ranks on a logarithmic axis where there are many, else numbers.
function tokenAxis(tokens, positions) {
  if (positions) {
    const [first, gap] = positions, end = first + gap * (tokens - 1), span = end - first;
    const axis = linear(end);
    return { at: (i) => (gap * i) / span, ticks: axis.ticks.map((tick) => [(tick - first) / span, axis.text(tick)]), name: `x, token i stands at ${gap} i`, called: (i) => `token ${i}, x = ${first + gap * i}` };
  }
  if (tokens > MANY) {
    const end = Math.log10(tokens);
    const ticks = [];
    for (let rank = 1; rank <= tokens; rank *= 10) ticks.push([Math.log10(rank) / end, String(rank)]);
    return { at: (i) => Math.log10(i + 1) / end, ticks, name: "rank of the token (log axis)", called: (i) => `rank ${i + 1}` };
  }
  const stride = Math.max(1, Math.ceil(tokens / 12));
  const ticks = [];
  for (let i = 0; i < tokens; i += stride) ticks.push([(i + 0.5) / tokens, String(i)]);
  return { at: (i) => (i + 0.5) / tokens, ticks, name: "token", called: (i) => `token ${i}` };
}

// Ticks that would overlap are left out.
function spaced(ticks, width, least) {
  let before = -Infinity;
  return ticks.filter(([share]) => {
    const fits = share * width - before >= least;
    if (fits) before = share * width;
    return fits;
  });
}
