// <pb-editor data-dialect="postgres" data-connection="ID" data-complete="/projects/P/complete"> around a text area with SQL. The
// text area always holds the text, so the form works as it does without script. Ctrl-Enter presses the form's [data-run].
class Editor extends HTMLElement {
  static observedAttributes = ["data-error-at", "data-error", "data-dialect"];

  async connectedCallback() {
    this.area = this.querySelector("textarea");
    this.editor = await import("./view.js");
    if (!this.isConnected || this.view) return;
    this.view = this.editor.createEditor(this, {
      text: this.area.value,
      label: this.area.ariaLabel ?? this.querySelector("label")?.textContent.trim() ?? "SQL",
      readOnly: this.area.readOnly,
      nonce: document.querySelector("meta[name=style-nonce]")?.content ?? "",
      changed: (text) => this.changed(text),
      left: () => this.left(),
      run: (next) => this.run(next),
    });
    this.append(this.view.dom);
    this.classList.add("is-ready");
    this.showError();
  }

  disconnectedCallback() {
    this.view?.destroy();
    this.view = null;
  }

  attributeChangedCallback(name) {
    if (!this.view) return;
    if (name === "data-dialect") this.editor.setDialect(this.view, this.dataset.dialect);
    else this.showError();
  }

  showError() {
    this.editor.markError(this.view, Number(this.dataset.errorAt ?? 0), this.dataset.error ?? "");
  }

  focus() {
    (this.view ?? this.area).focus();
  }

  // insert puts text at the cursor: the data browser does it with names.
  insert(text) {
    this.view.dispatch(this.view.state.replaceSelection(text));
    this.focus();
  }

  changed(text) {
    this.area.value = text;
    this.unsaved = true;
    this.area.dispatchEvent(new Event("input", { bubbles: true }));
  }

  left() {
    if (!this.unsaved) return;
    this.unsaved = false;
    this.area.dispatchEvent(new Event("change", { bubbles: true }));
  }

  run(next) {
    const form = this.area.form;
    const button = form && [...form.elements].find((element) => element.matches("[data-run]"));
    if (!button) return false;
    button.click();
    if (next) {
      const all = [...document.querySelectorAll("pb-editor")];
      all[all.indexOf(this) + 1]?.focus();
    }
    return true;
  }
}

customElements.define("pb-editor", Editor);
