// The tree when the catalogs have changed: it is read again, and shown where it was. Loaded when they first do.
const anchors = 5; // rows in view that are looked for, until one still exists

// readAgain is the tree as it is now: what was open, the page in view, the current row.
export async function readAgain(tree) {
  const root = tree.newRoot();
  const find = (branch, path) => tree.find(branch, path);
  await find(root, "");
  const { branch, index } = tree.active;
  const current = branch.child(index)?.path ?? branch.path;
  const depth = (path) => path.split("/").length;
  for (const path of [...new Set([...tree.root.paths(), ...tree.wanted])].sort((a, b) => depth(a) - depth(b))) {
    const place = await root.seek(path, find);
    if (place?.exact && place.branch.child(place.index).children && !place.branch.opened(place.index)) await find(place.branch.expand(place.index), "");
  }
  for (const { path } of inView(tree).slice(0, anchors)) if ((await root.seek(path, find))?.exact) break;
  return { root, active: (await root.seek(current, find)) ?? { branch: root, index: 0 } };
}

// inView are the nodes whose rows can be seen, from the top, each with how far its row is below the edge.
function inView({ root, rows, rowHeight }) {
  const seen = [];
  for (let row = Math.ceil(rows.scrollTop / rowHeight); (row + 1) * rowHeight <= rows.scrollTop + rows.clientHeight && row < root.size; row++) {
    const { branch, index } = root.at(row);
    const path = branch.child(index)?.path;
    if (path) seen.push({ path, below: row * rowHeight - rows.scrollTop });
  }
  return seen;
}

// show puts it in the place of what was there. The place in the list is that of the current row, where it can be seen, else that of
// the first row in view which still exists.
export function show(tree, { root, active }) {
  const focused = tree.rows.contains(document.activeElement);
  const current = tree.active.branch.child(tree.active.index)?.path;
  const seen = inView(tree).sort((a, b) => (b.path === current) - (a.path === current));
  tree.root = root;
  tree.active = active;
  tree.space.style.height = `${root.size * tree.rowHeight}px`;
  for (const { path, below } of seen) {
    const row = root.rowOfPath(path);
    if (row < 0) continue;
    tree.rows.scrollTop = row * tree.rowHeight - below;
    break;
  }
  tree.draw();
  if (focused) tree.elementAt(active)?.focus({ preventScroll: true });
  const busy = tree.details.contains(document.activeElement) || tree.details.querySelector(".preview:not(:empty), .htmx-request, #annotation[open]"); // what is shown, comes or is typed would go
  if (tree.selected && tree.details.firstElementChild && !busy) tree.showDetails(tree.selected);
}
