// Read codes with the phone's camera or from a picture. Without BarcodeDetector the typed code stays the way.
// A form with one field `code` is sent at once; one with a list `codes` collects a line for each code until it is sent by hand.
(() => {
  "use strict";
  const form = document.getElementById("scan");
  if (!form) return;
  const [code, codes, preview, unreadable] = [form.elements.code, form.elements.codes, form.querySelector("[data-preview]"), form.querySelector("[data-unreadable]")];
  const [camera, picture, count] = [form.querySelector("[data-camera]"), form.querySelector("[data-picture]"), form.querySelector("[data-count]")];

  const lines = () => [...new Set(codes.value.split("\n").map((line) => line.trim()).filter(Boolean))];
  const tell = () => {
    count.hidden = !lines().length;
    count.textContent = count.dataset.text.replace("#", lines().length);
  };
  if (codes) {
    codes.addEventListener("input", tell);
    tell();
  }

  if (!("BarcodeDetector" in window)) return;
  const detector = new BarcodeDetector({ formats: ["qr_code", "data_matrix"] });
  let stream = null;

  const take = async (source) => {
    const found = await detector.detect(source);
    if (!found.length) return false;
    if (codes) {
      const known = lines();
      const fresh = found.map((each) => each.rawValue.trim()).filter((text) => text && !known.includes(text));
      if (fresh.length) {
        codes.value = [...known, ...fresh].join("\n") + "\n";
        codes.scrollTop = codes.scrollHeight;
        tell();
        navigator.vibrate?.(60);
      }
      return true;
    }
    code.value = found[0].rawValue;
    stop();
    form.requestSubmit();
    return true;
  };
  const stop = () => {
    stream?.getTracks().forEach((track) => track.stop());
    stream = null;
    preview.hidden = true;
  };
  const look = async () => {
    if (!stream || (preview.readyState >= 2 && await take(preview) && !codes)) return;
    setTimeout(look, 150);
  };

  picture.hidden = false;
  picture.querySelector("input").addEventListener("change", async (event) => {
    const [file] = event.target.files;
    unreadable.hidden = true;
    if (file) unreadable.hidden = await take(await createImageBitmap(file)).catch(() => false);
    event.target.value = "";
  });

  if (!navigator.mediaDevices?.getUserMedia) return;
  camera.hidden = false;
  camera.addEventListener("click", async () => {
    if (stream) { stop(); return; }
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    } catch { camera.hidden = true; return; }
    preview.srcObject = stream;
    preview.hidden = false;
    await preview.play();
    look();
  });
  window.addEventListener("pagehide", stop);
})();
