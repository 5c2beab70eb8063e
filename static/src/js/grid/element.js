// <pb-grid data-src="/projects/P/cells/C/rows" data-version="..." aria-label="Result of x">: the rows of a result, however many.
// Only what is in view is in the page. What the element holds at first (a table, for reading without script) stays until rows
// are there; when src or version change, the old rows stay dimmed until the new ones arrive.
import { copyText } from "../clipboard.js";
import { el } from "../dom.js";
import { toast } from "../toast.js";
import { Blocks } from "./blocks.js";
import { columnView, guess, isNumber, stretch } from "./columns.js";
import { RowScroll } from "./scroll.js";
import { Selection, after } from "./selection.js";
import { showValue } from "./value.js";

const headHeight = 32;
const emptyHeight = 56; // of the words in place of rows
const shownRows = 24;
const indexWidth = (total) => Math.max(44, String(total).length * 7 + 24);
const copiedRows = 10_000;

class Grid extends HTMLElement {
  static observedAttributes = ["data-src", "data-version"];

  connectedCallback() {
    this.connected = true;
    this.start();
  }

  disconnectedCallback() {
    this.connected = false;
    this.blocks?.stop();
    this.columns?.stop();
    this.watch?.disconnect();
  }

  attributeChangedCallback(_, before, now) {
    if (this.connected && before !== now) this.start();
  }

  start() {
    this.blocks?.stop();
    if (!this.dataset.src) return;
    this.scroller?.classList.add("is-stale");
    const blocks = new Blocks(this.dataset.src, () => this.arrived(blocks));
    this.blocks = blocks;
    blocks.fetch(0);
  }

  arrived(blocks) {
    if (blocks !== this.blocks) return;
    if (blocks.refused) return this.clear("These rows are gone, or you may not see them any more");
    if (blocks.columns.length === 0) return this.message(blocks.failed ? "The rows could not be read" : "");
    const names = blocks.columns.map((c) => `${c.name} ${c.type}`).join("\n");
    if (this.shown !== blocks) this.build(names);
    this.shown = blocks;
    this.resize();
    this.draw();
  }

  // clear takes the rows off the page.
  clear(words) {
    this.columns?.stop();
    this.watch?.disconnect();
    this.message(words);
  }

  message(words) {
    if (words) this.replaceChildren(el("p", { class: "grid-message", role: "alert" }, words));
  }

  // build makes the frame: the scroller with its head, and an empty space as tall as all rows.
  build(names) {
    const same = names === this.names && this.scroller?.isConnected;
    this.scroller?.classList.remove("is-stale");
    this.rows?.forEach((row) => row.remove());
    this.rows = new Map();
    if (same) return this.scroll.to(0);
    this.names = names;
    this.selection = new Selection();
    this.head = el("div", { class: "grid-head", role: "row", "aria-rowindex": "1" });
    this.space = el("div", { class: "grid-space", role: "rowgroup" });
    this.scroller = el("div", { class: "grid", role: "grid", "aria-label": this.getAttribute("aria-label"), tabindex: "-1" }, this.head, this.space);
    this.replaceChildren(this.scroller);
    this.rowHeight = parseFloat(getComputedStyle(this).getPropertyValue("--row")) || 28;
    const first = this.blocks.blocks.values().next().value ?? [];
    const guessed = this.blocks.columns.map((column, i) => guess(column, i, first));
    this.widths = stretch(guessed, this.scroller.clientWidth - indexWidth(this.blocks.total));
    this.scroll = new RowScroll(this.scroller, this.rowHeight, () => this.soon());
    this.listen();
    this.follow();
  }

  listen() {
    this.scroller.addEventListener("keydown", (event) => this.key(event));
    this.scroller.addEventListener("copy", (event) => this.copied(event));
    this.scroller.addEventListener("dblclick", (event) => event.target.closest("[role=gridcell]") && this.open());
    this.scroller.addEventListener("pointerdown", (event) => this.press(event));
    this.scroller.addEventListener("pointerover", (event) => event.buttons === 1 && this.pick(event, true));
    this.watch = new ResizeObserver(() => this.soon());
    this.watch.observe(this.scroller);
  }

  // follow watches the horizontal scroll with the widths as they are.
  follow() {
    this.columns?.stop();
    this.indexWidth = indexWidth(this.blocks.total);
    this.columns = columnView(this.scroller, this.widths, this.indexWidth, () => this.soon());
  }

  resize() {
    const { total, columns, complete } = this.blocks;
    if (indexWidth(total) !== this.indexWidth) this.follow();
    this.scroller.ariaRowCount = String(complete ? total + 1 : -1);
    this.scroller.ariaColCount = String(columns.length + 1);
  }

  // fit gives the rows their height, and the scrollbar its own beneath them where the columns are wider than the view.
  fit() {
    const rows = this.blocks.total > 0 ? Math.min(this.blocks.total, shownRows) * this.rowHeight : emptyHeight;
    const bar = this.scroller.offsetHeight - this.scroller.clientHeight;
    this.scroller.style.height = `${headHeight + rows + 1 + bar}px`;
  }

  soon() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      if (this.scroller.isConnected) this.draw();
    });
  }

  draw() {
    const { total } = this.blocks;
    this.space.style.width = this.head.style.width = `${this.columns.view.getTotalSize()}px`;
    this.fit();
    this.scroll.setCount(total, Math.max(this.rowHeight, this.scroller.clientHeight - headHeight));
    this.space.style.height = `${Math.max(this.scroll.height, this.rowHeight)}px`;
    this.inView = this.columnsInView();
    this.look = `${this.indexWidth} ${this.inView.map((item) => `${item.index}:${item.size}`)}`;
    if (this.head.look !== this.look) this.drawHead();
    this.drawRows();
    if (total > 0) this.blocks.need(this.scroll.first, this.scroll.last);
  }

  // columnsInView are the columns in view and the current one, which keeps the focus.
  columnsInView() {
    const items = this.columns.view.getVirtualItems().map(({ index, start, size }) => ({ index, start, size }));
    const { column } = this.selection;
    if (items.length && !items.some((item) => item.index === column)) {
      const start = this.widths.slice(0, column).reduce((sum, w) => sum + w, this.indexWidth);
      items.push({ index: column, start, size: this.widths[column] });
    }
    return items;
  }

  drawHead() {
    const cells = this.inView.map(({ index, start, size }) => {
      const column = this.blocks.columns[index];
      const cell = el("div", { class: "grid-cell", role: "columnheader", "aria-colindex": index + 2, title: `${column.name} ${column.type}` },
        column.name, el("span", { class: "type" }, column.type), el("span", { class: "grid-grip", "data-grip": index }));
      return lay(cell, start, size, isNumber(column));
    });
    this.head.replaceChildren(this.indexCell("", "columnheader"), ...cells);
    this.head.look = this.look;
  }

  indexCell(text, role) {
    const cell = el("div", { class: "grid-cell is-index", role, "aria-colindex": "1" }, text || el("span", { class: "visually-hidden" }, "Row"));
    cell.style.width = `${this.indexWidth}px`;
    return cell;
  }

  drawRows() {
    const keep = new Map();
    if (this.blocks.total === 0) return this.nothing();
    for (let row = this.scroll.first; row <= this.scroll.last; row++) this.drawRow(row, keep);
    if (this.selection.row < this.blocks.total) this.drawRow(this.selection.row, keep);
    for (const [row, element] of this.rows) if (!keep.has(row)) element.remove();
    this.rows = keep;
  }

  nothing() {
    if (this.blocks.complete) this.space.replaceChildren(el("p", { class: "grid-message" }, "The statement ran and returned no rows"));
  }

  drawRow(row, keep) {
    if (keep.has(row)) return;
    let element = this.rows.get(row);
    if (!element) {
      element = el("div", { class: "grid-row", role: "row", "aria-rowindex": row + 2 });
      this.space.append(element);
    }
    keep.set(row, element);
    element.style.transform = `translateY(${this.scroll.top(row)}px)`;
    const values = this.blocks.row(row);
    if (element.values !== values || element.look !== this.look) this.fillRow(element, row, values);
    element.values = values;
    element.look = this.look;
    for (const cell of element.cells) this.mark(cell, row);
  }

  fillRow(element, row, values) {
    const focused = element.contains(document.activeElement) ? document.activeElement.column : -1;
    element.cells = this.inView.map(({ index, start, size }) => {
      const value = values ? values[index] : "";
      const cell = el("div", { class: value === null ? "grid-cell is-null" : "grid-cell", role: "gridcell", tabindex: "-1", "aria-colindex": index + 2 }, value === null ? "null" : oneLine(value));
      cell.column = index;
      return lay(cell, start, size, isNumber(this.blocks.columns[index]));
    });
    element.replaceChildren(this.indexCell(String(row + 1), "rowheader"), ...element.cells);
    if (focused >= 0) element.cells.find((cell) => cell.column === focused)?.focus({ preventScroll: true });
  }

  mark(cell, row) {
    const current = row === this.selection.row && cell.column === this.selection.column;
    cell.tabIndex = current ? 0 : -1;
    cell.classList.toggle("is-picked", !this.selection.single && this.selection.has(row, cell.column));
  }

  // cell is the current cell's element.
  get cell() {
    return this.rows.get(this.selection.row)?.cells.find((cell) => cell.column === this.selection.column);
  }

  move(row, column, extend) {
    this.selection.to(row, column, extend);
    this.scroll.show(row);
    this.columns.view.scrollToIndex(column);
    this.draw();
    this.cell?.focus({ preventScroll: true });
  }

  key(event) {
    if (event.key === "Enter") this.open();
    else {
      const page = Math.max(1, Math.floor(this.scroll.view / this.rowHeight) - 1);
      const jump = event.ctrlKey || event.metaKey;
      const to = event.altKey ? null : after(event.key, jump, this.selection, this.blocks.total, this.blocks.columns.length, page);
      if (!to) return;
      this.move(to.row, to.column, event.shiftKey);
    }
    event.preventDefault();
  }

  press(event) {
    if (event.target.dataset.grip) return this.drag(event, Number(event.target.dataset.grip));
    if (event.button === 0) this.pick(event, event.shiftKey);
  }

  pick(event, extend) {
    const cell = event.target.closest("[role=gridcell]");
    const row = cell && Number(cell.parentElement.ariaRowIndex) - 2;
    if (cell) this.move(row, cell.column, extend);
  }

  // drag changes a column's width.
  drag(event, column) {
    event.preventDefault();
    const from = event.clientX - this.widths[column];
    const move = (e) => {
      this.widths[column] = Math.max(48, e.clientX - from);
      this.follow();
      this.draw();
    };
    document.addEventListener("pointermove", move);
    document.addEventListener("pointerup", () => document.removeEventListener("pointermove", move), { once: true });
  }

  open() {
    const values = this.blocks.row(this.selection.row);
    if (values) showValue(this.blocks.columns[this.selection.column], values[this.selection.column], { focus: () => this.cell?.focus() });
  }

  // copied puts the picked cells on the clipboard: one value as it is, several as lines with tabs.
  async copied(event) {
    event.preventDefault();
    const [top, bottom] = this.selection.rows;
    const [left, right] = this.selection.columns;
    if (bottom - top >= copiedRows) return toast(`At most ${copiedRows.toLocaleString("en")} rows can be copied. Export the result instead`);
    await this.blocks.need(top, bottom);
    const lines = [];
    for (let row = top; row <= bottom; row++) lines.push(this.blocks.row(row)?.slice(left, right + 1).map((value) => value ?? ""));
    copyText(lines.map((cells) => cells.join("\t")).join("\n"));
  }
}

function lay(cell, start, size, number) {
  cell.style.left = `${start}px`;
  cell.style.width = `${size}px`;
  cell.classList.toggle("is-number", number);
  return cell;
}

// oneLine keeps a long or many-lined value from growing the page; the dialog shows all of it.
const oneLine = (value) => (value.length > 400 ? value.slice(0, 400) + "…" : value).replaceAll(/\r?\n/g, " ⏎ ");

customElements.define("pb-grid", Grid);
