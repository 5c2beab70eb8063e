// <pb-tree data-project="..." data-src="/projects/ID/browser" data-node="CONN/..">: the data browser. A flat list of tree items,
// of which only those in view are in the page; children arrive in pages of 200. Elements inside it at the start are what an
// empty project shows.
import { el, getJSON, icon } from "../dom.js";
import { Branch, Changed, pageSize, prefixes } from "./model.js";
import { fill, say } from "./rows.js";

const overscan = 8;
const rest = 80; // ms without scrolling before pages are fetched
const remembered = 100; // open nodes at most
const keptPages = 20; // on either side of the view
const away = 60000; // ms after which whoever comes back to the tree is shown what happened meanwhile

class Tree extends HTMLElement {
  connectedCallback() {
    if (this.rows) return;
    this.root = this.newRoot();
    this.elements = new Map(); // "path of branch#index" -> row
    this.wanted = new Set(JSON.parse(localStorage.getItem(this.store) ?? "[]"));
    this.active = { branch: this.root, index: 0 };
    this.selected = "";
    this.build();
    this.catalog = foot()?.dataset.catalog;
    this.asked = Date.now();
    document.addEventListener("htmx:after:swap", this.told);
    document.addEventListener("pb:catalog", this.marked);
    document.addEventListener("pb:pinned", this.pinned);
    document.addEventListener("click", this.lead);
    document.addEventListener("visibilitychange", this.seen);
    this.load(this.root, 0).then(() => this.dataset.node && this.reveal(this.dataset.node));
    this.draw();
  }

  disconnectedCallback() {
    document.removeEventListener("htmx:after:swap", this.told);
    document.removeEventListener("pb:catalog", this.marked);
    document.removeEventListener("pb:pinned", this.pinned);
    document.removeEventListener("click", this.lead);
    document.removeEventListener("visibilitychange", this.seen);
    this.watch?.disconnect();
  }

  // told gives details that have come the button that closes them, and looks whether the foot, which asks the server while a refresh
  // runs, names other catalogs than are shown.
  told = () => {
    if (this.unpinning && document.activeElement === document.body) { // not before: other answers may come first
      this.unpinning = false;
      (document.querySelector("#browser-pinned button") ?? this).focus();
    }
    if (this.details.firstElementChild && !this.details.querySelector(":scope > .close")) this.details.prepend(closing());
    const catalog = foot()?.dataset.catalog;
    if (catalog === undefined || catalog === this.catalog) return;
    this.catalog = catalog;
    this.renew();
  };

  // marked follows what an Admin has just said of a node.
  marked = () => this.renew();

  // pinned shows a pin that was set in the details.
  pinned = () => window.htmx.ajax("GET", `${this.dataset.src}/pinned`, { target: "#browser-pinned", swap: "outerMorph" });

  // lead follows a link to a node that stands elsewhere on the page.
  lead = (event) => {
    this.unpinning = Boolean(event.target.closest?.("#browser-pinned button")); // which goes, and must not take the focus with it
    const link = event.target.closest?.("a[data-tree-open]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    this.search?.close();
    this.reveal(link.dataset.treeOpen);
  };

  // seen asks what happened while nobody looked.
  seen = () => {
    this.asked = Date.now();
    if (document.visibilityState === "visible" && foot()) window.htmx.ajax("GET", `${this.dataset.src}/foot`, { target: "#browser-foot", swap: "outerMorph" });
  };

  // back asks too, for a page that was in view all the time. Only what someone does makes it ask: a page that is left open must not
  // keep its reader signed in.
  back = () => {
    if (Date.now() - this.asked > away) this.seen();
  };

  newRoot() {
    return new Branch(null, null, 0);
  }

  get store() {
    return `patchbay.tree.${this.dataset.project}`;
  }

  get rowHeight() {
    return parseFloat(getComputedStyle(this).getPropertyValue("--row")) || 28;
  }

  build() {
    this.whenEmpty = [...this.children];
    const field = el("input", {
      class: "input", type: "search", placeholder: "Search tables and columns", autocomplete: "off", spellcheck: "false", "data-search": true, maxlength: "400",
      role: "combobox", "aria-expanded": "false", "aria-controls": "tree-hits", "aria-label": "Search tables and columns", "aria-autocomplete": "list",
      "aria-describedby": "tree-hint",
    });
    const narrow = ["database:", "schema:", "table:", "column:"].flatMap((word) => [" ", el("code", {}, word)]);
    const hint = el("p", { class: "tree-hint", id: "tree-hint" }, "Narrow with", ...narrow, ", as in ", el("code", {}, "schema:sales total"));
    const hits = el("div", { id: "tree-hits", class: "tree-rows", role: "listbox", "aria-label": "Hits", hidden: true });
    this.space = el("div", { class: "tree-space", role: "none" });
    this.rows = el("div", { class: "tree-rows", role: "tree", "aria-label": "Databases", tabindex: "-1" }, this.space);
    const status = el("p", { class: "tree-message", role: "status" });
    const below = el("div", { class: "tree-below" });
    this.details = el("section", { class: "tree-details", "aria-label": "Details" });
    this.replaceChildren(
      el("div", { class: "tree-search" }, el("label", { class: "search" }, icon("search"), field, el("kbd", { "aria-hidden": "true" }, "/")), hint),
      this.rows, hits, status, below, this.details,
    );
    this.listen();
    const parts = { field, list: hits, status, below };
    for (const does of ["focus", "input"]) field.addEventListener(does, () => this.searchable(parts));
    field.addEventListener("keydown", ({ key }) => {
      this.entered = key === "Enter"; // which the search, while it is being loaded, has not heard
    });
  }

  // searchable makes the field search, once someone goes there. Where that could not be loaded, what is typed next tries again.
  async searchable(parts) {
    let Search;
    try {
      ({ Search } = await import("./search.js"));
    } catch {
      if (parts.field.value) parts.status.textContent = "The search failed. Type again to retry";
      return;
    }
    if (this.search) return;
    this.search = new Search(parts, `${this.dataset.src}/search`, {
      choose: (path) => this.showDetails(path),
      clear: () => this.selected && this.reveal(this.selected),
      show: (searching) => {
        this.rows.hidden = searching;
      },
      elsewhere: () => document.querySelectorAll("#browser-foot a[data-hidden]"),
    });
    if (parts.field.value) this.search.later(this.entered); // it was typed meanwhile
  }

  listen() {
    this.rows.addEventListener("scroll", () => this.scrolled(), { passive: true });
    this.rows.addEventListener("click", (event) => this.click(event));
    this.rows.addEventListener("dblclick", (event) => !event.target.closest(".twist") && this.toggleRow(event));
    this.rows.addEventListener("keydown", (event) => this.key(event));
    this.rows.addEventListener("focusin", (event) => event.target.place && this.activate(event.target.place));
    this.details.addEventListener("click", (event) => this.act(event.target.closest("[data-tree-act]")));
    for (const does of ["pointerenter", "focusin", "scroll"]) this.addEventListener(does, this.back, { capture: true, passive: true });
    this.watch = new ResizeObserver(() => this.draw());
    this.watch.observe(this.rows);
  }

  focus() {
    this.appear();
    this.elementAt(this.active)?.focus();
  }

  // appear brings the panel that holds the tree to the front.
  appear() {
    this.dispatchEvent(new CustomEvent("pb:show", { bubbles: true }));
  }

  // pageOf asks the server for a page of children.
  pageOf(branch, which) {
    return getJSON(`${this.dataset.src}/children?${new URLSearchParams({ path: branch.path, limit: pageSize, ...which })}`);
  }

  // load fetches the page that holds the child at index, once.
  async load(branch, index) {
    const page = Math.floor(index / pageSize);
    if (branch.loading.has(page) || branch.pages.has(page)) return;
    branch.loading.add(page);
    try {
      const { items, total } = await this.pageOf(branch, { offset: page * pageSize });
      branch.put(page * pageSize, items, total);
      this.reopen(branch, items, page * pageSize);
    } catch (why) {
      await this.outdated(why);
      setTimeout(() => this.draw(), branch.fail(index, Date.now())); // which asks again, if it is still in view
    } finally {
      branch.loading.delete(page);
    }
    this.draw();
  }

  // reopen opens what was open when this browser was here last.
  reopen(branch, items, offset) {
    items.forEach((item, i) => {
      if (item.children && this.wanted.has(item.path) && !branch.opened(offset + i)) this.expand({ branch, index: offset + i });
    });
  }

  // outdated reads the tree again where a failure says that the server has other nodes by now.
  async outdated(why) {
    if (why instanceof Changed || why.status === 404) await this.renew();
  }

  // renew reads again what is open, because the catalogs have changed. What is open, the current row, the focus and the place in
  // the list stay, as far as they still exist.
  renew() {
    this.stale = true;
    this.renewing ??= this.readAgain().finally(() => {
      this.renewing = null;
    });
    return this.renewing;
  }

  async readAgain() {
    try {
      const { readAgain, show } = await import("./renew.js");
      while (this.stale) {
        this.stale = false; // opening or closing a row meanwhile makes it so again
        const fresh = await readAgain(this).catch((why) => {
          if (!(why instanceof Changed)) throw why;
          this.stale = true; // it changed once more while it was read
        });
        if (!this.stale) show(this, fresh);
      }
    } catch {
      this.catalog = ""; // whatever the foot says next is news
    }
  }

  scrolled() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.draw();
    });
  }

  // draw puts the rows in view into the page, and asks for what is missing once scrolling rests.
  draw() {
    const height = this.rowHeight;
    const size = this.root.size;
    this.space.style.height = `${size * height}px`;
    const first = Math.max(0, Math.floor(this.rows.scrollTop / height) - overscan);
    const last = Math.min(size - 1, Math.ceil((this.rows.scrollTop + this.rows.clientHeight) / height) + overscan);
    const keep = new Map();
    for (let row = first; row <= last; row++) this.place(this.root.at(row), row, keep);
    this.place(this.active, this.active.branch.rowOf(this.active.index), keep);
    for (const [key, element] of this.elements) if (!keep.has(key)) element.remove();
    this.elements = keep;
    this.order();
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.fetchView(first, last), rest);
  }

  // order puts new rows where they stand among the others: a screen reader goes by the order of the elements. Those that are there
  // already keep theirs, and so the focus.
  order() {
    let next = this.space.firstElementChild;
    for (const element of [...this.elements.values()].sort((a, b) => a.row - b.row)) {
      if (element === next) next = next.nextElementSibling;
      else this.space.insertBefore(element, next);
    }
  }

  fetchView(first, last) {
    for (let row = first; row <= last; row++) {
      const { branch, index } = this.root.at(row);
      if (branch.total !== 0 && !branch.child(index) && branch.due(index, Date.now())) this.load(branch, index);
      const current = this.active.branch === branch ? Math.floor(this.active.index / pageSize) : -1;
      branch.forget(Math.floor(index / pageSize), keptPages, current);
    }
  }

  keyOf(place) {
    return `${place.branch.path}#${place.index}`;
  }

  elementAt(place) {
    return this.elements.get(this.keyOf(place));
  }

  place(place, row, keep) {
    const key = this.keyOf(place);
    if (keep.has(key)) return;
    let element = this.elements.get(key);
    if (!element) {
      element = el("div", { class: "tree-row", role: "treeitem", id: `tree-${nextId++}` });
      this.space.append(element);
    }
    keep.set(key, element);
    element.place = place;
    element.row = row;
    element.style.transform = `translateY(${row * this.rowHeight}px)`;
    this.dress(element, place);
  }

  dress(element, { branch, index }) {
    const item = branch.child(index);
    const level = branch.level + 1;
    const face = item ?? (branch.failed(index) ? "failed" : branch.total === 0 ? "empty" : "loading");
    if (element.face !== face) {
      if (face === "failed") say(element, "Could not be read. Try again", level - 1);
      else if (face === "empty") this.standIn(element, branch, level);
      else fill(element, item, level);
      element.item = item;
      element.face = face;
    }
    element.tabIndex = this.active.branch === branch && this.active.index === index ? 0 : -1;
    element.ariaLevel = String(level);
    element.ariaPosInSet = String(index + 1);
    element.ariaSetSize = String(Math.max(branch.total, 1));
    element.ariaSelected = String(Boolean(item) && item.path === this.selected);
    if (item?.children) element.ariaExpanded = String(Boolean(branch.opened(index)));
    else element.ariaExpanded = null;
  }

  // standIn is the one row of a branch without children.
  standIn(element, branch, level) {
    if (branch === this.root && this.whenEmpty.length) {
      this.rows.hidden = true;
      this.rows.after(...this.whenEmpty);
    }
    say(element, "Nothing here", level - 1);
  }

  expand({ branch, index }) {
    const item = branch.child(index);
    if (!item || branch.opened(index)) return null;
    if (item.children || item.kind === "connection") this.remember(item.path, true); // one that is being read opens when it is
    if (!item.children) return null;
    const child = branch.expand(index);
    this.load(child, 0);
    return child;
  }

  collapse({ branch, index }) {
    this.remember(branch.child(index).path, false);
    const inside = this.active.branch !== branch && branch.opened(index)?.find(this.active.branch.path);
    branch.collapse(index);
    if (inside) this.move({ branch, index });
  }

  toggle(place) {
    if (place.branch.opened(place.index)) this.collapse(place);
    else this.expand(place);
    this.draw();
  }

  remember(path, open) {
    this.stale = true;
    this.wanted.delete(path);
    if (open) this.wanted.add(path);
    localStorage.setItem(this.store, JSON.stringify([...this.wanted].slice(-remembered)));
  }

  toggleRow(event) {
    const row = event.target.closest(".tree-row");
    if (row?.item?.children && !opensOnClick(row.item)) this.toggle(row.place);
  }

  click(event) {
    const row = event.target.closest(".tree-row");
    if (!row) return;
    this.move(row.place);
    if (event.target.closest(".twist")) this.toggle(row.place);
    else this.take(row.place);
  }

  // take is Enter or a click: a container opens or closes, a table or column shows its details.
  take(place) {
    const item = place.branch.child(place.index);
    if (!item) return place.branch.failed(place.index) && this.load(place.branch, place.index);
    if (opensOnClick(item)) this.toggle(place);
    this.showDetails(item.path);
  }

  showDetails(path) {
    if (path !== this.selected) this.details.scrollTop = 0;
    this.selected = path;
    this.draw();
    const source = `${this.dataset.src}/details?${new URLSearchParams({ path })}`;
    window.htmx.ajax("GET", source, { source: this.details, target: this.details, swap: "innerHTML" });
  }

  // act does what a button in the details says: it tells the page, which knows about cells and connections.
  act(button) {
    if (!button) return;
    const act = button.dataset.treeAct;
    if (act === "close") this.close();
    if (act === "query") document.dispatchEvent(new CustomEvent("pb:query", { detail: { path: this.selected } }));
  }

  // close takes the details away, and the focus back to where they came from.
  close() {
    this.selected = "";
    this.details.replaceChildren();
    this.draw();
    if (this.rows.hidden) this.querySelector("[data-search]").focus();
    else this.focus();
  }

  // reveal opens the way to a path and brings it into view.
  async reveal(path) {
    this.appear();
    const root = this.root;
    let branch = root;
    let place = null;
    for (const step of prefixes(path)) {
      const index = branch ? await this.find(branch, step).catch((why) => this.outdated(why).then(() => -1)) : -1;
      if (root !== this.root) return this.reveal(path); // the tree was read again meanwhile
      if (index < 0) return this.showDetails(path); // which say that nothing is there, or why it cannot be told
      place = { branch, index };
      if (step !== path) branch = branch.opened(index) ?? this.expand(place);
    }
    this.selected = path;
    this.move(place, false);
    this.showDetails(path);
  }

  async find(branch, path) {
    const known = branch.indexOf(path);
    if (known >= 0) return known;
    const { items, total, offset = 0 } = await this.pageOf(branch, { at: path });
    branch.put(offset, items, total);
    return branch.indexOf(path);
  }

  activate(place) {
    this.active = place;
    for (const element of this.elements.values()) element.tabIndex = element.place.branch === place.branch && element.place.index === place.index ? 0 : -1;
  }

  // move makes a row the current one, scrolls it into view and focuses it.
  move(place, focus = true) {
    this.activate(place);
    const height = this.rowHeight;
    const top = place.branch.rowOf(place.index) * height;
    if (top < this.rows.scrollTop) this.rows.scrollTop = top;
    else if (top + height > this.rows.scrollTop + this.rows.clientHeight) this.rows.scrollTop = top + height - this.rows.clientHeight;
    this.draw();
    if (focus) this.focus();
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const place = this.active;
    const row = place.branch.rowOf(place.index);
    const page = Math.max(1, Math.floor(this.rows.clientHeight / this.rowHeight) - 1);
    const to = { ArrowDown: row + 1, ArrowUp: row - 1, Home: 0, End: this.root.size - 1, PageDown: row + page, PageUp: row - page }[event.key];
    if (to !== undefined) this.move(this.root.at(Math.min(Math.max(to, 0), this.root.size - 1)));
    else if (event.key === "ArrowRight") this.enter(place);
    else if (event.key === "ArrowLeft") this.leave(place);
    else if (event.key === "Enter" || event.key === " ") this.take(place);
    else if (event.key.length === 1 && !"/?".includes(event.key)) this.typed(event); // those two are keys of the screen
    else return;
    event.preventDefault();
  }

  // typed hands letters on in their order, also those that come while type-ahead is being loaded.
  typed({ key, timeStamp }) {
    this.typeahead ??= import("./typeahead.js").catch((why) => {
      this.typeahead = null; // so that the next letter tries again
      throw why;
    });
    this.typeahead.then(({ type }) => type(this, key, timeStamp));
  }

  enter(place) {
    const opened = place.branch.opened(place.index);
    if (opened) return this.move({ branch: opened, index: 0 });
    this.expand(place);
    this.draw();
  }

  leave(place) {
    if (place.branch.opened(place.index)) {
      this.collapse(place);
      return this.draw();
    }
    if (place.branch.parent) this.move({ branch: place.branch.parent, index: place.branch.index });
  }
}

let nextId = 1;

const closing = () => el("button", { type: "button", class: "btn btn-quiet btn-icon btn-small close", "data-tree-act": "close", "aria-label": "Close details" }, icon("x"));
const foot = () => document.getElementById("browser-foot");
const opensOnClick = (item) => ["connection", "database", "schema"].includes(item.kind);

customElements.define("pb-tree", Tree);
