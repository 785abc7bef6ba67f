// The queue of entries: deliveries, mixings, losses. An entry takes a number from the phone's block when it is made, keeps it for ever, and is sent under one key until
// it is answered; the server does it once, however often and from however many tabs it comes.
import { all, change, find } from "./store.js";
import { close as sealBytes, disclose, random, seal, unseal } from "./vault.js";

export const DELIVERY = "deliveries", MIXING = "mixings", LOSS = "losses"; // what it is, and the door it is sent to
export const WAITING = "waiting", DONE = "done", REFUSED = "refused", VOID = "void";
const KEPT_AFTER = 7 * 86400000; // an entry that was taken in is shown for a week
const MOST_PHOTOS = 100; // of some 200 KB each
const HOME = new URL("../", import.meta.url).href;

/** The phone's sign-in has ended. */
export class SignedOut extends Error {}
/** There is no number left on the phone. */
export class NoNumber extends Error {}
/** There is no room for another photograph. */
export class NoRoom extends Error {}

export const newKey = () => Array.from(random(16), (byte) => byte.toString(16).padStart(2, "0")).join("");

/** One request to the phone's doors: {status, body}, status 0 when a stranger answered. Throws SignedOut, and TypeError without a network. */
export async function ask(token, lang, path, fields, key, photo) {
  const headers = { Accept: "application/json", Authorization: `Bearer ${token}` };
  const how = { headers, credentials: "omit", cache: "no-store" };
  if (fields) Object.assign(how, { method: "POST", body: new URLSearchParams(fields) });
  if (photo) {
    how.body = new FormData();
    for (const [name, value] of Object.entries(fields)) how.body.append(name, value);
    how.body.append("photo", photo, "photo.jpg");
  }
  if (key) headers["Idempotency-Key"] = key;
  const answer = await fetch(`${HOME}${path}${path.includes("?") ? "&" : "?"}lang=${lang}`, how);
  // Only our own words count: the sign-in page of a hotel's network answers anything to anything.
  const body = await answer.json().catch(() => null);
  if (!body || (answer.status !== 200 && body.status !== answer.status)) return { status: 0, body: {} };
  if (answer.status === 401) throw new SignedOut();
  return { status: answer.status, body };
}

const opened = new Map(); // id → [seal, entry]: a cheap phone opens each entry once, not at every look at the list

/** Every entry, newest first, opened. */
export async function list(key) {
  const rows = await all("entries");
  const entries = await Promise.all(rows.map(async (row) => {
    const mark = row.box.iv.join();
    const [before, entry] = opened.get(row.id) || [];
    if (mark === before) return { ...entry };
    const found = { ...row, act: DELIVERY, ...(await unseal(key, row.box)) };
    opened.set(row.id, [mark, found]);
    return { ...found };
  }));
  return entries.sort((a, b) => (a.at < b.at ? 1 : -1));
}

/** Forget what was opened: the phone is locked. */
export const forget = () => opened.clear();

const close = async (key, { id, state, at, slip, lot, box, ...rest }) => ({ id, state, at, slip, lot, box: await seal(key, rest) });

/** The lots an entry works on, by number. */
export const named = ({ act, fields }) => (act === MIXING ? fields.lots.split(" ") : act === LOSS ? [fields.lot] : []);

/**
 * Put an entry in the queue under the next free number, its photograph (bytes) beside it. In one transaction: no two entries, and no two
 * tabs, get the same number.
 */
export async function add(key, act, fields, photo = null, at = new Date()) {
  const entry = { id: newKey(), state: WAITING, at: at.toISOString(), box: await seal(key, { act, fields }) };
  const picture = photo && (await sealBytes(key, photo));
  return change(["numbers", "entries", "photos"], async (numbers, entries, photos, asked) => {
    if (picture && (await asked(photos.count())) >= MOST_PHOTOS) throw new NoRoom();
    const [next] = await asked(numbers.getAll(null, 1));
    if (!next) throw new NoNumber();
    numbers.delete(next.slip);
    entries.put({ ...entry, ...next });
    if (picture) photos.put(picture, entry.id);
    return { ...entry, ...next, act, fields };
  });
}

export const freeNumbers = async () => (await all("numbers")).length;

/** Lay up the numbers the server hands out, but for those that entries on this phone hold already. */
export const layUp = (handed) => change(["numbers", "entries"], async (numbers, entries, asked) => {
  const held = new Set((await asked(entries.getAll())).map((row) => row.slip));
  numbers.clear();
  for (const [slip, lot] of handed) if (!held.has(slip)) numbers.put({ slip, lot });
});

/**
 * Note what became of an entry that stands in one of these states; not when another tab has heard something final meanwhile. True when noted.
 * What is over needs its photograph no longer.
 */
async function settle(key, entry, from = [WAITING, REFUSED]) {
  const row = await close(key, entry);
  return change(["entries", "photos"], async (entries, photos, asked) => {
    const now = await asked(entries.get(row.id));
    const open = Boolean(now) && from.includes(now.state);
    if (open) entries.put(row);
    if (open && (row.state === DONE || row.state === VOID)) photos.delete(row.id);
    return open;
  });
}

/** What was taken in is done, also when it was given up meanwhile: otherwise it would be typed again. */
const takenIn = (key, entry) => settle(key, { ...entry, state: DONE, reason: "" }, [WAITING, REFUSED, VOID]);

async function send(key, token, lang, entry) {
  const { faces, ...rest } = entry.fields;
  const picture = faces && (await find("photos", entry.id)); // an entry of a file from another phone goes without
  const photo = picture && new Blob([await disclose(key, picture)], { type: "image/jpeg" });
  const fields = { ...rest, ...(photo && { faces }), slip: entry.slip, happened_at: entry.at };
  const { status, body } = await ask(token, lang, entry.act, fields, entry.id, photo);
  if (status === 200 && body.slip === entry.slip) return { state: DONE, doneAt: body.recorded, near: body.near || "" };
  if (status >= 400 && status < 500 && status !== 429) {
    const told = (body.errors || []).map((error) => error.detail).join(" ");
    return { state: REFUSED, status, kind: body.type || "", reason: told || body.detail || String(status) };
  }
  return null; // the server is not well: later
}

/**
 * Send what waits, oldest first, and what was refused because something else was going on. True when all of it was answered.
 * What works on a lot whose own entry was not answered yet is not sent: the server could only refuse it. Nor is what works on a lot that
 * an earlier entry still has to do with (no answer, or refused for now): a mixing takes all that is left, so it may not overtake a loss.
 * A refused entry waits while it is sent, so that nobody can give up what the server may be taking in.
 * Tabs take turns where the browser lets them; where not, the server's once-only keys hold.
 */
export async function sync(key, token, lang, shown = () => {}) {
  const run = async (lock) => {
    if (lock === null) return true; // another tab is at it
    const waiting = (await list(key)).filter((entry) => entry.state === WAITING || (entry.state === REFUSED && entry.status === 409));
    const open = new Set(waiting.filter(({ act, state }) => act !== LOSS && state === WAITING).map((entry) => entry.lot));
    const held = new Set();
    let whole = true;
    for (const entry of waiting.reverse()) {
      const lots = named(entry);
      const free = !lots.some((lot) => open.has(lot) || held.has(lot));
      const sent = free && (entry.state === WAITING || (await settle(key, { ...entry, state: WAITING }, [REFUSED])));
      const result = sent && (await send(key, token, lang, entry));
      if (!result || result.status === 409) for (const lot of lots) held.add(lot);
      if (!result) whole = false;
      else if (result.state === DONE) await takenIn(key, { ...entry, ...result });
      else await settle(key, { ...entry, ...result });
      if (result) open.delete(entry.lot);
      if (sent) await shown();
    }
    return whole;
  };
  return navigator.locks ? navigator.locks.request("shanhai-sync", { ifAvailable: true }, run) : run();
}

async function alter(key, id, changes) {
  const row = await find("entries", id);
  if (row.state === REFUSED) await settle(key, { ...row, ...(await unseal(key, row.box)), ...changes }, [REFUSED]);
}

/** Try a refused entry again, or give it up for good: its number is never given to another. */
export const retry = (key, id) => alter(key, id, { state: WAITING, reason: "" });
export const giveUp = (key, id) => alter(key, id, { state: VOID });
export const noteAsked = (key, id, question) => alter(key, id, { question });

/** The numbers of what was given up: the server is told, so that it hands none of them out again. */
export const givenUp = async () => (await all("entries")).filter((row) => row.state === VOID).map((row) => row.slip);

/** Of what was given up the server had taken some in ([slip, when] each): those are done. */
export async function noteTaken(key, taken) {
  const when = new Map(taken);
  for (const entry of await list(key)) {
    if (entry.state === VOID && when.has(entry.slip)) await takenIn(key, { ...entry, doneAt: when.get(entry.slip) });
  }
}

/** Forget what is more than a week old and was taken in, or given up under a number the server knows as `spent`. */
export async function tidy(spent, now = Date.now()) {
  const over = ({ state, slip }) => state === DONE || (state === VOID && spent.includes(slip));
  const old = (await all("entries")).filter((row) => over(row) && Date.parse(row.at) < now - KEPT_AFTER);
  await change(["entries"], (entries) => { for (const row of old) entries.delete(row.id); });
}

/** What is not yet on the server, to be written into a file. */
export async function unsent(key) {
  const entries = (await list(key)).filter((entry) => entry.state === WAITING || entry.state === REFUSED);
  return entries.map(({ box, ...entry }) => entry);
}

/** Put entries of a saved file into the queue; those that are here already stay as they are. How many were new. */
export async function restore(key, entries) {
  const known = new Set((await all("entries")).map((row) => row.id));
  const fresh = entries.filter((entry) => entry && typeof entry.id === "string" && entry.slip && entry.fields && !known.has(entry.id));
  const rows = await Promise.all(fresh.map((entry) => close(key, entry)));
  await change(["numbers", "entries"], (numbers, open) => {
    for (const row of rows) {
      numbers.delete(row.slip);
      open.put(row);
    }
  });
  return fresh.length;
}
