// The keys of every screen (views/shortcuts.go lists them). Single keys do nothing while one types, and can be switched off.
const off = "patchbay.keys-off";
const typing = "input, textarea, select, [contenteditable], .cm-content";
let waiting = 0; // until when a second key counts after "g"

const places = {
  d: () => location.assign("/settings/connections"),
  n: () => location.assign("/projects"),
  b: () => document.querySelector("pb-tree")?.focus(),
};

function single(key) {
  if (Date.now() < waiting && places[key]) {
    waiting = 0;
    return places[key]();
  }
  if (key === "g") waiting = Date.now() + 1500;
  if (key === "?") document.getElementById("keys")?.showModal();
  if (key === "/") visibleSearch()?.focus();
}

const visibleSearch = () => [...document.querySelectorAll("[data-search]")].find((field) => field.checkVisibility());

function save(event) {
  const form = document.activeElement?.closest("form") ?? document.querySelector("pb-form form");
  if (!form?.closest("pb-form")) return;
  event.preventDefault();
  form.requestSubmit(form.querySelector(".btn-primary") ?? undefined);
}

function find(event) {
  if (!document.getElementById("keys") || event.defaultPrevented) return; // without keys: nobody is signed in
  event.preventDefault();
  import("./find.js").then(({ open }) => open());
}

document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === "s") return save(event);
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") return find(event);
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (event.target.closest?.(typing) || document.querySelector("dialog[open]") || localStorage.getItem(off)) return;
  if (["/", "?", "g"].includes(event.key) || (Date.now() < waiting && places[event.key])) {
    event.preventDefault();
    single(event.key);
  }
});

const choice = document.querySelector("[data-keys-switch]");
if (choice) {
  choice.hidden = false;
  const box = choice.querySelector("input");
  box.checked = !localStorage.getItem(off);
  box.addEventListener("change", () => (box.checked ? localStorage.removeItem(off) : localStorage.setItem(off, "1")));
}
