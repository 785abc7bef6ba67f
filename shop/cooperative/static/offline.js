// The page for entries without a network: unlock, meet the server, what is done with the queue, the file it may be saved in.
import { clearForms, watchForms } from "./entering.js";
import * as queue from "./queue.js";
import { $, draw, drawHouseholds, drawProducts, drawStorage, note, now, sending, show, tell } from "./screen.js";
import { all, find, put } from "./store.js";
import { Locked, WrongPin, readFile, seal, unlock, unseal, writeFile } from "./vault.js";
import { day, lang, moment, say } from "./words.js";

const other = self.BroadcastChannel ? new BroadcastChannel("shanhai-offline") : null;
const tellTabs = () => { if (other) other.postMessage("changed"); };

// --- going to the server

async function refresh() {
  const fresh = { households: [], lots: [], at: new Date().toISOString() };
  for (let after = 0; after !== null;) {
    const { body } = await queue.ask(now.pass.token, lang, `data.json?after=${after}`);
    if (!body.households) return;
    fresh.households.push(...body.households);
    fresh.lots.push(...body.lots);
    Object.assign(fresh, { heard: Date.parse(body.now), cooperative: body.cooperative, clerk: body.clerk, products: body.products, skew: Date.now() - Date.parse(body.now) });
    after = body.following;
  }
  const spent = await queue.givenUp();
  const { body } = await queue.ask(now.pass.token, lang, "numbers", { spent: spent.join(" ") }, queue.newKey());
  if (!body.numbers) return;
  await queue.layUp(body.numbers);
  await queue.noteTaken(now.key, body.taken);
  await queue.tidy(spent);
  now.data = fresh;
  await put("kept", await seal(now.key, now.data), "data");
  drawHouseholds();
  drawProducts();
}

/** Send what waits, then bring the lists up to date; one meeting after the other. */
let meeting = Promise.resolve();
const meetServer = () => { meeting = meeting.then(meet, meet); return meeting; };

async function meet() {
  if (!now.key || !navigator.onLine) return;
  document.body.dataset.syncing = "";
  try {
    const whole = await queue.sync(now.key, now.pass.token, lang, draw);
    await refresh();
    sending(whole ? "" : "later");
    $("ended").hidden = true;
  } catch (error) {
    if (error instanceof queue.SignedOut) $("ended").hidden = false;
    else sending("unreachable");
  }
  delete document.body.dataset.syncing;
  await draw();
  tellTabs();
}

const sendSoon = () => { if (navigator.onLine) return meetServer(); };

// --- acts

async function open(event) {
  event.preventDefault();
  const pin = $("f-pin").value;
  $("f-pin").value = "";
  $("pin-trouble").hidden = true;
  try {
    now.key = await unlock(pin);
  } catch (error) {
    if (!(error instanceof WrongPin || error instanceof Locked)) throw error;
    $("pin-trouble").textContent = error instanceof Locked ? say("wait", { at: moment(error.until) }) : say("wrong");
    $("pin-trouble").hidden = false;
    return;
  }
  now.pass = await unseal(now.key, await find("kept", "pass"));
  const kept = await find("kept", "data");
  now.data = kept ? await unseal(now.key, kept) : { households: [], products: [], clerk: "" };
  drawHouseholds();
  drawProducts();
  show("open");
  await draw();
  drawStorage();
  meetServer();
}

async function act(event) {
  const button = event.target.closest("button[data-act]");
  if (!button) return;
  const { act: deed, id, confirm: question } = button.dataset;
  if (question && !window.confirm(question)) return;
  if (deed === "retry") await queue.retry(now.key, id);
  if (deed === "void") await queue.giveUp(now.key, id);
  await draw();
  if (deed === "retry") await sendSoon();
}

async function askCounty(event) {
  event.preventDefault();
  const { id } = event.target.dataset;
  const text = event.target.elements.question.value.trim();
  const entry = (await queue.list(now.key)).find((row) => row.id === id);
  const question = entry.question && entry.question.text === text ? entry.question : { key: queue.newKey(), text };
  await queue.noteAsked(now.key, id, question);
  try {
    const { body } = await queue.ask(now.pass.token, lang, "questions", { ...entry.fields, happened_at: entry.at, kind: entry.kind, refusal: `${entry.slip} ${entry.reason}`, question: text }, question.key);
    if (body.asked) await queue.noteAsked(now.key, id, { ...question, sent: true });
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
  const entries = await queue.unsent(now.key);
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
    const { entries } = await readFile($("f-file-pin").value, await new Response(file).text());
    const fresh = await queue.restore(now.key, entries);
    note("ok", "loaded", { n: fresh });
    $("f-file").value = $("f-file-pin").value = "";
  } catch (error) {
    note("bad", error instanceof WrongPin ? "wrongFilePin" : "notAFile");
  }
  await draw();
  return sendSoon();
}

function lock() {
  clearForms();
  now.key = now.data = now.pass = null;
  queue.forget();
  $("entries").textContent = "";
  note("", "");
  show("locked");
  $("f-pin").focus();
}

function watch() {
  watchForms();
  $("unlock").addEventListener("submit", open);
  $("open").addEventListener("added", () => { tellTabs(); sendSoon(); });
  $("entries").addEventListener("click", act);
  $("entries").addEventListener("submit", askCounty);
  $("sync").addEventListener("click", async () => { if (navigator.onLine) await meetServer(); else sending("unreachable"); });
  $("lock").addEventListener("click", lock);
  $("file").addEventListener("submit", saveFile);
  $("load").addEventListener("click", loadFile);
  const redraw = () => { if (now.key) draw(); };
  addEventListener("online", () => { redraw(); meetServer(); });
  addEventListener("offline", redraw);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) redraw(); });
  if (other) other.addEventListener("message", redraw);
  addEventListener("unhandledrejection", () => note("bad", "broken"));
  setInterval(async () => { if ((await all("entries")).some((row) => row.state === queue.WAITING)) meetServer(); }, 60000);
}

async function start() {
  if (!(self.crypto && crypto.subtle && self.indexedDB)) { $("starting").textContent = say("tooOld"); return; }
  if ("serviceWorker" in navigator) {
    navigator.serviceWorker.register("/cooperative/offline/sw.js").then(() => navigator.serviceWorker.ready).then(
      () => { document.documentElement.dataset.ready = "1"; }, () => note("warn", "noWorker"));
  }
  const kept = await all("kept");
  watch();
  show(kept.length && (await find("kept", "vault")) ? "locked" : "none");
}

start();
