// The three forms of the page: a delivery, a mixing, a loss. What is right goes into the queue under the next number of the phone.
import * as queue from "./queue.js";
import { $, draw, drawHouseholds, fill, lotAmount, lotAtHand, note, now, option } from "./screen.js";
import { amount, isAmount, plain, say } from "./words.js";

const SCANNING = 30000;

/** Say at each wrong field what it needs; the first is gone to. True when nothing is wrong. */
function check(names, wrong) {
  for (const name of names) {
    const field = $(`f-${name}`);
    const place = field.closest(".field");
    for (const old of place.querySelectorAll(".error")) old.remove();
    place.classList.toggle("bad", Boolean(wrong[name]));
    if (!wrong[name]) continue;
    const told = document.createElement("span");
    told.className = "error";
    told.textContent = say(wrong[name]);
    place.append(told);
  }
  const first = names.find((name) => wrong[name]);
  if (first) $(`f-${first}`).focus();
  return !first;
}

let adding = false;

/** The photograph of a form made small, as bytes; null without one, false when it cannot be used (which is said). */
async function readPhoto(form, fields) {
  const { photo, faces } = form.elements;
  if (!photo.files.length) return null;
  fields.faces = faces.value;
  const small = fields.faces && (await self.shrinkPhoto(photo.files[0]).catch(() => null));
  if (!small) note("bad", fields.faces ? "noPhoto" : "needFaces");
  return small ? new Uint8Array(await new Response(small).arrayBuffer()) : false;
}

/** Put into the queue what the form says. A finger that taps twice means one entry. */
async function add(act, fields, form, added, clear) {
  if (adding) return;
  adding = true;
  try {
    const photo = await readPhoto(form, fields);
    if (photo === false) { adding = false; return; }
    const entry = await queue.add(now.key, act, fields, photo);
    clear(form);
    await draw();
    note("ok", added, entry);
    $("news").scrollIntoView({ block: "center" });
    form.dispatchEvent(new Event("added", { bubbles: true }));
  } catch (error) {
    note("bad", error instanceof queue.NoNumber ? "noNumber" : error instanceof queue.NoRoom ? "noRoom" : "notSaved");
  }
  adding = false;
}

// --- a delivery

/** Empty the form for the next household; what mostly stays the same may stay. */
export function clearDelivery(stays = []) {
  const form = $("delivery");
  const kept = stays.map((name) => [name, form.elements[name].value]);
  form.reset();
  for (const [name, value] of kept) form.elements[name].value = value;
  $("f-member_no").value = "";
  drawHouseholds();
  drawAmount();
  form.dispatchEvent(new Event("change"));
}

const drawAmount = () => { $("both").textContent = amount({ quantity: $("f-quantity").value, unit: $("f-unit").value }); };

function addDelivery(event) {
  event.preventDefault();
  const form = event.target;
  const fields = {};
  for (const name of ["member_no", "product_sku", "quantity", "unit", "agreed_price", "grade", "ear_tags"]) fields[name] = form.elements[name].value.trim();
  fields.agreed_price = fields.agreed_price.normalize("NFKC");
  if (fields.unit !== "head") fields.ear_tags = "";
  if (form.elements.paid.checked) fields.paid = "1";
  const right = check(["member_no", "product_sku", "quantity", "agreed_price"], {
    member_no: !fields.member_no && "needHousehold",
    product_sku: !fields.product_sku && "needProduct",
    quantity: !isAmount(fields.quantity) && "needQuantity",
    agreed_price: !/^(0|[1-9][0-9]{0,8})(\.[0-9]{1,2})?$/.test(fields.agreed_price) && "needPrice",
  });
  if (right) add(queue.DELIVERY, fields, form, "added", () => clearDelivery(["product_sku", "unit"]));
}

// --- a mixing: lots of one unit, each with all that is left of it

const ticked = () => Array.from($("lots").querySelectorAll(":checked"), (box) => box.value);

function sum(codes) {
  const found = codes.map(lotAtHand);
  const one = found.length > 0 && found.every((lot) => lot && lot.unit === found[0].unit);
  return one ? { left: found.reduce((total, lot) => total + lot.left, 0n), unit: found[0].unit } : null;
}

function drawSum() {
  const codes = ticked(), whole = sum(codes);
  $("sum").textContent = codes.length ? (whole ? say("sum", { n: codes.length, amount: lotAmount(whole) }) : say("oneUnit")) : "";
}

function addMixing(event) {
  event.preventDefault();
  const codes = ticked(), whole = sum(codes);
  if (!whole) return note("bad", codes.length ? "oneUnit" : "needLots");
  const fields = { lots: codes.join(" "), quantity: plain(whole.left), unit: whole.unit };
  for (const name of ["averaged", "certified"]) if (event.target.elements[name].checked) fields[name] = "1";
  return add(queue.MIXING, fields, event.target, "addedMixing", (form) => { form.reset(); drawSum(); });
}

// --- a loss

/** A weight may be typed in 公斤 or 斤, all else in the unit of its lot. */
function drawUnits() {
  const lot = lotAtHand($("f-lot").value);
  const units = !lot || lot.unit === "kg" ? ["kg", "jin"] : [lot.unit];
  const before = $("f-lost_unit").value;
  fill($("f-lost_unit"), units.map((unit) => option(unit, say(unit))));
  if (units.includes(before)) $("f-lost_unit").value = before;
}

function addLoss(event) {
  event.preventDefault();
  const read = (name) => event.target.elements[name].value.trim();
  const fields = { lot: read("lot"), quantity: read("lost"), unit: read("lost_unit"), why: read("why"), lost_reason: read("lost_reason") };
  const right = check(["lot", "lost", "lost_reason"], {
    lot: !fields.lot && "needLot",
    lost: !isAmount(fields.quantity) && "needQuantity",
    lost_reason: !fields.lost_reason && "needReason",
  });
  if (right) add(queue.LOSS, fields, event.target, "addedLoss", (form) => { form.reset(); drawUnits(); });
}

// --- the camera

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
  for (const end = Date.now() + SCANNING; Date.now() < end && now.key;) {
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

/** Empty all three forms and the lists in them: the phone is locked. */
export function clearForms() {
  clearDelivery();
  $("mixing").reset();
  $("loss").reset();
  for (const id of ["f-member_no", "lots", "f-lot"]) $(id).textContent = "";
  delete $("lots").dataset.drawn;
}

export function watchForms() {
  for (const id of ["delivery", "mixing", "loss"]) $(id).querySelector("[type=submit]").before($("photo").content.cloneNode(true));
  $("delivery").addEventListener("submit", addDelivery);
  $("mixing").addEventListener("submit", addMixing);
  $("mixing").addEventListener("change", drawSum);
  $("loss").addEventListener("submit", addLoss);
  $("f-lot").addEventListener("change", drawUnits);
  $("f-find").addEventListener("input", drawHouseholds);
  $("f-find").addEventListener("keydown", (event) => { // a hand scanner ends with Enter, and so do many keyboards
    if (event.key === "Enter") { event.preventDefault(); $("f-quantity").focus(); }
  });
  for (const id of ["f-quantity", "f-unit"]) $(id).addEventListener("input", drawAmount);
  $("scan").hidden = !(self.BarcodeDetector && navigator.mediaDevices);
  $("scan").addEventListener("click", scan);
}
