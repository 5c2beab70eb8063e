// The reader of an open notebook, app view or shared page is told when what they may do there becomes another thing, and the page is
// loaded again as it is for them by then. Who could edit and still may keeps it, with what they are typing. So is the reader of a
// page that shows live what only some may see, when they may not any more.
const edits = ["edit", "full"];

function again(watch, level) {
  if ("edits" in watch.dataset && edits.includes(level)) return;
  if ([...document.querySelectorAll("pb-editor")].some((editor) => editor.unsaved)) {
    // What is typed and not saved stays to be copied; what was read here does not.
    for (const read of document.querySelectorAll(".cell-output, .browser, [popovertarget=browser]")) read.remove();
    document.getElementById("access-lost").hidden = false;
    return;
  }
  if (level === "none") document.getElementById("main")?.replaceChildren(); // no row stays while the next page is on its way
  location.reload();
}

document.addEventListener("access", ({ target, detail }) => again(target, detail.data));

// Someone who is refused when the stream begins, or begins again, missed being told.
// The page itself is asked too: what stands between may refuse a stream that the server would not.
const refusals = [401, 403, 404];
const refused = async ({ target }, status) => {
  if (!target.hasAttribute?.("hx-sse:connect") || !refusals.includes(status)) return;
  const page = await fetch(location.pathname);
  if (page.redirected || (refusals.includes(page.status) && page.headers.has("X-Request-Id"))) again(target, "none");
};
document.addEventListener("htmx:sse:error", (event) => refused(event, event.detail.status));
document.addEventListener("htmx:response:error", (event) => refused(event, event.detail.ctx.response.status));
