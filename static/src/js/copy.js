// <pb-copy data-text="..."> or <pb-copy data-from="#id">: its button copies the text, and says so for two seconds.
import { copyText } from "./clipboard.js";

class Copy extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", (event) => {
      if (event.target.closest("button")) this.copy();
    });
  }

  async copy() {
    const from = this.dataset.from && document.querySelector(this.dataset.from);
    await copyText(from ? from.textContent.trim() : this.dataset.text);
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
