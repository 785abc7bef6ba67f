// Read a code with the camera or from a picture: by the browser itself where it can, else by a library that is fetched only then.
// Without this script the typed code stays the way.
(() => {
  "use strict";
  const form = document.getElementById("scan");
  if (!form) return;
  const part = (name) => form.querySelector(`[data-${name}]`);
  const [preview, camera, refused, unreadable] = ["preview", "camera", "refused", "unreadable"].map(part);
  let stream = null;
  let library = null;

  const load = () => library ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = form.dataset.scanner;
    script.onload = () => resolve(new window.ZXingBrowser.BrowserQRCodeReader());
    script.onerror = reject;
    document.head.append(script);
  });
  const native = async () => {
    if (!("BarcodeDetector" in window)) return null;
    const formats = await window.BarcodeDetector.getSupportedFormats().catch(() => []);
    return formats.includes("qr_code") ? new window.BarcodeDetector({ formats: ["qr_code"] }) : null;
  };
  const reader = native();

  // The library misses about one sharp code in four at one size and finds it at another: a picture is tried at all sizes, a film at one a frame.
  const SCALES = [0.5, 0.75, 1, 1.5];
  let frame = 0;
  const decode = (library, source, scale) => {
    const canvas = document.createElement("canvas");
    canvas.width = (source.videoWidth || source.width) * scale;
    canvas.height = (source.videoHeight || source.height) * scale;
    canvas.getContext("2d").drawImage(source, 0, 0, canvas.width, canvas.height);
    try {
      return library.decodeFromCanvas(canvas).getText();
    } catch {
      return null; // no code seen at this size
    }
  };
  const read = async (source) => {
    const detector = await reader;
    if (detector) return (await detector.detect(source))[0]?.rawValue ?? null;
    const library = await load();
    if (source.videoWidth) return decode(library, source, SCALES[frame++ % SCALES.length]);
    for (const scale of SCALES) {
      const text = decode(library, source, scale);
      if (text) return text;
    }
    return null;
  };
  const take = (text) => {
    if (!text) return false;
    stop();
    form.elements.code.value = text;
    form.requestSubmit();
    return true;
  };
  const stop = () => {
    stream?.getTracks().forEach((track) => track.stop());
    stream = null;
    preview.hidden = true;
  };
  const look = async () => {
    if (!stream) return;
    if (preview.readyState >= 2 && take(await read(preview).catch(() => null))) return;
    setTimeout(look, 200);
  };

  part("picture").hidden = false;
  part("picture").querySelector("input").addEventListener("change", async (event) => {
    const [file] = event.target.files;
    unreadable.hidden = true;
    if (file) unreadable.hidden = take(await createImageBitmap(file).then(read).catch(() => null));
    event.target.value = "";
  });

  if (!navigator.mediaDevices?.getUserMedia) return;
  camera.hidden = false;
  part("start").addEventListener("click", async () => {
    if (stream) { stop(); return; }
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    } catch {
      refused.hidden = false;
      return;
    }
    refused.hidden = true;
    preview.srcObject = stream;
    preview.hidden = false;
    await preview.play();
    look();
  });
  window.addEventListener("pagehide", stop);
})();
