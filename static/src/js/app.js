// Every page: htmx with server-sent events, and the small elements and habits that all screens share.
import "htmx.org/dist/htmx.esm.min.js";
import "htmx.org/dist/ext/hx-sse.min.js";
import "./access.js";
import "./acts.js";
import "./confirm.js";
import "./copy.js";
import "./floating.js";
import "./form.js";
import "./keys.js";
import "./live.js";
import "./resize.js";
import "./theme.js";
import "./time.js";
