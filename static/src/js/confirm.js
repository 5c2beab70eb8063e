// <pb-confirm data-name="Billing replica">: its submit button waits until the input holds exactly that name. The server asks
// for the name too.
class Confirm extends HTMLElement {
  connectedCallback() {
    this.addEventListener("input", () => this.update());
    this.update();
  }

  update() {
    const typed = this.querySelector("input[name=confirm]").value;
    this.querySelector("button:not([type=button])").disabled = typed !== this.dataset.name;
  }
}

customElements.define("pb-confirm", Confirm);
