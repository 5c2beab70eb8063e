// Which rows are in view, when there may be more of them than a browser can lay out.
//
// Rows have one height, so this is arithmetic. Above eight million pixels the scrollbar stands for more than it is long: offset
// is where the view is in pixels of all rows, and moves by more than the scrollbar does.
const tallest = 8_000_000;

export class RowScroll {
  constructor(scroller, rowHeight, changed) {
    Object.assign(this, { scroller, rowHeight, changed });
    this.count = 0;
    this.offset = 0;
    this.expected = 0;
    scroller.addEventListener("scroll", () => this.scrolled(), { passive: true });
    scroller.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
  }

  // view is the height in which rows show.
  setCount(count, view) {
    this.count = count;
    this.view = view;
  }

  get height() {
    return Math.min(this.count * this.rowHeight, tallest);
  }

  get ratio() {
    const all = this.count * this.rowHeight;
    return all > tallest ? (all - this.view) / (tallest - this.view) : 1;
  }

  get first() {
    return Math.max(0, Math.floor(this.offset / this.rowHeight));
  }

  get last() {
    return Math.min(this.count - 1, Math.ceil((this.offset + this.view) / this.rowHeight));
  }

  // top is where a row stands below the head, in pixels of the page.
  top(row) {
    const top = this.scroller.scrollTop + row * this.rowHeight - this.offset;
    return Math.min(Math.max(top, -this.rowHeight), this.height - this.rowHeight);
  }

  scrolled() {
    const top = this.scroller.scrollTop;
    if (Math.abs(top - this.expected) >= 1) this.offset = top * this.ratio;
    this.expected = top;
    this.changed();
  }

  wheel(event) {
    if (this.ratio === 1 || event.ctrlKey || event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) return;
    const step = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? this.rowHeight : 1;
    const before = this.offset;
    this.to(this.offset + event.deltaY * step);
    if (this.offset !== before) event.preventDefault();
  }

  to(offset) {
    const end = Math.max(0, this.count * this.rowHeight - this.view);
    this.offset = Math.min(Math.max(offset, 0), end);
    this.scroller.scrollTop = this.offset / this.ratio;
    this.expected = this.scroller.scrollTop;
    this.changed();
  }

  // show scrolls as little as brings a row into view.
  show(row) {
    const top = row * this.rowHeight;
    if (top < this.offset) this.to(top);
    else if (top + this.rowHeight > this.offset + this.view) this.to(top + this.rowHeight - this.view);
  }
}
