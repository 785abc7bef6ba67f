/**
 * SHA-256, HMAC-SHA-256 and Ed25519 verification without WebCrypto: for plain http on a LAN and for older WebViews.
 *
 * `verify.js` loads this file only where it must. It verifies and nothing else: no secret passes through it, so it need not run in
 * constant time. Sources: FIPS 180-4 (SHA-2), RFC 2104 (HMAC), RFC 8032 section 5.1.7 (Ed25519; like OpenSSL without the cofactor,
 * R compared as bytes, S below the group order).
 */

const PRIMES = [];
for (let n = 2; PRIMES.length < 80; n++) if (PRIMES.every((p) => n % p)) PRIMES.push(n);

/** The first `bits` bits after the point of the square or cube root of n, exactly. */
function fraction(n, degree, bits) {
  const wanted = BigInt(n) << BigInt(degree * bits);
  let low = 0n, high = 1n << BigInt(bits + 9);
  while (high - low > 1n) {
    const middle = (low + high) >> 1n;
    if (middle ** BigInt(degree) <= wanted) low = middle;
    else high = middle;
  }
  return BigInt.asUintN(bits, low);
}

const K512 = PRIMES.map((p) => fraction(p, 3, 64));
const H512 = PRIMES.slice(0, 8).map((p) => fraction(p, 2, 64));
const K256 = Uint32Array.from(K512.slice(0, 64), (k) => Number(k >> 32n)); // the same roots, cut shorter
const H256 = Uint32Array.from(H512, (h) => Number(h >> 32n));

/** The message with its 1 bit, zeros and length, in whole blocks. */
function pad(message, block) {
  const lengthField = block / 8;
  const padded = new Uint8Array(Math.ceil((message.length + 1 + lengthField) / block) * block);
  padded.set(message);
  padded[message.length] = 0x80;
  new DataView(padded.buffer).setBigUint64(padded.length - 8, BigInt(message.length) * 8n);
  return new DataView(padded.buffer);
}

const turn = (x, n) => (x >>> n) | (x << (32 - n));

export function sha256(message) {
  const view = pad(message, 64), state = H256.slice(), w = new Uint32Array(64);
  for (let at = 0; at < view.byteLength; at += 64) {
    for (let i = 0; i < 16; i++) w[i] = view.getUint32(at + 4 * i);
    for (let i = 16; i < 64; i++) {
      const x = w[i - 15], y = w[i - 2];
      w[i] = w[i - 16] + w[i - 7] + (turn(x, 7) ^ turn(x, 18) ^ (x >>> 3)) + (turn(y, 17) ^ turn(y, 19) ^ (y >>> 10));
    }
    let [a, b, c, d, e, f, g, h] = state;
    for (let i = 0; i < 64; i++) {
      const t = (h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + K256[i] + w[i]) | 0;
      const u = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      [h, g, f, e, d, c, b, a] = [g, f, e, (d + t) | 0, c, b, a, (t + u) | 0];
    }
    [a, b, c, d, e, f, g, h].forEach((x, i) => { state[i] += x; });
  }
  const out = new DataView(new ArrayBuffer(32));
  state.forEach((x, i) => out.setUint32(4 * i, x));
  return new Uint8Array(out.buffer);
}

const cut = (x) => BigInt.asUintN(64, x);
const turn64 = (x, n) => (x >> n) | cut(x << (64n - n));

export function sha512(message) {
  const view = pad(message, 128), state = H512.slice(), w = [];
  for (let at = 0; at < view.byteLength; at += 128) {
    for (let i = 0; i < 16; i++) w[i] = view.getBigUint64(at + 8 * i);
    for (let i = 16; i < 80; i++) {
      const x = w[i - 15], y = w[i - 2];
      w[i] = cut(w[i - 16] + w[i - 7] + (turn64(x, 1n) ^ turn64(x, 8n) ^ (x >> 7n)) + (turn64(y, 19n) ^ turn64(y, 61n) ^ (y >> 6n)));
    }
    let [a, b, c, d, e, f, g, h] = state;
    for (let i = 0; i < 80; i++) {
      const t = h + (turn64(e, 14n) ^ turn64(e, 18n) ^ turn64(e, 41n)) + ((e & f) ^ (cut(~e) & g)) + K512[i] + w[i];
      const u = (turn64(a, 28n) ^ turn64(a, 34n) ^ turn64(a, 39n)) + ((a & b) ^ (a & c) ^ (b & c));
      [h, g, f, e, d, c, b, a] = [g, f, e, cut(d + t), c, b, a, cut(t + u)];
    }
    [a, b, c, d, e, f, g, h].forEach((x, i) => { state[i] = cut(state[i] + x); });
  }
  const out = new DataView(new ArrayBuffer(64));
  state.forEach((x, i) => out.setBigUint64(8 * i, x));
  return new Uint8Array(out.buffer);
}

export function hmac(key, message) {
  const block = new Uint8Array(64);
  block.set(key.length > 64 ? sha256(key) : key);
  const inner = sha256(join(block.map((x) => x ^ 0x36), message));
  return sha256(join(block.map((x) => x ^ 0x5c), inner));
}

function join(...parts) {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) { all.set(part, at); at += part.length; }
  return all;
}

const P = 2n ** 255n - 19n;
const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;
const mod = (x) => { const r = x % P; return r < 0n ? r + P : r; };

function power(base, exponent) {
  let result = 1n;
  for (let b = mod(base), e = exponent; e; e >>= 1n, b = (b * b) % P) if (e & 1n) result = (result * b) % P;
  return result;
}

const D = mod(-121665n * power(121666n, P - 2n));
const I = power(2n, (P - 1n) / 4n); // a square root of -1

/** Points are [X, Y, Z, T] with x = X/Z, y = Y/Z, xy = T/Z (RFC 8032, 5.1.4). */
function add([x1, y1, z1, t1], [x2, y2, z2, t2]) {
  const a = mod((y1 - x1) * (y2 - x2)), b = mod((y1 + x1) * (y2 + x2)), c = mod(2n * mod(t1 * t2) * D), d = mod(2n * z1 * z2);
  const e = b - a, f = d - c, g = d + c, h = b + a;
  return [mod(e * f), mod(g * h), mod(f * g), mod(e * h)];
}

function double([x, y, z]) {
  const a = mod(x * x), b = mod(y * y), c = 2n * mod(z * z), h = a + b, e = h - mod((x + y) * (x + y)), g = a - b, f = c + g;
  return [mod(e * f), mod(g * h), mod(f * g), mod(e * h)];
}

const littleEndian = (bytes) => bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);

/** The point a key encodes, or null (RFC 8032, 5.1.3). */
function decodePoint(bytes) {
  const number = littleEndian(bytes), sign = number >> 255n, y = number & (2n ** 255n - 1n);
  if (y >= P) return null;
  const u = mod(y * y - 1n), v = mod(D * y * y + 1n);
  let x = mod(u * power(v, 3n) * power(u * power(v, 7n), (P - 5n) / 8n));
  if (mod(v * x * x) !== u) x = mod(x * I);
  if (mod(v * x * x) !== u || (x === 0n && sign)) return null;
  if ((x & 1n) !== sign) x = mod(-x);
  return [x, y, 1n, mod(x * y)];
}

function encodePoint([x, y, z]) {
  const inverse = power(z, P - 2n);
  let number = mod(y * inverse) | ((mod(x * inverse) & 1n) << 255n);
  return Uint8Array.from({ length: 32 }, () => { const byte = Number(number & 255n); number >>= 8n; return byte; });
}

const BASE_Y = mod(4n * power(5n, P - 2n));
const BASE = decodePoint(Uint8Array.from({ length: 32 }, (_, i) => Number((BASE_Y >> BigInt(8 * i)) & 255n)));

export function ed25519(key, signature, message) {
  if (key.length !== 32 || signature.length !== 64) return false;
  const A = decodePoint(key), s = littleEndian(signature.subarray(32));
  if (!A || s >= ORDER) return false;
  const k = littleEndian(sha512(join(signature.subarray(0, 32), key, message))) % ORDER;
  const minusA = [mod(-A[0]), A[1], A[2], mod(-A[3])], both = add(BASE, minusA);
  let point = [0n, 1n, 1n, 0n];
  for (let bit = 252n; bit >= 0n; bit--) {
    point = double(point);
    const inS = (s >> bit) & 1n, inK = (k >> bit) & 1n;
    if (inS && inK) point = add(point, both);
    else if (inS) point = add(point, BASE);
    else if (inK) point = add(point, minusA);
  }
  return encodePoint(point).every((byte, i) => byte === signature[i]);
}
