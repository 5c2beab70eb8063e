// What the connection to the server does: a quiet bar while streams reconnect, and a word when a request got no answer.
import { toast } from "./toast.js";

const broken = new Set();

function show() {
  for (const element of broken) if (!element.isConnected) broken.delete(element);
  const bar = document.getElementById("offline");
  if (broken.size === 0) return bar?.remove();
  if (bar) return;
  const added = document.createElement("div");
  added.id = "offline";
  added.className = "offline";
  added.role = "status";
  added.textContent = "Reconnecting";
  document.body.append(added);
}

document.addEventListener("htmx:sse:error", (event) => {
  broken.add(event.target);
  show();
});
for (const name of ["htmx:sse:after:connection", "htmx:sse:close"]) {
  document.addEventListener(name, (event) => {
    broken.delete(event.target);
    show();
  });
}

document.addEventListener("htmx:error", (event) => {
  if (event.detail?.error instanceof TypeError) toast("The server did not answer. Try again in a moment");
});

// A server answer with the header HX-Trigger: {"toast":{"text":"..."}} ends here.
document.addEventListener("toast", (event) => toast(event.detail.text ?? event.detail.value));
