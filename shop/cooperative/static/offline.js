// The page for entries without a network: unlock, type, look at the queue, send it. All words stand in the page itself.
import { all, find, put } from "./store.js";
import { Locked, WrongPin, readFile, seal, unlock, unseal, writeFile } from "./vault.js";
import * as queue from "./queue.js";

const $ = (id) => document.getElementById(id);
const TEXTS = JSON.parse($("texts").textContent);
const lang = document.documentElement.lang === "en" ? "en" : "zh_Hans_CN";
const say = (name, values = {}) => TEXTS[name].replace(/\{(\w+)\}/g, (_, value) => values[value]);
const two = (number) => String(number).padStart(2, "0");
const day = (at) => `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
const moment = (text) => { const at = new Date(text); return `${day(at).slice(5)} ${two(at.getHours())}:${two(at.getMinutes())}`; };

const FEW = 20, SOON = 5 * 86400000, SKEW = 5 * 60000, SCANNING = 30000;

let key = null; // only while unlocked
let data = null;
let pass = null; // {token, expires}
const other = globalThis.BroadcastChannel ? new BroadcastChannel("shanhai-offline") : null;

const show = (id) => { for (const part of ["starting", "none", "locked", "open"]) $(part).hidden = part !== id; };

function tell(kind, text, place = "news") {
  $(place).className = `note ${kind}`;
  $(place).textContent = text;
  $(place).hidden = !text;
}
const note = (kind, name, values) => tell(kind, name ? say(name, values) : "");
const sending = (name) => tell("warn", name ? say(name) : "", "sending");

// --- amounts: text in, text out, six decimals, no floats

const PLAIN = /^(0|[1-9][0-9]{0,11})(\.[0-9]{1,6})?$/;
const millionths = (text) => { const [whole, part = ""] = text.split("."); return BigInt(whole + part.padEnd(6, "0")); };
const plain = (value) => { const digits = String(value).padStart(7, "0"); return `${digits.slice(0, -6)}.${digits.slice(-6)}`.replace(/\.?0+$/, ""); };

/** An amount as people read it: a weight in 公斤 and in 斤. */
function amount({ quantity, unit }) {
  const typed = quantity.normalize("NFKC").trim();
  if (!PLAIN.test(typed)) return "";
  if (unit === "head") return `${typed} ${say("head")}`;
  const kilos = unit === "jin" ? plain(millionths(`${typed}`) / 2n) : plain(millionths(typed));
  const jin = unit === "jin" ? plain(millionths(typed)) : plain(millionths(typed) * 2n);
  return `${kilos} ${say("kg")} · ${jin} ${say("jin")}`;
}

// --- what the page shows

const householdName = (no) => { const found = data.households.find((row) => row[0] === Number(no)); return found ? `${found[0]} ${found[1]}` : String(no); };
const productName = (sku) => { const found = data.products.find((row) => row[0] === sku); return found ? (lang === "en" && found[2]) || found[1] : sku; };

function option(value, text) {
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
async function drawHouseholds() {
  const typed = $("f-find").value;
  const word = typed.trim().toLowerCase();
  const card = await readCard(typed);
  if (!data || typed !== $("f-find").value) return;
  const fits = ([no, name, initials, mark]) => !word || (card ? mark === card : /^[0-9]+$/.test(word) ? String(no) === word : initials.startsWith(word) || name.startsWith(word[0]));
  const found = data.households.filter(fits);
  const before = $("f-member_no").value;
  const options = found.slice(0, 100).map(([no, name, initials]) => option(no, `${no} ${name} ${initials}`));
  if (found.length !== 1) options.unshift(option("", say(found.length ? "choose" : "nobody")));
  $("f-member_no").replaceChildren(...options);
  if (found.some((row) => String(row[0]) === before)) $("f-member_no").value = before;
}

function drawProducts() {
  const options = data.products.map(([sku]) => option(sku, productName(sku)));
  if (options.length !== 1) options.unshift(option("", say("choose")));
  $("f-product_sku").replaceChildren(...options);
}

function drawEntry(entry) {
  const part = $("entry").content.cloneNode(true);
  const at = (name) => part.querySelector(`[data-${name}]`);
  const kinds = { waiting: "warn", done: "ok", refused: "bad", void: "" };
  at("entry").dataset.entry = entry.state;
  at("slip").textContent = entry.slip;
  at("state").textContent = say(entry.state);
  at("state").className = `badge ${kinds[entry.state]}`;
  at("what").textContent = `${householdName(entry.fields.member_no)} · ${productName(entry.fields.product_sku)}`;
  at("amount").textContent = amount(entry.fields);
  at("more").textContent = [moment(entry.at), `¥${entry.fields.agreed_price}`, say(entry.fields.paid ? "paid" : "unpaid"), entry.fields.grade].filter(Boolean).join(" · ");
  at("near").textContent = entry.near || "";
  at("near").hidden = !entry.near;
  at("reason").textContent = entry.reason || "";
  at("asked").hidden = !(entry.question && entry.question.sent);
  for (const each of part.querySelectorAll("button, form")) each.dataset.id = entry.id;
  if (entry.state !== queue.REFUSED) at("refused").remove();
  return part.firstElementChild;
}

async function draw() {
  const entries = key ? await queue.list(key) : [];
  if (!key) return; // locked meanwhile
  const count = (state) => entries.filter((entry) => entry.state === state).length;
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

async function drawStorage() {
  let promised = null;
  if (navigator.storage && navigator.storage.persist) {
    try { promised = (await navigator.storage.persisted()) || (await navigator.storage.persist()); } catch (error) { promised = null; }
  }
  $("storage").textContent = say(promised ? "kept" : promised === false ? "notKept" : "keptUnknown");
  $("storage").dataset.persisted = String(promised);
}

// --- going to the server

async function refresh() {
  const fresh = { households: [], at: new Date().toISOString() };
  for (let after = 0; after !== null;) {
    const { body } = await queue.ask(pass.token, lang, `data.json?after=${after}`);
    if (!body.households) return;
    fresh.households.push(...body.households);
    Object.assign(fresh, { cooperative: body.cooperative, clerk: body.clerk, products: body.products, skew: Date.now() - Date.parse(body.now) });
    after = body.following;
  }
  const { body } = await queue.ask(pass.token, lang, "numbers", {}, queue.newKey());
  if (body.numbers) await queue.layUp(body.numbers);
  data = fresh;
  await put("kept", await seal(key, data), "data");
  drawHouseholds();
  drawProducts();
}

/** Send what waits, then bring the lists up to date; one meeting after the other. */
let meeting = Promise.resolve();
const meetServer = () => { meeting = meeting.then(meet, meet); return meeting; };

async function meet() {
  if (!key || !navigator.onLine) return;
  document.body.dataset.syncing = "";
  try {
    const whole = await queue.sync(key, pass.token, lang, draw);
    await refresh();
    await queue.tidy();
    sending(whole ? "" : "later");
    $("ended").hidden = true;
  } catch (error) {
    if (error instanceof queue.SignedOut) $("ended").hidden = false;
    else sending("unreachable");
  }
  delete document.body.dataset.syncing;
  await draw();
  if (other) other.postMessage("changed");
}

// --- acts

async function open(event) {
  event.preventDefault();
  const pin = $("f-pin").value;
  $("f-pin").value = "";
  $("pin-trouble").hidden = true;
  try {
    key = await unlock(pin);
  } catch (error) {
    if (!(error instanceof WrongPin || error instanceof Locked)) throw error;
    $("pin-trouble").textContent = error instanceof Locked ? say("wait", { at: moment(error.until) }) : say("wrong");
    $("pin-trouble").hidden = false;
    return;
  }
  pass = await unseal(key, await find("kept", "pass"));
  const kept = await find("kept", "data");
  data = kept ? await unseal(key, kept) : { households: [], products: [], clerk: "" };
  drawHouseholds();
  drawProducts();
  show("open");
  await draw();
  drawStorage();
  meetServer();
}

function check(fields) {
  const wrong = {};
  if (!fields.member_no) wrong.member_no = "needHousehold";
  if (!fields.product_sku) wrong.product_sku = "needProduct";
  if (!amount(fields) || !/[1-9]/.test(fields.quantity.normalize("NFKC"))) wrong.quantity = "needQuantity";
  if (!/^(0|[1-9][0-9]{0,8})(\.[0-9]{1,2})?$/.test(fields.agreed_price)) wrong.agreed_price = "needPrice";
  for (const name of ["member_no", "product_sku", "quantity", "agreed_price"]) {
    const field = $(`f-${name}`);
    const place = field.closest(".field");
    for (const old of place.querySelectorAll(".error")) old.remove();
    place.classList.toggle("bad", name in wrong);
    if (!(name in wrong)) continue;
    const told = document.createElement("span");
    told.className = "error";
    told.textContent = say(wrong[name]);
    place.append(told);
  }
  const first = Object.keys(wrong)[0];
  if (first) $(`f-${first}`).focus();
  return !first;
}

/** Empty the form for the next household; what mostly stays the same may stay. */
function clear(form, stays) {
  const kept = stays.map((name) => [name, form.elements[name].value]);
  form.reset();
  for (const [name, value] of kept) form.elements[name].value = value;
  $("f-member_no").value = "";
  drawHouseholds();
  drawAmount();
  form.dispatchEvent(new Event("change"));
}

let adding = false;
async function add(event) {
  event.preventDefault();
  const form = event.target;
  const fields = {};
  for (const name of ["member_no", "product_sku", "quantity", "unit", "agreed_price", "grade", "ear_tags"]) fields[name] = form.elements[name].value.trim();
  fields.agreed_price = fields.agreed_price.normalize("NFKC");
  if (fields.unit !== "head") fields.ear_tags = "";
  if (form.elements.paid.checked) fields.paid = "1";
  if (adding || !check(fields)) return;
  adding = true; // a finger that taps twice means one delivery
  try {
    const entry = await queue.add(key, fields);
    clear(form, ["product_sku", "unit"]);
    await draw();
    note("ok", "added", { slip: entry.slip });
    $("news").scrollIntoView({ block: "center" });
    if (other) other.postMessage("changed");
  } catch (error) {
    note("bad", error instanceof queue.NoNumber ? "noNumber" : "notSaved");
  }
  adding = false;
  await sendSoon();
}

/** Look for the code of a card through the camera, where the browser can read codes by itself. */
async function scan() {
  const video = $("camera");
  const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } }).catch(() => null);
  if (!stream) return note("warn", "noCamera");
  const stop = () => { for (const track of stream.getTracks()) track.stop(); video.hidden = true; };
  video.srcObject = stream;
  video.hidden = false;
  video.play().catch(() => {});
  const detector = new BarcodeDetector({ formats: ["qr_code"] });
  for (const end = Date.now() + SCANNING; Date.now() < end && key;) {
    const [code] = await detector.detect(video).catch(() => []);
    if (code) {
      $("f-find").value = code.rawValue;
      stop();
      return drawHouseholds();
    }
    await new Promise((resolve) => { setTimeout(resolve, 200); });
  }
  return stop();
}

const sendSoon = () => { if (navigator.onLine) return meetServer(); };
const drawAmount = () => { $("both").textContent = amount({ quantity: $("f-quantity").value, unit: $("f-unit").value }); };

async function act(event) {
  const button = event.target.closest("button[data-act]");
  if (!button) return;
  const { act: deed, id, confirm: question } = button.dataset;
  if (question && !window.confirm(question)) return;
  if (deed === "retry") await queue.retry(key, id);
  if (deed === "void") await queue.giveUp(key, id);
  await draw();
  if (deed === "retry") await sendSoon();
}

async function askCounty(event) {
  event.preventDefault();
  const { id } = event.target.dataset;
  const text = event.target.elements.question.value.trim();
  const entry = (await queue.list(key)).find((row) => row.id === id);
  const question = entry.question && entry.question.text === text ? entry.question : { key: queue.newKey(), text };
  await queue.noteAsked(key, id, question);
  try {
    const { body } = await queue.ask(pass.token, lang, "questions", { ...entry.fields, happened_at: entry.at, kind: entry.kind, refusal: `${entry.slip} ${entry.reason}`, question: text }, question.key);
    if (body.asked) await queue.noteAsked(key, id, { ...question, sent: true });
    if (body.detail) tell("bad", body.detail);
    else note(body.asked ? "ok" : "warn", body.asked ? "askedCounty" : "askLater");
  } catch (error) {
    if (error instanceof queue.SignedOut) $("ended").hidden = false;
    else note("warn", "askLater");
  }
  await draw();
}

async function saveFile(event) {
  event.preventDefault();
  const entries = await queue.unsent(key);
  if (!entries.length) return note("info", "nothingToSave");
  const pin = $("f-file-pin").value;
  if (pin.length < 6) return note("bad", "needPin");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([await writeFile(pin, { entries })], { type: "application/octet-stream" }));
  link.download = `shanhai-${day(new Date())}.queue`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  $("f-file-pin").value = "";
  return note("ok", "saved", { n: entries.length });
}

async function loadFile() {
  const [file] = $("f-file").files;
  if (!file) return note("bad", "needFile");
  if (file.size > 5e6) return note("bad", "notAFile");
  try {
    const { entries } = await readFile($("f-file-pin").value, await file.text());
    const fresh = await queue.restore(key, entries);
    note("ok", "loaded", { n: fresh });
    $("f-file").value = $("f-file-pin").value = "";
  } catch (error) {
    note("bad", error instanceof WrongPin ? "wrongFilePin" : "notAFile");
  }
  await draw();
  return sendSoon();
}

function lock() {
  clear($("delivery"), []);
  key = data = pass = null;
  queue.forget();
  $("entries").replaceChildren();
  $("f-member_no").replaceChildren();
  note("", "");
  show("locked");
  $("f-pin").focus();
}

function watch() {
  $("unlock").addEventListener("submit", open);
  $("delivery").addEventListener("submit", add);
  $("f-find").addEventListener("input", drawHouseholds);
  $("f-find").addEventListener("keydown", (event) => { // a hand scanner ends with Enter, and so do many keyboards
    if (event.key === "Enter") { event.preventDefault(); $("f-quantity").focus(); }
  });
  for (const id of ["f-quantity", "f-unit"]) $(id).addEventListener("input", drawAmount);
  $("entries").addEventListener("click", act);
  $("scan").hidden = !(globalThis.BarcodeDetector && navigator.mediaDevices);
  $("scan").addEventListener("click", scan);
  $("entries").addEventListener("submit", askCounty);
  $("sync").addEventListener("click", async () => { if (navigator.onLine) await meetServer(); else sending("unreachable"); });
  $("lock").addEventListener("click", lock);
  $("file").addEventListener("submit", saveFile);
  $("load").addEventListener("click", loadFile);
  const redraw = () => { if (key) draw(); };
  addEventListener("online", () => { redraw(); meetServer(); });
  addEventListener("offline", redraw);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) redraw(); });
  if (other) other.addEventListener("message", redraw);
  addEventListener("unhandledrejection", () => note("bad", "broken"));
  setInterval(async () => { if ((await all("entries")).some((row) => row.state === queue.WAITING)) meetServer(); }, 60000);
}

async function start() {
  if (!(globalThis.crypto && crypto.subtle && globalThis.indexedDB)) { $("starting").textContent = say("tooOld"); return; }
  if ("serviceWorker" in navigator) {
    navigator.serviceWorker.register("/cooperative/offline/sw.js").then(() => navigator.serviceWorker.ready).then(
      () => { document.documentElement.dataset.ready = "1"; }, () => note("warn", "noWorker"));
  }
  const kept = await all("kept");
  watch();
  show(kept.length && (await find("kept", "vault")) ? "locked" : "none");
}

start();
