// Searching by name: ranked hits from the server, in place of the tree or in a dialog.
import { el, getJSON, visible } from "../dom.js";
import { picture, said } from "./rows.js";

// A Search owns the field, the list of hits and what is said in their place: status, which is heard, and below, which holds what
// to do then. choose(path) is called for the hit that was taken, clear() when the field is emptied, show(searching) when hits and
// tree change places; elsewhere() are links to what filters hide.
export class Search {
  constructor({ field, list, status, below }, source, { choose, clear, show, elsewhere }) {
    Object.assign(this, { field, list, status, below, source, choose, clear, show, elsewhere });
    this.active = -1;
    field.addEventListener("input", () => this.later());
    field.addEventListener("keydown", (event) => this.key(event));
    // The field keeps the focus: losing it takes the hint away, and what is below would move from under the pointer.
    for (const part of [list, below]) part.addEventListener("mousedown", (event) => event.preventDefault());
    list.addEventListener("click", (event) => this.take(event.target.closest("[role=option]")));
  }

  // later searches once typing rests; entered says whether the first hit is then to be taken.
  later(entered = false) {
    clearTimeout(this.timer);
    this.due = true; // the hits that are shown are those of an older text
    this.entered = entered;
    this.timer = setTimeout(() => this.run(), 120);
  }

  // stop forgets what was asked for and has not come.
  stop() {
    clearTimeout(this.timer);
    this.going?.abort();
  }

  async run() {
    this.stop();
    const query = this.field.value.trim();
    if (!query) return this.end();
    const { signal } = (this.going = new AbortController());
    try {
      const url = new URL(this.source, location.href);
      url.searchParams.set("q", query);
      const { items, truncated } = await getJSON(url, signal);
      if (items.length === 0) this.nothing(query);
      else this.draw(items, truncated);
    } catch {
      if (signal.aborted) return; // by a later search, or by who has left
      this.message("The search failed. Type again to retry");
    }
    if (this.field.value.trim() !== query) return; // more has been typed since
    this.due = false;
    if (this.entered) this.take(this.options()[0]);
  }

  end() {
    this.close();
    this.clear();
  }

  // close puts the tree back.
  close() {
    this.stop();
    this.due = false;
    this.field.value = "";
    this.say("");
    this.closed();
    this.show(false);
  }

  draw(items, truncated) {
    this.say(truncated ? "There are more. Narrow the search" : "");
    this.list.replaceChildren(...items.map((item, i) => hit(item, `${this.list.id}-${i}`)));
    this.list.hidden = false;
    this.field.setAttribute("aria-expanded", "true");
    this.show(true);
    this.activate(0);
  }

  nothing(query) {
    const clear = el("button", { type: "button", class: "btn btn-small" }, "Clear search");
    clear.addEventListener("click", () => {
      this.field.focus();
      this.end();
    });
    this.message(`Nothing found for “${query}”`, clear, ...[...this.elsewhere()].map((link) => amongHidden(link, query)));
  }

  message(words, ...below) {
    this.closed();
    this.say(words, ...below);
    this.show(true);
  }

  say(words, ...below) {
    this.status.textContent = words;
    this.below.replaceChildren(...below);
  }

  // closed is the field without a list.
  closed() {
    this.active = -1;
    this.list.replaceChildren();
    this.list.hidden = true;
    this.field.setAttribute("aria-expanded", "false");
    this.field.removeAttribute("aria-activedescendant");
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
    else if (event.key === "Enter" && this.due) this.entered = true;
    else if (event.key === "Enter") this.take(this.options()[this.active]);
    else if (event.key === "Escape" && this.field.value) this.end();
    else return;
    event.preventDefault();
  }

  take(option) {
    if (!option) return;
    this.activate(this.options().indexOf(option));
    this.choose(option.dataset.path);
  }
}

// amongHidden is the way to what a filter hides, narrowed to what was looked for.
function amongHidden(link, query) {
  const to = new URL(link.href);
  to.searchParams.set("q", query);
  return el("a", { href: to.href }, `Look among what the filter of ${link.dataset.hidden} hides`);
}

// hit is one option; its trail names what holds it, from the connection down. Where the comment matched, it is shown.
function hit(item, id) {
  const comment = item.comment_match?.length ? el("span", { class: "tree-comment" }, ...marked(item.comment, item.comment_match)) : null;
  return el("div", { class: "tree-hit", role: "option", id, "data-path": item.path, "aria-selected": "false", title: item.description },
    picture(item), el("span", { class: "tree-name" }, ...marked(visible(item.name), item.match ?? [])), ...said(item), comment, el("span", { class: "sub" }, ...way(item.trail)));
}

// way is a trail whose names keep their order, in whichever direction one of them is written.
function way(trail) {
  return trail.flatMap((name) => [" / ", el("bdi", {}, visible(name))]).slice(1);
}

// marked is a text with its matches marked; ranges count as strings here do, in UTF-16 code units.
function marked(text, ranges) {
  const parts = [];
  let from = 0;
  for (const [start, end] of ranges) {
    parts.push(text.slice(from, start), el("mark", {}, text.slice(start, end)));
    from = end;
  }
  return [...parts, text.slice(from)];
}
