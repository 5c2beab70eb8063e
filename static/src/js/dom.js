// Building elements without HTML text, so that no name of a table can become markup (P16).

// el makes an element: attributes by name, text or elements as children; null children are left out.
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value != null && value !== false) node.setAttribute(name, value === true ? "" : value);
  node.append(...children.filter((child) => child != null));
  return node;
}

function picture(sprite, name, cls) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `${sprite}#${name}`);
  svg.append(use);
  if (cls) svg.setAttribute("class", cls);
  svg.setAttribute("aria-hidden", "true");
  return svg;
}

export const icon = (name, cls = "icon") => picture(document.body.dataset.icons, name, cls);

// tile is the small mark of a database product, by connector type.
export const tile = (type) => el("span", { class: `tile is-small tile-${type}`, "aria-hidden": "true" }, picture(document.body.dataset.logos, type));

// getJSON reads an answer of ours; a refusal is thrown with its status.
export async function getJSON(url, signal) {
  const answer = await fetch(url, { signal, headers: { Accept: "application/json" } });
  if (!answer.ok) throw Object.assign(new Error(`status ${answer.status}`), { status: answer.status });
  return answer.json();
}

// short writes a number in little room, as views/format.go does: 312, 84k, 1.2M.
export function short(n) {
  for (const [size, letter] of [[1e9, "B"], [1e6, "M"], [1e3, "k"]]) {
    const v = n / size;
    if (v >= 1) return v.toFixed(v < 9.95 ? 1 : 0).replace(".0", "") + letter;
  }
  return String(n);
}

// visible is a name on one line: what would break it, or not show at all, as a sign of its own. Each sign is as long as what it stands
// for, so that places in the text stay.
export function visible(text) {
  return text.replace(/[\x00-\x1f\x7f-\x9f\u2028\u2029]/g, (c) => signs[c] ?? (c < " " ? String.fromCharCode(0x2400 + c.charCodeAt(0)) : "\ufffd"));
}

const signs = { "\n": "↵", "\t": "→", "\x7f": "␡", "\x85": "↵", "\u2028": "↵", "\u2029": "↵" };
