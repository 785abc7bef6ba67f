// What the phone keeps is sealed with a key of its own (AES-GCM), and that key with one made from the PIN (PBKDF2). A PIN is short:
// whoever copies the whole storage off the phone can try them all elsewhere. The delay below only stops fingers. (docs/offline.md)
import { change, find, put } from "./store.js";

const ROUNDS = 600000; // OWASP password storage, PBKDF2 with SHA-256
const FREE_TRIES = 5;
const FIRST_WAIT = 30000;
const LONGEST_WAIT = 3600000;
const FORMAT = "shanhai-offline/1";
const subtle = self.crypto && crypto.subtle;

export class WrongPin extends Error {}
export class Locked extends Error {
  constructor(until) { super("locked"); this.until = until; }
}

export const random = (size) => crypto.getRandomValues(new Uint8Array(size));
const encode = (value) => new TextEncoder().encode(value);

async function keyFromPin(pin, salt, rounds) {
  const base = await subtle.importKey("raw", encode(pin), "PBKDF2", false, ["deriveKey"]);
  const how = { name: "PBKDF2", hash: "SHA-256", salt, iterations: rounds };
  return subtle.deriveKey(how, base, { name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
}

/** Bytes under a key, and back. */
export async function close(key, bytes) {
  const iv = random(12);
  return { iv, data: new Uint8Array(await subtle.encrypt({ name: "AES-GCM", iv }, key, bytes)) };
}
export const disclose = async (key, box) => new Uint8Array(await subtle.decrypt({ name: "AES-GCM", iv: box.iv }, key, box.data));

export const seal = (key, value) => close(key, encode(JSON.stringify(value)));
export const unseal = async (key, box) => JSON.parse(new TextDecoder().decode(await disclose(key, box)));

const importKey = (raw) => subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt", "decrypt"]);

/** A new key under a new PIN: what to keep of it, and the key itself. */
export async function makeVault(pin) {
  const raw = random(32), salt = random(16);
  const box = await close(await keyFromPin(pin, salt, ROUNDS), raw);
  return { vault: { salt, rounds: ROUNDS, box }, key: await importKey(raw) };
}

/** The key behind the PIN. Throws WrongPin, or Locked while there were too many wrong ones. A try counts before it is looked at. */
export async function unlock(pin, now = Date.now()) {
  const vault = await find("kept", "vault");
  await change(["kept"], async (kept, asked) => {
    const tries = (await asked(kept.get("tries"))) || { wrong: 0, until: 0 };
    if (tries.until > now) throw new Locked(tries.until);
    const wrong = tries.wrong + 1;
    const wait = wrong < FREE_TRIES ? 0 : Math.min(FIRST_WAIT * 2 ** (wrong - FREE_TRIES), LONGEST_WAIT);
    kept.put({ wrong, until: wait && now + wait }, "tries");
  });
  let raw;
  try {
    raw = await disclose(await keyFromPin(pin, vault.salt, vault.rounds), vault.box);
  } catch (error) {
    const { until } = await find("kept", "tries");
    throw until ? new Locked(until) : new WrongPin();
  }
  await put("kept", { wrong: 0, until: 0 }, "tries");
  return importKey(raw);
}

const toText = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
const toBytes = (text) => Uint8Array.from(atob(text), (char) => char.charCodeAt(0));

/** Anything as the text of a file that only the PIN opens. */
export async function writeFile(pin, value) {
  const salt = random(16);
  const box = await seal(await keyFromPin(pin, salt, ROUNDS), value);
  return JSON.stringify({ format: FORMAT, rounds: ROUNDS, salt: toText(salt), iv: toText(box.iv), data: toText(box.data) });
}

/** What such a file holds. Throws TypeError for another file, WrongPin. */
export async function readFile(pin, text) {
  let file, box, salt;
  try {
    file = JSON.parse(text);
    box = { iv: toBytes(file.iv), data: toBytes(file.data) };
    salt = toBytes(file.salt);
  } catch (error) { throw new TypeError("not a saved queue"); }
  if (file.format !== FORMAT || !(file.rounds > 0 && file.rounds <= 10 * ROUNDS)) throw new TypeError("not a saved queue");
  try {
    return await unseal(await keyFromPin(pin, salt, file.rounds), box);
  } catch (error) { throw new WrongPin(); }
}
