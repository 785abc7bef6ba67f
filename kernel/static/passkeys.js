// A form with data-passkey asks the browser to make or use a passkey, puts the answer into its field and goes on.
"use strict";
(() => {
  const known = window.PublicKeyCredential;
  if (!known || !known.parseCreationOptionsFromJSON || !known.parseRequestOptionsFromJSON) return;
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    const part = form.closest("[data-passkey-part]") || form;
    part.hidden = false;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const options = JSON.parse(form.dataset.passkey);
      const trouble = form.querySelector("[data-passkey-trouble]");
      trouble.hidden = true;
      try {
        const answer = form.dataset.passkeyDo === "make"
          ? await navigator.credentials.create({ publicKey: known.parseCreationOptionsFromJSON(options) })
          : await navigator.credentials.get({ publicKey: known.parseRequestOptionsFromJSON(options) });
        form.elements.credential.value = JSON.stringify(answer.toJSON());
        form.submit();
      } catch {
        trouble.hidden = false;
      }
    });
  }
})();
