// Every page: htmx with server-sent events, and the small custom elements.
import "htmx.org/dist/htmx.esm.js";
import "htmx.org/dist/ext/hx-sse.js";
