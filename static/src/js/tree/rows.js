// How one row of the data browser looks.
import { el, icon, short, tile, visible } from "../dom.js";

const kinds = {
  project: "notebook-text",
  database: "database", schema: "folder", table: "table-2", view: "eye", materialized_view: "layers",
  external: "external-link", foreign: "link", partitioned: "rows-3",
};

const families = {
  integer: "hash", decimal: "hash", float: "hash", text: "type", bool: "toggle-left", date: "calendar", datetime: "calendar",
  time: "clock", interval: "clock", binary: "binary", json: "braces", uuid: "fingerprint-pattern", array: "brackets",
  struct: "braces", geo: "globe",
};

// picture is a node's icon: a product's mark, a kind of table, or a family of types.
export function picture(item) {
  if (item.kind === "connection") return tile(item.type);
  return icon(kinds[item.kind] ?? families[item.family] ?? "circle-dot");
}

// said is what is to be known of a node at a glance, as icons with their words.
export function said(item) {
  const signs = [];
  if (item.mark === "endorsed") signs.push(sign("circle-check", "Endorsed", "tree-mark is-endorsed"));
  if (item.mark === "deprecated") signs.push(sign("ban", "Deprecated", "tree-mark is-deprecated"));
  if (item.pk) signs.push(sign("key-round", "Primary key", "tree-mark"));
  if (item.unreadable) signs.push(sign("lock", "Not readable by this connection", "tree-mark"));
  return signs;
}

const sign = (name, words, cls) => el("span", { class: cls, role: "img", "aria-label": words, title: words }, icon(name));

// note is what stands at the right: a column's type, a table's row estimate.
function note(item) {
  if (item.kind === "column") return item.type;
  return item.rows >= 0 ? short(item.rows) : "";
}

const indent = (level) => `${level * 14 - 6}px`;

// fill draws item into the row, or bones while its page is not there.
export function fill(row, item, level) {
  row.style.paddingInlineStart = indent(level);
  row.toggleAttribute("data-loading", !item);
  row.classList.toggle("is-unreadable", Boolean(item?.unreadable));
  if (!item) return row.replaceChildren(el("span", { class: "skeleton" }));
  row.title = item.description || item.comment || item.name;
  row.dataset.path = item.path;
  row.replaceChildren(
    icon("chevron-right", item.children ? "icon twist" : "icon twist is-leaf"),
    picture(item),
    el("span", { class: "tree-name" }, visible(item.name)),
    ...said(item),
    el("span", { class: "tree-note" }, note(item)),
  );
}

// say puts words into a row that stands for no node: nothing here, or a failure.
export function say(row, words, level) {
  row.style.paddingInlineStart = indent(level + 1);
  row.removeAttribute("data-loading");
  row.replaceChildren(el("span", { class: "muted" }, words));
}
