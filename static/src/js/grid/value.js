// One value in full, in a dialog. It returns the focus to the cell that it was opened from.
import { copyText } from "../clipboard.js";
import { el, icon } from "../dom.js";

export function showValue(column, value, opener) {
  const body = value === null ? el("em", { class: "muted" }, "null") : el("pre", { class: "dialog-value", tabindex: "0" }, value);
  const close = el("button", { type: "button", class: "btn btn-quiet btn-icon btn-small close", "aria-label": "Close" }, icon("x"));
  const copy = el("button", { type: "button", class: "btn btn-small" }, icon("copy"), "Copy");
  const dialog = el("dialog", { class: "dialog is-wide", "aria-labelledby": "value-title" },
    el("div", { class: "dialog-head" }, el("h2", { id: "value-title" }, column.name, " ", el("small", { class: "hint mono" }, column.type)), copy),
    el("div", { class: "dialog-body" }, body), close);
  close.addEventListener("click", () => dialog.close());
  copy.addEventListener("click", () => copyText(value ?? ""));
  dialog.addEventListener("close", () => {
    dialog.remove();
    opener.focus();
  });
  document.body.append(dialog);
  dialog.showModal();
}
