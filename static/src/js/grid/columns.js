// Widths of columns, and which of them are in view. Widths differ and can be dragged, so the virtualizer does this axis.
import { Virtualizer, elementScroll, observeElementOffset, observeElementRect } from "@tanstack/virtual-core";

const [narrowest, widest] = [72, 340];
const sampled = 50; // rows that a width is guessed from
const numbers = new Set(["integer", "decimal", "float"]);

export const isNumber = (column) => numbers.has(column.family);

// guess is a width that fits the head and most values, so that nothing moves once rows show.
export function guess(column, index, rows) {
  const head = column.name.length * 7.6 + column.type.length * 6.8 + 38;
  const longest = rows.slice(0, sampled).reduce((most, row) => Math.max(most, row[index]?.length ?? 4), 0);
  return Math.round(Math.min(widest, Math.max(narrowest, head, longest * 8.4 + 30)));
}

// stretch gives the room that is left over to all columns, in proportion.
export function stretch(widths, room) {
  const sum = widths.reduce((total, width) => total + width, 0);
  return sum < room ? widths.map((width) => (width * room) / sum) : widths;
}

// columnView follows the horizontal scroll of scroller; changed is called when other columns come into view.
export function columnView(scroller, widths, indexWidth, changed) {
  const view = new Virtualizer({
    horizontal: true,
    count: widths.length,
    getScrollElement: () => scroller,
    estimateSize: (i) => widths[i],
    paddingStart: indexWidth,
    scrollPaddingStart: indexWidth,
    overscan: 2,
    initialOffset: scroller.scrollLeft,
    initialRect: { width: scroller.clientWidth, height: scroller.clientHeight },
    observeElementRect,
    observeElementOffset,
    scrollToFn: elementScroll,
    onChange: changed,
  });
  const stop = view._didMount();
  view._willUpdate();
  return { view, stop };
}
