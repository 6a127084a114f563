// Numbers and names as text. Formatting only: every value comes from Python.

const SIGN = "\u2212";

// Three significant digits; small numbers in scientific notation, so that nothing positive is shown as zero.
function num(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "\u2013";
  const size = Math.abs(value);
  const sign = value < 0 ? SIGN : "";
  if (size === Infinity) return sign + "\u221e";
  if (Number.isInteger(value)) return sign + size.toLocaleString("en-US");
  if (size >= 100) return sign + size.toFixed(1);
  if (size >= 0.1) return sign + size.toFixed(3);
  if (size >= 0.001) return sign + size.toPrecision(3);
  return sign + size.toExponential(1).replace("-", SIGN);
}

function signed(value) {
  return (value > 0 ? "+" : "") + num(value);
}

// The exact double as text, in Python's spelling of the infinities.
function exact(value) {
  if (value === Infinity) return "inf";
  if (value === -Infinity) return "-inf";
  return Number.isNaN(value) ? "nan" : String(value);
}

// The same glyphs as in the labels Python makes; what has no glyph of its own is named by its code point.
const GLYPHS = new Map([[" ", "\u00b7"], ["\n", "\u21b5"], ["\t", "\u21e5"]]);
const INVISIBLE = /[\p{C}\p{Z}\ufe00-\ufe0f\u{e0100}-\u{e01ef}]/u;

function codePoint(character) {
  return "U+" + character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
}

function visible(text) {
  return Array.from(text, (c) => GLYPHS.get(c) || (INVISIBLE.test(c) ? codePoint(c) : c)).join("");
}

function spoken(text) {
  const words = new Map([[" ", "space"], ["\n", "newline"], ["\t", "tab"]]);
  const trimmed = text.trim();
  if (trimmed) return trimmed;
  return Array.from(text, (c) => words.get(c) || codePoint(c)).join(" ");
}
