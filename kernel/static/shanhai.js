// Small comforts; every page works without them.
(() => {
  "use strict";
  const each = (selector, act) => document.querySelectorAll(selector).forEach(act);

  const release = (form) => {
    delete form.dataset.sent;
    form.querySelectorAll(".busy").forEach((b) => b.classList.remove("busy"));
  };

  // Copy a code: [data-copy] buttons are hidden until we know that copying works.
  if (navigator.clipboard) each("[data-copy]", (b) => { b.hidden = false; });

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy], [data-print]");
    if (!button) return;
    if ("print" in button.dataset) { window.print(); return; }
    const before = button.textContent;
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = button.dataset.copied || before;
    setTimeout(() => { button.textContent = before; }, 1600);
  });

  // Ask before an act that cannot be undone.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    const question = event.submitter?.dataset.confirm || form.dataset.confirm;
    if (question && !window.confirm(question)) { event.preventDefault(); return; }
    // A second press while the first is on its way is only noise (the server refuses it too).
    if (form.method === "post" && !form.hasAttribute("hx-post")) {
      if (form.dataset.sent) { event.preventDefault(); return; }
      form.dataset.sent = "1";
      event.submitter?.classList.add("busy");
      setTimeout(release, 8000, form); // a download leaves the page standing
    }
  });
  window.addEventListener("pageshow", () => each("form[data-sent]", release));

  // A button for what was typed, which nobody needs before (nothing is sent by choosing alone: WCAG 2.2, 3.2.2).
  each("[data-hide-until-changed]", (button) => {
    button.hidden = true;
    button.form.addEventListener("input", () => { button.hidden = false; });
  });
  // Fields that matter for one choice only: data-only-when="unit=head" hides them, and sends nothing of them, while `unit` is anything else.
  each("[data-only-when]", (node) => {
    const [name, value] = node.dataset.onlyWhen.split("=");
    const form = node.closest("form");
    const show = () => {
      node.hidden = form.elements[name].value !== value;
      node.querySelectorAll("input, select, textarea").forEach((field) => { field.disabled = node.hidden; });
    };
    form.addEventListener("change", show);
    window.addEventListener("pageshow", show);
    show();
  });
  each("[data-hide-with-script]", (node) => { node.hidden = true; });

  // After a refused form, go to what must be mended.
  document.querySelector(".note.bad[role=alert][tabindex]")?.focus();
})();
