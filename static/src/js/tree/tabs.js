// <pb-tabs>: tabs after the WAI-ARIA pattern, of which one panel shows. A panel is told with pb:shown that it does; it may ask to be
// shown with pb:show. One with data-follows is told again when something within that element was swapped while it shows.
const settled = 400; // ms without a swap

class Tabs extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", (event) => this.select(event.target.closest("[role=tab]")));
    this.addEventListener("keydown", (event) => this.key(event));
    this.addEventListener("pb:show", (event) => this.select(document.getElementById(event.target.closest("[role=tabpanel]").getAttribute("aria-labelledby"))));
    document.addEventListener("htmx:after:swap", this.follow);
  }

  disconnectedCallback() {
    document.removeEventListener("htmx:after:swap", this.follow);
  }

  follow = (event) => {
    const panel = this.querySelector("[role=tabpanel][data-follows]:not([hidden])");
    if (!panel || !(event.target === document || event.target.closest(panel.dataset.follows))) return; // the document speaks for what is gone
    clearTimeout(this.later);
    this.later = setTimeout(() => panel.dispatchEvent(new CustomEvent("pb:shown")), settled);
  };

  get tabs() {
    return [...this.querySelectorAll("[role=tab]")];
  }

  panelOf = (tab) => document.getElementById(tab.getAttribute("aria-controls"));

  select(tab) {
    if (!tab || tab.ariaSelected === "true") return;
    for (const one of this.tabs) {
      one.ariaSelected = String(one === tab);
      one.tabIndex = one === tab ? 0 : -1;
      this.panelOf(one).hidden = one !== tab;
    }
    this.panelOf(tab).dispatchEvent(new CustomEvent("pb:shown"));
  }

  key(event) {
    const at = this.tabs.indexOf(event.target);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: -1 }[event.key];
    if (at < 0 || to === undefined || event.altKey) return;
    event.preventDefault();
    const tab = this.tabs[(to + this.tabs.length) % this.tabs.length];
    this.select(tab);
    tab.focus();
  }
}

customElements.define("pb-tabs", Tabs);
