// <pb-copy data-text="...">, <pb-copy data-from="#id"> or <pb-copy data-link="/path">: its button copies the text, or the whole
// address, and says so for two seconds.
import { copyText } from "./clipboard.js";

class Copy extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", (event) => {
      if (event.target.closest("button")) this.copy();
    });
  }

  async copy() {
    const from = this.dataset.from && document.querySelector(this.dataset.from);
    const link = this.dataset.link && new URL(this.dataset.link, location.href).href;
    await copyText(from ? from.textContent.trim() : (link ?? this.dataset.text));
    const label = this.querySelector("button span");
    if (!label || this.was) return;
    this.was = label.textContent;
    label.textContent = "Copied";
    setTimeout(() => {
      label.textContent = this.was;
      this.was = "";
    }, 2000);
  }
}

customElements.define("pb-copy", Copy);
