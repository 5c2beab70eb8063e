// <time data-relative>: kept true while the page is open, in the words of views/format.go.
function span(seconds) {
  const minutes = Math.round(seconds / 60);
  if (minutes < 1) return "a moment";
  if (minutes < 60) return `${minutes} min`;
  if (minutes < 24 * 60) return plural(Math.floor(minutes / 60), "hour");
  return plural(Math.floor(minutes / (24 * 60)), "day");
}

const plural = (n, noun) => `${n} ${noun}${n === 1 ? "" : "s"}`;
const date = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });

export function relative(then, now = Date.now()) {
  const seconds = (now - then) / 1000;
  if (seconds < 0) return `in ${span(-seconds)}`;
  if (seconds < 45) return "just now";
  if (seconds >= 7 * 24 * 3600) return date.format(then);
  return `${span(seconds)} ago`;
}

function refresh() {
  if (document.hidden) return;
  for (const time of document.querySelectorAll("time[data-relative]")) {
    const words = relative(Date.parse(time.dateTime));
    if (time.textContent !== words) time.textContent = words;
  }
}

setInterval(refresh, 20_000);
document.addEventListener("visibilitychange", refresh);
