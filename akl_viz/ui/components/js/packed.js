// Packed arrays as typed arrays: what the server sends as little-endian bytes in base64.

const ARRAYS = { f8: Float64Array, f4: Float32Array, i4: Int32Array, i2: Int16Array, i1: Int8Array, u1: Uint8Array };

function unpack(packed) {
  const binary = atob(packed.data);
  const bytes = new Uint8Array(binary.length);
  for (let k = 0; k < binary.length; k++) bytes[k] = binary.charCodeAt(k);
  return new ARRAYS[packed.kind](bytes.buffer);
}

// Walk the payload once and replace every packed array by its typed array.
function unpackAll(value) {
  if (Array.isArray(value)) return value.map(unpackAll);
  if (value === null || typeof value !== "object") return value;
  if (typeof value.kind === "string" && typeof value.data === "string") return unpack(value);
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, unpackAll(part)]));
}
