/**
 * The stranger's check in the browser: does this proof file, under this policy, show that this entry is in the log?
 *
 * One module, no dependency; the twin of traceability/ledger/verify.py, which gives the same verdict on every file. It uses WebCrypto
 * and loads fallback.js beside it where WebCrypto or its Ed25519 is missing. Formats: C2SP tlog-proof, tlog-policy, tlog-checkpoint,
 * tlog-cosignature, signed-note, tlog-tiles; RFC 9162 proofs; RFC 8785 JSON.
 */

/** What this file checks against (a tlog-policy). The publisher writes it here and logs the hash of the result; empty in the source. */
export const POLICY = "";

/** The proof does not show what it should. `kind` is a short word for pages, the message says why. */
export class Refused extends Error {
  constructor(kind, message) { super(`${kind}: ${message}`); this.kind = kind; }
}
const refuse = (kind, message) => { throw new Refused(kind, message); };

const utf8 = new TextEncoder();
const text = (bytes, kind) => {
  try { return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes); } catch { return refuse(kind, "not UTF-8"); }
};
const join = (...parts) => {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) { all.set(part, at); at += part.length; }
  return all;
};
const equal = (a, b) => a.length === b.length && a.every((byte, i) => byte === b[i]);

export function encodeBase64(bytes) {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}
function base64(value, kind, size) { // one spelling only: atob alone takes spaces, missing padding and stray bits
  if (typeof value !== "string" || !/^[A-Za-z0-9+/]*={0,2}$/.test(value) || value.length % 4) refuse(kind, "not base64");
  let bytes;
  try { bytes = Uint8Array.from(atob(value), (char) => char.charCodeAt(0)); } catch { refuse(kind, "not base64"); }
  if (encodeBase64(bytes) !== value) refuse(kind, "not base64 in its one spelling");
  if (size !== undefined && bytes.length !== size) refuse(kind, `${bytes.length} bytes where ${size} belong`);
  return bytes;
}
function decimal(value, kind) {
  if (!/^(0|[1-9][0-9]{0,19})$/.test(value)) refuse(kind, "not a decimal number");
  return BigInt(value);
}

// --- cryptography

/** WebCrypto where it is whole, else our own. The result is kept. */
export async function chooseCrypto() {
  const subtle = globalThis.crypto?.subtle;
  try {
    await subtle.importKey("raw", new Uint8Array(32).fill(1, 0, 1), { name: "Ed25519" }, false, ["verify"]);
  } catch {
    return { name: "fallback", ...(await import("./fallback.js")) };
  }
  return {
    name: "webcrypto",
    sha256: async (message) => new Uint8Array(await subtle.digest("SHA-256", message)),
    hmac: async (key, message) => {
      const made = await subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
      return new Uint8Array(await subtle.sign("HMAC", made, message));
    },
    ed25519: async (key, signature, message) => {
      let made;
      try { made = await subtle.importKey("raw", key, { name: "Ed25519" }, false, ["verify"]); } catch { return false; }
      return subtle.verify("Ed25519", made, signature, message);
    },
  };
}
let chosen;
const tools = () => (chosen ??= chooseCrypto().catch((error) => { chosen = undefined; throw error; }));
const hashLeaf = async (entry) => (await tools()).sha256(join([0], entry));
const hashNode = async (left, right) => (await tools()).sha256(join([1], left, right));

// --- canonical JSON (RFC 8785) and entries

function canonical(value, kind) {
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "number") return Number.isSafeInteger(value) ? String(value) : refuse(kind, "not a safe integer");
  if (typeof value === "string") return /\p{Surrogate}/u.test(value) ? refuse(kind, "half a character") : JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((inner) => canonical(inner, kind)).join(",")}]`;
  return `{${Object.keys(value).sort().map((key) => `${canonical(key, kind)}:${canonical(value[key], kind)}`).join(",")}}`;
}
function json(bytes, kind) {
  const source = text(bytes, kind);
  let value;
  try { value = JSON.parse(source); } catch { refuse(kind, "not JSON"); }
  if (canonical(value, kind) !== source) refuse(kind, "JSON is not in its canonical form");
  return value;
}
const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const hasExactly = (value, ...keys) => isObject(value) && Object.keys(value).length === keys.length && keys.every((key) => Object.hasOwn(value, key));
const NAME = /^[a-z][a-z0-9_.]{0,63}$/;

/** The entry's fields; throws Refused for an entry of another application. */
export function decodeEntry(bytes) {
  const entry = json(bytes, "entry");
  const wrong = (what) => refuse("entry", what);
  if (!hasExactly(entry, "version", "type", "id", "at", "public", "commitments")) wrong("other fields than an entry has");
  if (entry.version !== "shanhai-entry/v1") wrong("another version");
  if (!isObject(entry.public) || !isObject(entry.commitments) || bytes.length > 65535) wrong("a field of the wrong type");
  const names = [entry.type, ...Object.keys(entry.public), ...Object.keys(entry.commitments)];
  if (!names.every((name) => typeof name === "string" && NAME.test(name))) wrong("not a field name");
  if (new Set(names.slice(1)).size !== names.length - 1) wrong("a field is both public and private");
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(entry.id)) wrong("not an event id");
  const time = /^([1-9]\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d)\.\d{6}Z$/.exec(entry.at);
  const date = time && new Date(`${time[1]}Z`);
  if (!date || Number.isNaN(date.getTime()) || date.toISOString().slice(0, 19) !== time[1]) wrong("not a time");
  for (const value of Object.values(entry.commitments)) base64(value, "entry", 32);
  return entry;
}

// --- notes, keys, checkpoints

const SPACE = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;
const requireName = (name, kind) => { if (!name || name.includes("+") || SPACE.test(name)) refuse(kind, "not a key name"); };

async function parseKey(vkey) {
  const [, name, id, material] = /^([^+]*)\+([0-9a-f]{8})\+(.*)$/s.exec(vkey) ?? refuse("policy", "a verifier key is name+hex+base64");
  const bytes = base64(material, "policy");
  requireName(name, "policy");
  if (!bytes.length || ([1, 4].includes(bytes[0]) && bytes.length !== 33)) refuse("policy", "not a key");
  const digest = await (await tools()).sha256(join(utf8.encode(`${name}\n`), bytes));
  const hex = Array.from(digest.subarray(0, 4), (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (hex !== id) refuse("policy", "the key ID does not belong to this name and key");
  return { name, id, kind: bytes[0], key: bytes.subarray(1) };
}

function parseNote(bytes) {
  const whole = text(bytes, "checkpoint");
  const split = whole.lastIndexOf("\n\n"); // the LAST empty line
  if (bytes.length > 1e6 || /[\x00-\x09\x0b-\x1f]/.test(whole)) refuse("checkpoint", "too long, or a control character");
  if (split < 0 || !whole.endsWith("\n") || split + 2 === whole.length) refuse("checkpoint", "not a signed note");
  const signatures = whole.slice(split + 2, -1).split("\n").map((line) => {
    const parts = line.split(" ");
    if (parts.length !== 3 || parts[0] !== "\u2014") refuse("checkpoint", "not a signature line");
    requireName(parts[1], "checkpoint");
    const blob = base64(parts[2], "checkpoint");
    if (blob.length < 5) refuse("checkpoint", "a signature is too short");
    const id = Array.from(blob.subarray(0, 4), (byte) => byte.toString(16).padStart(2, "0")).join("");
    return { key: `${parts[1]}+${id}`, blob: blob.subarray(4) };
  });
  if (signatures.length > 64) refuse("checkpoint", "too many signatures");
  return { body: whole.slice(0, split + 1), signatures };
}

/** A witness's POSIX time, 0 for the log's plain signature. */
async function checkSignature(key, blob, body) {
  let time = 0n, signature = blob, signed = body;
  if (key.kind === 4) {
    if (blob.length !== 72) refuse("signature", "not a timestamped signature");
    time = new DataView(blob.buffer, blob.byteOffset).getBigUint64(0);
    if (time === 0n || time >= 2n ** 63n) refuse("signature", "not a time");
    signature = blob.subarray(8);
    signed = `cosignature/v1\ntime ${time}\n${body}`;
  }
  const holds = signature.length === 64 && (await (await tools()).ed25519(key.key, signature, utf8.encode(signed)));
  if (holds !== true) refuse("signature", `of ${key.name} does not verify`);
  return Number(time);
}

function parseCheckpoint(body) {
  const lines = body.split("\n");
  if (lines.length < 4 || lines.pop() !== "" || lines.includes("")) refuse("checkpoint", "not three or more lines");
  const size = decimal(lines[1], "checkpoint");
  if (size >= 2n ** 63n) refuse("checkpoint", "impossible size");
  return { origin: lines[0], size, root: base64(lines[2], "checkpoint", 32) };
}

// --- policy

export async function parsePolicy(bytes) {
  const source = text(bytes, "policy");
  if (/[\x00-\x08\x0b-\x1f\x7f]/.test(source)) refuse("policy", "a control character");
  const policy = { logs: [], urls: [], witnesses: new Map(), about: {}, groups: new Map(), quorum: undefined };
  let about = ""; // the last # line names who runs the witnesses below it
  const members = new Set();
  const known = (name) => policy.witnesses.has(name) || policy.groups.has(name);
  const requireNew = (name) => { if (name === "none" || known(name)) refuse("policy", "a name is taken"); };
  const newKey = async (vkey, others) => {
    const key = await parseKey(vkey);
    if ([...others].some((other) => equal(other.key, key.key))) refuse("policy", "the same key twice");
    return key;
  };
  for (const line of source.split("\n")) {
    const [word, ...items] = line.match(/[^ \t]+/g) ?? ["#"];
    if (word.startsWith("#")) { if (line.includes("#")) about = line.replace(/^[ \t#]+/, "").trimEnd(); continue; }
    if (word === "log" && items.length >= 1 && items.length <= 2) {
      policy.logs.push(await newKey(items[0], policy.logs));
      policy.urls.push(items[1] ?? "");
    } else if (word === "witness" && items.length >= 2 && items.length <= 3) {
      requireNew(items[0]);
      policy.witnesses.set(items[0], await newKey(items[1], policy.witnesses.values()));
      policy.about[items[0]] = about;
    } else if (word === "group" && items.length >= 3) {
      const [name, threshold, ...inside] = items;
      requireNew(name);
      for (const member of inside) {
        if (!known(member) || members.has(member)) refuse("policy", "a group's members are defined above it, each in one group only");
        members.add(member);
      }
      const needed = threshold === "all" ? BigInt(inside.length) : threshold === "any" ? 1n : decimal(threshold, "policy");
      if (needed < 1n || needed > BigInt(inside.length)) refuse("policy", "a group needs at least one member and at most all");
      policy.groups.set(name, { needed: Number(needed), inside });
    } else if (word === "quorum" && items.length === 1) {
      if (policy.quorum !== undefined || (items[0] !== "none" && !known(items[0]))) refuse("policy", "exactly one quorum, defined above it");
      policy.quorum = items[0];
    } else refuse("policy", "a line that cannot be read");
  }
  if (policy.quorum === undefined) refuse("policy", "no quorum line");
  return policy;
}

function isMet(policy, cosigners, name) {
  if (name === "none") return true;
  if (policy.witnesses.has(name)) return cosigners.has(policy.witnesses.get(name));
  const { needed, inside } = policy.groups.get(name);
  return inside.filter((member) => isMet(policy, cosigners, member)).length >= needed;
}

/** The checkpoint and the witnesses' times; throws Refused unless log and quorum have signed. */
async function openCheckpoint(policy, bytes, held) {
  if (policy.logs.some((key) => key.kind !== 1) || [...policy.witnesses.values()].some((key) => key.kind !== 4)) {
    refuse("policy", "a log signs with type 1, a witness with type 4");
  }
  const note = parseNote(bytes);
  const known = new Map([...policy.logs, ...policy.witnesses.values()].map((key) => [`${key.name}+${key.id}`, key]));
  const signed = new Map();
  for (const { key: id, blob } of note.signatures) {
    const key = known.get(id);
    if (!key) continue; // unknown keys are passed over
    const time = await checkSignature(key, blob, note.body);
    if (!signed.has(key)) signed.set(key, time);
  }
  if (!signed.size) refuse("signature", "no signature of a known key");
  const checkpoint = parseCheckpoint(note.body);
  if (!policy.logs.some((key) => signed.has(key) && key.name === checkpoint.origin)) refuse("signature", "no log of the policy signed it");
  held.push("signature");
  if (!isMet(policy, signed, policy.quorum)) refuse("quorum", "too few witnesses of the policy have cosigned");
  held.push("quorum");
  const witnessed = {};
  for (const [name, key] of policy.witnesses) if (signed.has(key)) witnessed[name] = signed.get(key);
  return { ...checkpoint, witnessed };
}

// --- proof files

function parseProof(bytes) {
  let split = 0;
  while (split + 1 < bytes.length && !(bytes[split] === 10 && bytes[split + 1] === 10)) split++;
  if (split + 1 >= bytes.length) refuse("proof", "no empty line before the checkpoint");
  const head = text(bytes.subarray(0, split), "proof");
  const lines = head.split("\n");
  if (/[^\x00-\x7f]/.test(head) || lines.shift() !== "c2sp.org/tlog-proof@v1") refuse("proof", "not a tlog-proof");
  const extra = lines[0]?.startsWith("extra ") ? base64(lines.shift().slice(6), "proof") : null;
  if (!lines[0]?.startsWith("index ")) refuse("proof", "no index line");
  const index = decimal(lines.shift().slice(6), "proof");
  const hashes = lines.map((line) => base64(line, "proof", 32));
  if (hashes.length > 63) refuse("proof", "too many hashes");
  return { index, hashes, extra, checkpoint: bytes.subarray(split + 2) };
}

function decodeExtra(bytes) {
  const extra = json(bytes, "extra");
  if (!hasExactly(extra, "disclosed", "entry") || !isObject(extra.disclosed)) refuse("extra", "exactly disclosed and entry belong here");
  const disclosed = Object.entries(extra.disclosed).map(([name, item]) => {
    if (!hasExactly(item, "salt", "value")) refuse("extra", "an opened field has a salt and a value");
    return { name, salt: base64(item.salt, "extra", 32), value: item.value };
  });
  return { entry: base64(extra.entry, "extra"), disclosed };
}

async function checkInclusion(index, size, leaf, proof, root) {
  if (index >= size) refuse("inclusion", "no such leaf");
  let at = index, last = size - 1n, hash = leaf;
  for (const sibling of proof) {
    if (last === 0n) refuse("inclusion", "proof too long");
    if (at & 1n || at === last) {
      hash = await hashNode(sibling, hash);
      while (at && !(at & 1n)) { at >>= 1n; last >>= 1n; }
    } else hash = await hashNode(hash, sibling);
    at >>= 1n; last >>= 1n;
  }
  if (last !== 0n) refuse("inclusion", "proof too short");
  if (!equal(hash, root)) refuse("inclusion", "leads to another root");
}

/** Throws Refused unless the tree of `size` leaves begins with the tree of `old` (RFC 9162, 2.1.4.2). */
export async function checkConsistency(old, size, proof, oldRoot, root) {
  const wrong = (what) => refuse("consistency", what);
  if (![oldRoot, root, ...proof].every((hash) => hash.length === 32)) wrong("a hash is not 32 bytes");
  if (old < 1n || old > size) wrong("no proof between these sizes");
  if (old === size) return proof.length || !equal(oldRoot, root) ? wrong("two trees of one size must have one root") : undefined;
  const path = old & (old - 1n) ? proof : [oldRoot, ...proof];
  if (!path.length) wrong("proof is empty");
  let at = old - 1n, last = size - 1n;
  while (at & 1n) { at >>= 1n; last >>= 1n; }
  let fromOld = path[0], fromNew = path[0];
  for (const sibling of path.slice(1)) {
    if (last === 0n) wrong("proof too long");
    if (at & 1n || at === last) {
      fromOld = await hashNode(sibling, fromOld);
      fromNew = await hashNode(sibling, fromNew);
      while (at && !(at & 1n)) { at >>= 1n; last >>= 1n; }
    } else fromNew = await hashNode(fromNew, sibling);
    at >>= 1n; last >>= 1n;
  }
  if (last !== 0n) wrong("proof too short");
  if (!equal(fromOld, oldRoot)) wrong("does not begin at the old root");
  if (!equal(fromNew, root)) wrong("does not end at the new root");
}

// --- consistency out of the log's tiles

function tilePath(level, number, width) {
  const groups = [];
  for (let rest = number; ; rest /= 1000n) {
    groups.unshift((groups.length ? "x" : "") + String(rest % 1000n).padStart(3, "0"));
    if (rest < 1000n) break;
  }
  return `tile/${level}/${groups.join("/")}${width < 256n ? `.p/${width}` : ""}`;
}

/** Hash of the leaves [low, high) of a tree of `size`, from tiles; low is a multiple of the width's power of two. */
async function hashRange(low, high, size, readTile) {
  if (low === high) return null;
  let level = 0n;
  while (low % (2n << level) === 0n && low + (2n << level) <= high) level++;
  const tileLevel = level / 8n, first = (low >> level) << (level % 8n), number = first / 256n;
  const complete = (size >> (8n * tileLevel)) - number * 256n, width = complete < 256n ? complete : 256n;
  const data = await readTile(tilePath(tileLevel, number, width));
  if (data.length !== Number(width) * 32) throw new Error("not a tile"); // a portal's page, say: that shows nothing about the log
  const start = Number(first % 256n);
  let hashes = Array.from({ length: 1 << Number(level % 8n) }, (_, i) => data.subarray((start + i) * 32, (start + i + 1) * 32));
  while (hashes.length > 1) hashes = await Promise.all(hashes.filter((_, i) => i % 2 === 0).map((left, i) => hashNode(left, hashes[2 * i + 1])));
  const right = await hashRange(low + (1n << level), high, size, readTile);
  return right ? hashNode(hashes[0], right) : hashes[0];
}

export async function buildConsistency(old, size, readTile) {
  const ranges = [];
  let low = 0n, high = size;
  while (old !== high) {
    let half = 1n;
    while (half * 2n < high - low) half *= 2n;
    const middle = low + half;
    if (old <= middle) { ranges.unshift([middle, high]); high = middle; } else { ranges.unshift([low, middle]); low = middle; }
  }
  if (low > 0n) ranges.unshift([low, high]);
  return Promise.all(ranges.map(([from, to]) => hashRange(from, to, size, readTile)));
}

// --- the checks together

/** What `verify` checks, in this order. */
export const CHECKS = ["file", "signature", "quorum", "inclusion", "disclosure", "event", "consistency"];

/**
 * Signature, quorum, inclusion and opened fields: what verify_proof in Python checks. Throws Refused with the first reason.
 * `proof`, `policy` and `entry` are bytes; the entry comes from the proof file unless it carries none. `held` collects what held so far.
 */
export async function verifyProof(proof, policy, entry = null, held = []) {
  const parsed = parseProof(proof);
  const extra = parsed.extra ? decodeExtra(parsed.extra) : { entry, disclosed: [] };
  if (!extra.entry) refuse("proof", "carries no entry");
  if (entry && !equal(entry, extra.entry)) refuse("proof", "carries another entry than the one given");
  held.push("file");
  const rules = await parsePolicy(policy);
  const checkpoint = await openCheckpoint(rules, parsed.checkpoint, held);
  await checkInclusion(parsed.index, checkpoint.size, await hashLeaf(extra.entry), parsed.hashes, checkpoint.root);
  held.push("inclusion");
  const disclosed = {};
  const commitments = extra.disclosed.length ? decodeEntry(extra.entry).commitments : {};
  for (const { name, salt, value } of extra.disclosed) {
    const message = utf8.encode(`trace-commit/v1\0${name}\0${canonical(value, "extra")}`);
    const made = encodeBase64(await (await tools()).hmac(salt, message));
    if (!Object.hasOwn(commitments, name) || commitments[name] !== made) refuse("disclosure", `${name} is not what the entry committed to`);
    disclosed[name] = value;
  }
  held.push("disclosure");
  return { ...checkpoint, index: parsed.index, entry: extra.entry, disclosed, about: rules.about, note: text(parsed.checkpoint, "checkpoint") };
}

const KEPT = 16;

/**
 * Compare with what this device has seen of the log. `store` is like localStorage, `readTile` gives a tile's bytes or throws; `fresh` says
 * that the log gave this proof just now, so it must not be older than what it showed before. Returns "first" (nothing seen before), "same"
 * or "consistent"; "unchecked" if memory or tiles cannot be had. Throws Refused, with both checkpoints as `evidence`, on a log that forked
 * or went back. What held is remembered, as signed.
 */
export async function compareWithSeen(found, store, readTile, fresh = false) {
  const place = `log:${found.origin}`;
  let seen, last, lastRoot;
  try {
    seen = Object.entries(JSON.parse(store.getItem(place) ?? "{}")).map(([size, note]) => [BigInt(size), note]);
    seen.sort(([a], [b]) => (a < b ? -1 : 1));
    if (seen.length) ({ size: last, root: lastRoot } = parseCheckpoint(parseNote(utf8.encode(seen.at(-1)[1])).body));
  } catch { return "unchecked"; }
  const accuse = (kind, message, note) => { throw Object.assign(new Refused(kind, message), { evidence: [note, found.note] }); };
  const known = seen.find(([size]) => size === found.size)?.[1];
  if (known) {
    const { root } = parseCheckpoint(parseNote(utf8.encode(known)).body);
    if (!equal(root, found.root)) accuse("consistency", "the log showed this device another history of this size before", known);
  }
  if (fresh && seen.length && found.size < last) accuse("older", "the log showed this device more entries before than now", seen.at(-1)[1]);
  if (known) return "same";
  if (seen.length) {
    const forward = last < found.size;
    const [old, size, oldRoot, root] = forward ? [last, found.size, lastRoot, found.root] : [found.size, last, found.root, lastRoot];
    let path;
    try { path = await buildConsistency(old, size, readTile); } catch { return "unchecked"; }
    try { await checkConsistency(old, size, path, oldRoot, root); } catch (error) {
      if (error instanceof Refused) accuse("consistency", error.message, seen.at(-1)[1]);
      throw error;
    }
  }
  const kept = [...seen, [found.size, found.note]].sort(([a], [b]) => (a < b ? -1 : 1)).slice(-KEPT);
  try { store.setItem(place, JSON.stringify(Object.fromEntries(kept.map(([size, note]) => [String(size), note])))); } catch { /* full: nothing is lost but memory */ }
  return seen.length ? "consistent" : "first";
}

/**
 * Everything. `state` is "verified" only when every check was made and held, "refused" when one failed, "incomplete" when one could not be
 * made. `held` names the checks that held, `failed` the one that did not. `event` is the id the reader asked for, "" if they gave a file.
 */
export async function verify({ proof, policy = utf8.encode(POLICY), entry = null, event = "", store, readTile, fresh = false }) {
  const held = [];
  let found = {};
  try {
    found = await verifyProof(proof, policy, entry, held);
    if (event) {
      const { id } = decodeEntry(found.entry);
      if (id !== event) refuse("event", `the proof is about ${id}, not about ${event}`);
      held.push("event");
    }
    const seen = await compareWithSeen(found, store, readTile, fresh);
    if (seen !== "unchecked") held.push("consistency");
    return { state: seen === "unchecked" ? "incomplete" : "verified", failed: seen === "unchecked" ? "consistency" : "", seen, held, ...found };
  } catch (error) {
    const failed = CHECKS.find((check) => !held.includes(check) && (check !== "event" || event));
    const [state, kind] = error instanceof Refused ? ["refused", error.kind] : ["incomplete", "error"];
    return { ...found, state, kind, failed, reason: String(error?.message ?? error), evidence: error?.evidence, held };
  }
}
