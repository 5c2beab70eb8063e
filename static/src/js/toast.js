// toast says something that happened elsewhere than where the eye is. It stays six seconds, longer while pointed at.
export function toast(text) {
  const box = document.createElement("div");
  box.className = "toast";
  box.textContent = text;
  document.getElementById("toasts").append(box);
  const leave = () => (box.matches(":hover") ? setTimeout(leave, 2000) : box.remove());
  setTimeout(leave, 6000);
}
