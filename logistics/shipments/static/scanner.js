// Read the box's QR with the phone's camera or from a picture. Without BarcodeDetector the typed code stays the way.
(() => {
  "use strict";
  const form = document.getElementById("scan");
  if (!form || !("BarcodeDetector" in window)) return;
  const [code, preview, unreadable] = [form.elements.code, form.querySelector("[data-preview]"), form.querySelector("[data-unreadable]")];
  const [camera, picture] = [form.querySelector("[data-camera]"), form.querySelector("[data-picture]")];
  const detector = new BarcodeDetector({ formats: ["qr_code", "data_matrix"] });
  let stream = null;

  const take = async (source) => {
    const found = await detector.detect(source);
    if (!found.length) return false;
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
    if (!stream || (preview.readyState >= 2 && await take(preview))) return;
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
