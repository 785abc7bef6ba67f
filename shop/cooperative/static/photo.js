// A photograph is made small on the phone, before it costs anybody's data; drawing it anew leaves place and time behind.
// Without this the server does the same with whatever was sent. Entries without a network use it by the name shrinkPhoto.
(() => {
  "use strict";
  const LONGEST = 1280, MOST = 200 * 1024, QUALITIES = [0.8, 0.65, 0.5, 0.35];

  const draw = async (file) => {
    const upright = createImageBitmap(file, { imageOrientation: "from-image" });
    const picture = await upright.catch(() => createImageBitmap(file)); // before Chrome 81 as the camera was held
    const scale = Math.min(1, LONGEST / Math.max(picture.width, picture.height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(picture.width * scale));
    canvas.height = Math.max(1, Math.round(picture.height * scale));
    canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
    picture.close();
    return canvas;
  };

  const shrink = async (file) => {
    const canvas = await draw(file);
    let blob = null;
    for (const quality of QUALITIES) {
      blob = await new Promise((done) => { canvas.toBlob(done, "image/jpeg", quality); });
      if (blob && blob.size <= MOST) break;
    }
    return blob;
  };

  self.shrinkPhoto = shrink;

  document.querySelectorAll("input[type=file][data-shrink]").forEach((input) => {
    input.addEventListener("change", async () => {
      const [file] = input.files;
      if (!file || !("createImageBitmap" in window)) return;
      try {
        const blob = await shrink(file);
        if (!blob || input.files[0] !== file) return;
        const held = new DataTransfer();
        held.items.add(new File([blob], "photo.jpg", { type: "image/jpeg" }));
        input.files = held.files;
      } catch { /* sent as it is */ }
    });
  });
})();
