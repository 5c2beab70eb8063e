// Small acts of the pages: ending a request that runs, sending a form when a choice changes, narrowing the grid of databases.

// A button with data-abort ends the request of the element that it names.
document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-abort]");
  if (!button) return;
  document.querySelector(button.dataset.abort)?.dispatchEvent(new CustomEvent("htmx:abort"));
  button.replaceWith("Cancelled");
});

// A select with data-submit-on-change sends its form.
document.addEventListener("change", (event) => {
  if (event.target.matches?.("[data-submit-on-change]")) event.target.form.requestSubmit();
});

// <pb-pick> narrows its cards while one types; arrows move among them, Enter opens the first.
class Pick extends HTMLElement {
  connectedCallback() {
    this.addEventListener("input", () => this.narrow());
    this.addEventListener("keydown", (event) => this.move(event));
  }

  cards() {
    return [...this.querySelectorAll("[data-pick]")].filter((card) => !card.hidden).map((card) => card.querySelector("a"));
  }

  narrow() {
    const words = this.querySelector("input").value.trim().toLowerCase();
    for (const card of this.querySelectorAll("[data-pick]")) card.hidden = !card.dataset.pick.toLowerCase().includes(words);
    for (const group of this.querySelectorAll("[data-pick-group]")) group.hidden = !group.querySelector("[data-pick]:not([hidden])");
  }

  move(event) {
    const cards = this.cards();
    const at = cards.indexOf(document.activeElement);
    if (event.key === "Enter" && event.target.matches("input")) cards[0]?.click();
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (event.key !== "Enter" && (!step || (at < 0 && event.key !== "ArrowDown"))) return;
    event.preventDefault();
    if (step) cards[Math.min(Math.max(at + step, 0), cards.length - 1)]?.focus();
  }
}
customElements.define("pb-pick", Pick);
