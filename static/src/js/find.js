// Finds notebooks, connections and what catalogs hold, wherever one is, and goes there. Loaded when it is first asked for.
import { el, icon } from "./dom.js";
import { Search } from "./tree/search.js";

// open shows the dialog.
export function open() {
  const dialog = document.getElementById("find") ?? make();
  if (!document.querySelector("dialog[open]")) dialog.showModal();
}

function make() {
  const field = el("input", {
    class: "input", type: "search", id: "find-text", placeholder: "Notebooks, tables, columns", autocomplete: "off", spellcheck: "false", maxlength: "400",
    role: "combobox", "aria-expanded": "false", "aria-controls": "find-hits", "aria-label": "Find anything", "aria-autocomplete": "list",
  });
  const list = el("div", { class: "find-hits", id: "find-hits", role: "listbox", "aria-label": "Found", hidden: true });
  const status = el("p", { class: "tree-message", role: "status" });
  const below = el("div", { class: "tree-below" });
  const close = el("button", { type: "button", class: "btn btn-quiet btn-icon btn-small close", "aria-label": "Close" }, icon("x"));
  const dialog = el("dialog", { class: "dialog", id: "find", "aria-labelledby": "find-title" },
    el("div", { class: "dialog-head" }, el("h2", { id: "find-title" }, "Find anything")),
    el("div", { class: "dialog-body" }, el("label", { class: "search" }, icon("search"), field), list, status, below), close);
  close.addEventListener("click", () => dialog.close());
  document.body.append(dialog);
  const here = document.querySelector("pb-tree")?.dataset.project;
  new Search({ field, list, status, below }, here ? `/find?project=${here}` : "/find", {
    choose: (path) => location.assign(path),
    clear: () => {},
    show: () => {},
    elsewhere: () => [],
  });
  return dialog;
}
