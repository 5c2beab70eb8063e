// The theme's buttons work in place: the choice is posted, and the page takes it without a load.
document.addEventListener("submit", async (event) => {
  const form = event.target.closest("[data-theme-switch]");
  if (!form || !event.submitter) return;
  event.preventDefault();
  const chosen = event.submitter.value;
  const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams({ theme: chosen }), redirect: "manual" });
  if (!answer.ok && answer.type !== "opaqueredirect") return;
  document.documentElement.dataset.theme = chosen;
  for (const button of form.querySelectorAll("button")) {
    const on = button.dataset.choice === chosen;
    button.setAttribute("aria-pressed", String(on));
    button.value = on ? "" : button.dataset.choice;
  }
  document.dispatchEvent(new CustomEvent("pb:theme"));
});
