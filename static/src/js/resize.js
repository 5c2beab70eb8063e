// <pb-resize data-key="browser-width">: a side panel whose inner edge can be dragged, or moved with the arrow keys. The width is
// remembered in this browser.
const [least, most] = [220, 560];

class Resize extends HTMLElement {
  connectedCallback() {
    if (this.handle) return;
    this.handle = document.createElement("div");
    this.handle.className = "resize-handle";
    this.handle.role = "separator";
    this.handle.tabIndex = 0;
    this.handle.ariaOrientation = "vertical";
    this.handle.ariaLabel = "Width of the panel";
    this.handle.ariaValueMin = String(least);
    this.handle.ariaValueMax = String(most);
    this.handle.addEventListener("pointerdown", (event) => this.drag(event));
    this.handle.addEventListener("keydown", (event) => this.key(event));
    this.append(this.handle);
    this.set(Number(localStorage.getItem(this.store)) || this.getBoundingClientRect().width || 300);
  }

  get store() {
    return `patchbay.${this.dataset.key}`;
  }

  set(width) {
    this.width = Math.round(Math.min(most, Math.max(least, width)));
    this.parentElement.style.setProperty("--browser", `${this.width}px`);
    this.handle.ariaValueNow = String(this.width);
  }

  keep() {
    localStorage.setItem(this.store, this.width);
  }

  drag(event) {
    event.preventDefault();
    this.handle.setPointerCapture(event.pointerId);
    const left = this.getBoundingClientRect().left;
    const move = (e) => this.set(e.clientX - left);
    this.handle.addEventListener("pointermove", move);
    this.handle.addEventListener("pointerup", () => {
      this.handle.removeEventListener("pointermove", move);
      this.keep();
    }, { once: true });
  }

  key(event) {
    const step = { ArrowLeft: -16, ArrowRight: 16 }[event.key];
    if (!step) return;
    event.preventDefault();
    this.set(this.width + step);
    this.keep();
  }
}

customElements.define("pb-resize", Resize);
