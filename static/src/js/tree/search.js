// Search in the data browser: ranked hits from the server in place of the tree.
import { el, getJSON } from "../dom.js";
import { picture, said } from "./rows.js";

// A Search owns the field and the list of hits. choose(path) is called for the hit that was taken, clear() when the field is
// emptied, show(searching) when hits and tree change places.
export class Search {
  constructor(field, list, source, { choose, clear, show }) {
    Object.assign(this, { field, list, source, choose, clear, show });
    this.active = -1;
    field.addEventListener("input", () => this.later());
    field.addEventListener("keydown", (event) => this.key(event));
    // The field keeps the focus: losing it takes the hint away, and the hits would move from under the pointer.
    list.addEventListener("mousedown", (event) => event.preventDefault());
    list.addEventListener("click", (event) => this.take(event.target.closest("[role=option]")));
  }

  later() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.run(), 120);
  }

  async run() {
    this.going?.abort();
    const query = this.field.value.trim();
    if (!query) return this.end();
    this.going = new AbortController();
    try {
      const { items } = await getJSON(`${this.source}/search?${new URLSearchParams({ q: query })}`, this.going.signal);
      this.draw(query, items);
    } catch (error) {
      if (error.name !== "AbortError") this.message("The search failed. Type again to retry");
    }
  }

  end() {
    this.close();
    this.clear();
  }

  // close puts the tree back.
  close() {
    this.field.value = "";
    this.list.replaceChildren();
    this.active = -1;
    this.field.setAttribute("aria-expanded", "false");
    this.show(false);
  }

  draw(query, items) {
    if (items.length === 0) return this.message(`Nothing found for “${query}”`);
    this.list.replaceChildren(...items.map((item, i) => hit(item, i)));
    this.opened();
    this.activate(0);
  }

  message(words) {
    this.active = -1;
    this.list.replaceChildren(el("p", { class: "tree-message", role: "status" }, words));
    this.opened();
  }

  opened() {
    this.field.setAttribute("aria-expanded", "true");
    this.show(true);
  }

  options() {
    return [...this.list.querySelectorAll("[role=option]")];
  }

  activate(index) {
    const options = this.options();
    if (options.length === 0) return;
    this.active = (index + options.length) % options.length;
    options.forEach((option, i) => option.setAttribute("aria-selected", String(i === this.active)));
    options[this.active].scrollIntoView({ block: "nearest" });
    this.field.setAttribute("aria-activedescendant", options[this.active].id);
  }

  key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) this.activate(this.active + step);
    else if (event.key === "Enter") this.take(this.options()[this.active]);
    else if (event.key === "Escape" && this.field.value) {
      this.field.value = "";
      this.run();
    } else return;
    event.preventDefault();
  }

  take(option) {
    if (!option) return;
    this.activate(this.options().indexOf(option));
    this.choose(option.dataset.path);
  }
}

// hit is one option; its trail names what holds it, from the connection down.
function hit(item, i) {
  return el("div", { class: "tree-hit", role: "option", id: `hit-${i}`, "data-path": item.path, "aria-selected": "false" },
    picture(item), el("span", { class: "tree-name" }, ...marked(item.name, item.match ?? [])), ...said(item), el("span", { class: "sub" }, item.trail.join(" / ")));
}

// marked is the name with its matches marked; ranges count as strings here do, in UTF-16 code units.
function marked(name, ranges) {
  const parts = [];
  let from = 0;
  for (const [start, end] of ranges) {
    parts.push(name.slice(from, start), el("mark", {}, name.slice(start, end)));
    from = end;
  }
  return [...parts, name.slice(from)];
}
