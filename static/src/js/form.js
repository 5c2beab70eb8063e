// <pb-form> around a form: shows a part only while its condition holds (data-show-if="auth=password,iam"), brings the first
// refused field into view, and takes files dropped on text areas (data-drop). Without script everything shows.
class Form extends HTMLElement {
  connectedCallback() {
    this.addEventListener("input", () => this.update());
    this.addEventListener("change", () => this.update());
    this.addEventListener("dragover", (event) => event.target.matches("[data-drop]") && event.preventDefault());
    this.addEventListener("drop", (event) => this.drop(event));
    // A part may be swapped in by htmx: look again.
    this.addEventListener("htmx:after:settle", () => this.update());
    this.update();
    this.showRefused();
  }

  update() {
    for (const part of this.querySelectorAll("[data-show-if]")) {
      const [key, values] = part.dataset.showIf.split("=");
      part.hidden = !values.split(",").includes(this.value(key));
    }
  }

  // value is what the form would send for key: the box that is ticked, the first field otherwise.
  value(key) {
    const fields = [...this.querySelectorAll(`[name="${CSS.escape(key)}"]`)];
    const chosen = fields.find((field) => (/checkbox|radio/.test(field.type) ? field.checked : field.type !== "hidden"));
    return (chosen ?? fields.at(-1))?.value ?? "";
  }

  showRefused() {
    const refused = this.querySelectorAll('[aria-invalid="true"]');
    for (const field of refused) for (let fold = field.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
    refused[0]?.focus();
  }

  async drop(event) {
    const file = event.dataTransfer?.files[0];
    if (!file || !event.target.matches("[data-drop]")) return;
    event.preventDefault();
    const area = event.target;
    area.value = await file.text();
    area.dispatchEvent(new Event("input", { bubbles: true }));
  }
}

customElements.define("pb-form", Form);
