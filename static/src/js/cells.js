// The cells of a notebook: run all, a cell for a table that was chosen in the data browser, where a statement broke.
const project = () => document.querySelector("pb-tree")?.dataset.project;

document.addEventListener("pb:query", (event) => {
  window.htmx.ajax("POST", `/projects/${project()}/cells`, { target: "#cells", swap: "beforeend", values: { kind: "sql", node: event.detail.path } });
});

document.addEventListener("click", (event) => {
  if (!event.target.closest?.("[data-run-all]")) return;
  for (const button of document.querySelectorAll("#cells [data-run]")) button.click();
});

// A cell runs with what the other cells hold: those that are being saved are waited for.
const saving = new Set();
const waiting = new Set();

document.addEventListener("htmx:before:request", ({ target }) => {
  if (target.matches?.("#cells form")) saving.add(target);
});

document.addEventListener("htmx:finally:request", ({ target }) => {
  if (!saving.delete(target) || saving.size > 0) return;
  const runs = [...waiting];
  waiting.clear();
  for (const run of runs) run.click();
});

document.addEventListener("click", (event) => {
  const run = event.target.closest?.("#cells [data-run]");
  for (const form of saving) if (!form.isConnected) saving.delete(form);
  if (!run || saving.size === 0) return;
  event.stopImmediatePropagation();
  event.preventDefault();
  waiting.add(run);
}, true);

// A failed cell says where in the statement; the editor marks it.
function mark(part) {
  const broken = part.querySelector?.("[data-error-at]");
  const editor = part.closest?.(".cell")?.querySelector("pb-editor");
  if (!editor) return;
  if (broken && broken.dataset.errorAt !== "0") {
    editor.dataset.error = broken.textContent.trim();
    editor.dataset.errorAt = broken.dataset.errorAt;
  } else {
    delete editor.dataset.error;
    delete editor.dataset.errorAt;
  }
}

// A cell that came in by itself is scrolled to and can be typed in at once.
document.addEventListener("htmx:after:swap", () => {
  for (const part of document.querySelectorAll(".cell-output")) mark(part);
});

// The editor speaks the dialect of the connection that the cell chose.
document.addEventListener("change", (event) => {
  if (!event.target.matches?.(".cell-form select[name=connection]")) return;
  const editor = event.target.form.querySelector("pb-editor");
  const choice = event.target.selectedOptions[0];
  editor.dataset.connection = choice.value;
  editor.dataset.dialect = choice.dataset.dialect ?? "";
});
