// What the page shows: which part of it, the lists to choose from, the lots at hand, the queue.
import * as queue from "./queue.js";
import { amount, day, lang, moment, plain, say, standard } from "./words.js";

const FEW = 20, SOON = 5 * 86400000, SKEW = 5 * 60000;

/** What is open while the phone is unlocked: its key, what the server told it, its pass ({token, expires}). All null while it is locked. */
export const now = { key: null, data: null, pass: null };

export const $ = (id) => document.getElementById(id);
export const show = (id) => { for (const part of ["starting", "none", "locked", "open"]) $(part).hidden = part !== id; };
export const fill = (node, children) => { node.textContent = ""; node.append(...children); };

export function tell(kind, text, place = "news") {
  $(place).className = `note ${kind}`;
  $(place).textContent = text;
  $(place).hidden = !text;
}
export const note = (kind, name, values) => tell(kind, name ? say(name, values) : "");
export const sending = (name) => tell("warn", name ? say(name) : "", "sending");

// --- lists to choose from

const householdName = (no) => { const found = now.data.households.find((row) => row[0] === Number(no)); return found ? `${found[0]} ${found[1]}` : String(no); };
const productName = (sku) => { const found = now.data.products.find((row) => row[0] === sku); return found ? (lang === "en" && found[2]) || found[1] : sku; };

/** The goods a lot is of, as the server says; in English the name of a product that is made of it, without the grade in its bracket. */
function materialName(material) {
  const [, , english] = now.data.products.find((row) => row[3] === material) || [];
  return (lang === "en" && english && english.split(" (")[0]) || material;
}
const materialOf = (sku) => { const found = now.data.products.find((row) => row[0] === sku); return (found && found[3]) || sku; };

export function option(value, text) {
  const made = document.createElement("option");
  made.value = value;
  made.textContent = text;
  return made;
}

/** The mark of a card in what was typed or scanned, or "". */
async function readCard(text) {
  const [, token] = text.trim().match(/\/cards\/([^/?#]+)$/) || [];
  if (!token) return "";
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token)));
  return Array.from(hash.slice(0, 6), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The households that fit what was typed: a number, initials, a family name, or the link on a card. */
export async function drawHouseholds() {
  const typed = $("f-find").value;
  const word = typed.trim().toLowerCase();
  const card = await readCard(typed);
  if (!now.data || typed !== $("f-find").value) return;
  const fits = ([no, name, initials, mark]) => !word || (card ? mark === card : /^[0-9]+$/.test(word) ? String(no) === word : initials.startsWith(word) || name.startsWith(word[0]));
  const found = now.data.households.filter(fits);
  const before = $("f-member_no").value;
  const options = found.slice(0, 100).map(([no, name, initials]) => option(no, `${no} ${name} ${initials}`));
  if (found.length !== 1) options.unshift(option("", say(found.length ? "choose" : "nobody")));
  fill($("f-member_no"), options);
  if (found.some((row) => String(row[0]) === before)) $("f-member_no").value = before;
}

export function drawProducts() {
  const options = now.data.products.map(([sku]) => option(sku, productName(sku)));
  if (options.length !== 1) options.unshift(option("", say("choose")));
  fill($("f-product_sku"), options);
}

// --- lots: those the server told of, and what the entries since then have made of them

let lots = new Map(); // number → {left, unit, material, whose}

/** The lots at hand. A refused entry keeps what it names, until it is given up; what it would make is not there yet. */
function lotsAtHand(entries) {
  const found = new Map((now.data.lots || []).map(([code, material, left, unit, no]) => [code, { material, ...standard({ quantity: left, unit }), whose: no ? householdName(no) : "" }]));
  const isNews = ({ state, doneAt }) => state === queue.WAITING || state === queue.REFUSED || (state === queue.DONE && Date.parse(doneAt) > now.data.heard);
  for (const { act, fields, lot, state } of entries.filter(isNews).reverse()) {
    if (act === queue.LOSS) {
      const hit = found.get(fields.lot);
      if (hit) hit.left -= standard(fields).left;
      if (hit && hit.left <= 0n) found.delete(fields.lot);
      continue;
    }
    let made = act === queue.DELIVERY && { material: materialOf(fields.product_sku), ...standard(fields), whose: householdName(fields.member_no) };
    for (const code of queue.named({ act, fields })) {
      const { left = 0n, unit = "kg", material = "" } = found.get(code) || {};
      made = { unit, material, left: left + (made ? made.left : 0n), whose: "" };
      found.delete(code);
    }
    if (made && state !== queue.REFUSED) found.set(lot, made);
  }
  return found;
}

export const lotAtHand = (code) => lots.get(code);
export const lotAmount = ({ left, unit }) => amount({ quantity: plain(left), unit });

function drawLots(entries) {
  lots = lotsAtHand(entries);
  const words = [...lots].map(([code, lot]) => [code, [lot.whose, materialName(lot.material)].filter(Boolean).map((word) => `${word} · `).join(""), lotAmount(lot)]);
  const mark = words.join();
  if ($("lots").dataset.drawn === mark) return; // somebody may be ticking
  $("lots").dataset.drawn = mark;
  const ticked = new Set(Array.from($("lots").querySelectorAll(":checked"), (box) => box.value));
  fill($("lots"), words.map(([code, text, left]) => {
    const line = $("lot").content.cloneNode(true);
    const box = line.querySelector("input");
    box.value = code;
    box.checked = ticked.has(code);
    line.querySelector("[data-text]").textContent = text;
    line.querySelector("[data-amount]").textContent = left;
    line.querySelector("[data-code]").textContent = code;
    return line;
  }));
  const chosen = $("f-lot").value;
  fill($("f-lot"), [option("", say(words.length ? "choose" : "noLots")), ...words.map(([code, text, left]) => option(code, `${text}${left} · ${code}`))]);
  if (lots.has(chosen)) $("f-lot").value = chosen;
  $("f-lot").dispatchEvent(new Event("change"));
  $("lots").dispatchEvent(new Event("change", { bubbles: true }));
  $("no-lots").hidden = words.length > 0;
}

// --- the queue

const LINES = {
  [queue.DELIVERY]: ({ fields }) => ({
    what: `${householdName(fields.member_no)} · ${productName(fields.product_sku)}`,
    more: [`¥${fields.agreed_price}`, say(fields.paid ? "paid" : "unpaid"), fields.grade],
  }),
  [queue.MIXING]: ({ lot, fields }) => ({ what: say("mixed", { n: queue.named({ act: queue.MIXING, fields }).length, lot }), more: [fields.averaged && say("averaged")] }),
  [queue.LOSS]: ({ fields }) => ({ what: say(fields.why === "sample" ? "sampled" : "lost", { lot: fields.lot }), more: [fields.lost_reason] }),
};

function drawEntry(entry) {
  const part = $("entry").content.cloneNode(true);
  const at = (name) => part.querySelector(`[data-${name}]`);
  const kinds = { waiting: "warn", done: "ok", refused: "bad", void: "" };
  const { what, more } = LINES[entry.act](entry);
  at("entry").dataset.entry = entry.state;
  at("slip").textContent = entry.slip;
  at("state").textContent = say(entry.state);
  at("state").className = `badge ${kinds[entry.state]}`;
  at("what").textContent = what;
  at("amount").textContent = amount(entry.fields);
  at("more").textContent = [moment(entry.at), ...more, entry.fields.faces && say("photo")].filter(Boolean).join(" · ");
  at("near").textContent = entry.near || "";
  at("near").hidden = !entry.near;
  at("reason").textContent = entry.reason || "";
  at("asked").hidden = !(entry.question && entry.question.sent);
  at("act=void").dataset.confirm = say(entry.act === queue.DELIVERY ? "voidSlip" : "voidEntry");
  for (const each of part.querySelectorAll("button, form")) each.dataset.id = entry.id;
  if (entry.state !== queue.REFUSED) at("refused").remove();
  return part.firstElementChild;
}

function drawEntries(entries) {
  const drawn = new Map(Array.from($("entries").children, (item) => [item.dataset.drawn, item]));
  for (const [place, entry] of entries.entries()) { // what has not changed is left alone: somebody may be typing in it
    const mark = [entry.id, entry.state, entry.reason, entry.question && entry.question.sent].join();
    const item = drawn.get(mark) || drawEntry(entry);
    item.dataset.drawn = mark;
    drawn.delete(mark);
    if ($("entries").children[place] !== item) $("entries").insertBefore(item, $("entries").children[place] || null);
  }
  for (const item of drawn.values()) item.remove();
  $("empty").hidden = entries.length > 0;
}

export async function draw() {
  const entries = now.key ? await queue.list(now.key) : [];
  if (!now.key) return; // locked meanwhile
  const { data, pass } = now;
  const count = (state) => entries.filter((entry) => entry.state === state).length;
  drawEntries(entries);
  drawLots(entries);
  $("net").textContent = say(navigator.onLine ? "online" : "offline");
  $("net").className = `badge ${navigator.onLine ? "ok" : "warn"}`;
  $("waits").textContent = say("waits", { n: count(queue.WAITING) });
  $("refuses").textContent = say("refuses", { n: count(queue.REFUSED) });
  $("refuses").hidden = !count(queue.REFUSED);
  const free = await queue.freeNumbers();
  $("numbers").textContent = say("numbers", { n: free });
  $("few").textContent = say("few", { n: free });
  $("few").hidden = free >= FEW;
  $("fresh").textContent = data.at ? say("fresh", { at: moment(data.at) }) : say("noData");
  const ends = new Date(pass.expires);
  $("until").textContent = say("until", { at: day(ends) });
  $("soon").textContent = say("soon", { at: day(ends) });
  $("soon").hidden = ends - Date.now() > SOON || !$("ended").hidden;
  $("clock").hidden = !data.skew || Math.abs(data.skew) < SKEW;
  $("clock").textContent = say("clock", { n: Math.round(Math.abs(data.skew || 0) / 60000) });
  $("who").textContent = data.clerk ? `${(lang === "en" && data.cooperative[1]) || data.cooperative[0]} · ${data.clerk}` : "";
}

export async function drawStorage() {
  let promised = null;
  if (navigator.storage && navigator.storage.persist) {
    try { promised = (await navigator.storage.persisted()) || (await navigator.storage.persist()); } catch (error) { promised = null; }
  }
  $("storage").textContent = say(promised ? "kept" : promised === false ? "notKept" : "keptUnknown");
  $("storage").dataset.persisted = String(promised);
}
