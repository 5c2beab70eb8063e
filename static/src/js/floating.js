// Popovers and dialogs are the browser's own. This adds arrow keys in menus, and stands in for what older browsers lack:
// the command attribute, and menus placed beside their button.
document.addEventListener("keydown", (event) => {
  const menu = event.target.closest?.(".menu");
  if (!menu || !["ArrowDown", "ArrowUp", "Home", "End"].includes(event.key)) return;
  event.preventDefault();
  const items = [...menu.querySelectorAll("a, button")];
  const at = items.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1 + items.length, Home: 0, End: items.length - 1 }[event.key];
  items[to % items.length]?.focus();
});

// A menu closes when one of its items was chosen, and opens with its first item in focus when the keyboard opened it.
document.addEventListener("click", (event) => {
  const menu = event.target.closest(".menu");
  if (menu && event.target.closest("a, button")) menu.hidePopover?.();
  const opener = event.target.closest("[popovertarget]");
  if (opener && event.detail === 0) document.getElementById(opener.getAttribute("popovertarget"))?.querySelector("a, button")?.focus();
});

document.querySelector("dialog[data-open]")?.showModal();

if (!("commandForElement" in HTMLButtonElement.prototype)) {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[commandfor]");
    const dialog = button && document.getElementById(button.getAttribute("commandfor"));
    if (button?.getAttribute("command") === "show-modal") dialog?.showModal();
    if (button?.getAttribute("command") === "close") dialog?.close();
  });
}

if (!CSS.supports("position-area: block-end")) {
  const place = (event) => {
    const menu = event.target;
    if (event.newState !== "open" || !menu.matches?.(".menu")) return;
    const at = document.querySelector(`[popovertarget="${CSS.escape(menu.id)}"]`).getBoundingClientRect();
    const { width, height } = menu.getBoundingClientRect();
    const below = at.bottom + height + 8 < innerHeight;
    menu.style.left = `${Math.max(8, Math.min(at.right - width, innerWidth - width - 8))}px`;
    menu.style.top = `${below ? at.bottom : Math.max(8, at.top - height - 8)}px`;
  };
  document.addEventListener("toggle", place, true);
}
