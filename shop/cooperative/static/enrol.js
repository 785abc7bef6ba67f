// Lets this phone in: a token made here, of which the server gets the hash only, kept under the phone's PIN.
import { change, find, wipe } from "./store.js";
import { Locked, WrongPin, makeVault, random, seal, unlock } from "./vault.js";

const $ = (id) => document.getElementById(id);
const form = $("enrol");
const texts = form.dataset;
const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

function trouble(text) {
  $("trouble").textContent = text;
  $("trouble").hidden = !text;
}

/** The phone's key: behind the PIN it has, or new. */
async function findKey(known) {
  const pin = $("f-pin").value;
  if (known) return { key: await unlock(pin) };
  if (pin.length < 6 || new Set(pin).size < 3) throw new RangeError(texts.weak);
  if (pin !== $("f-again").value) throw new RangeError(texts.differ);
  return makeVault(pin);
}

async function enrol(known) {
  const { key, vault } = await findKey(known);
  const token = hex(random(32));
  const hash = hex(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token))));
  const body = new FormData(form);
  body.set("token_hash", hash);
  const answer = await fetch(form.action, { method: "POST", body, headers: { Accept: "application/json" } });
  const told = await answer.json();
  if (!answer.ok) throw new RangeError((told.errors || []).map((error) => error.detail).join(" ") || told.detail);
  const box = await seal(key, { token, expires: told.expires });
  await change(["kept"], (kept) => {
    if (vault) kept.put(vault, "vault");
    kept.put(box, "pass");
  });
  if ($("f-leave").checked) await fetch("/sign-out", { method: "POST", body: new FormData(form), redirect: "manual" });
  location.assign(texts.next);
}

async function start() {
  const known = Boolean(await find("kept", "vault"));
  $("again").hidden = known;
  $("f-again").required = !known;
  $("known").hidden = !known;
  $("forget").hidden = !known;
  form.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    trouble("");
    $("f-send").disabled = true;
    try { await enrol(known); } catch (error) {
      if (error instanceof WrongPin) trouble(texts.wrong);
      else if (error instanceof Locked) trouble(texts.wait);
      else trouble(error instanceof RangeError ? error.message : texts.unreachable);
    }
    $("f-send").disabled = false;
  });
  $("forget").addEventListener("click", async () => {
    if (!window.confirm($("forget").dataset.question)) return;
    await wipe();
    location.reload();
  });
}

start();
