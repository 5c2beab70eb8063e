// The reader of an open notebook is told when what they may do there becomes another thing, and the page is loaded again as it is
// for them by then. Who could edit and still may keeps it, with what they are typing.
const edits = ["edit", "full"];

function again(watch, level) {
  if ("edits" in watch.dataset && edits.includes(level)) return;
  if (level === "none") document.getElementById("main")?.replaceChildren(); // no row stays while the next page is on its way
  location.reload();
}

document.addEventListener("access", ({ target, detail }) => again(target, detail.data));

// Someone who is refused when the stream begins, or begins again, missed being told.
const refused = (event, status) => {
  if (event.target.id === "access" && [401, 403, 404].includes(status)) again(event.target, "none");
};
document.addEventListener("htmx:sse:error", (event) => refused(event, event.detail.status));
document.addEventListener("htmx:response:error", (event) => refused(event, event.detail.ctx.response.status));
