// Type-ahead in the tree, after the WAI-ARIA pattern: what is typed in a row leads to the next row whose name begins with it.
// Where the names are not all here, the server is asked. Loaded when someone first types in the tree.
const pause = 700; // ms after which typing begins a new name

let typed = "";
let last = -Infinity; // when the last key was pressed
let turn = 0; // only the latest search leads anywhere

// type makes the next row whose name begins with what was typed the current one: after the current row where a name begins, else
// from it on.
export async function type(tree, key, when) {
  const fresh = when - last > pause;
  last = when;
  typed = (fresh ? "" : typed) + key.toLowerCase();
  const mine = ++turn;
  const { root, active } = tree;
  const names = new Names(tree);
  let place = null;
  try {
    place = await names.next(active, typed, fresh);
    // One letter again and again goes on from row to row.
    if (!place && new Set(typed).size === 1) place = await names.next(active, typed[0], true);
  } catch (why) {
    return tree.outdated(why); // no names this time
  }
  if (place && mine === turn && root === tree.root) tree.move(place, tree.rows.contains(document.activeElement));
}

class Names {
  constructor(tree) {
    this.tree = tree;
  }

  // next is the first row whose name begins so: from start on, or after it, then from the top.
  async next({ branch, index }, begins, after) {
    let place = after ? null : await this.at(branch, index, index + 1, begins);
    const own = branch.opened(index);
    place ??= own && (await this.within(own, 0, begins));
    place ??= await this.within(branch, index + 1, begins);
    for (let up = branch; !place && up.parent; up = up.parent) place = await this.within(up.parent, up.index + 1, begins);
    return place ?? this.within(this.tree.root, 0, begins);
  }

  // within looks through the rows of a branch from an index on, those of its open branches where they stand.
  async within(branch, from, begins) {
    for (const child of branch.open) {
      if (child.index < from) continue;
      const place = (await this.at(branch, from, child.index + 1, begins)) ?? (await this.within(child, 0, begins));
      if (place) return place;
      from = child.index + 1;
    }
    return this.at(branch, from, branch.total, begins);
  }

  // at looks through the children of one branch between two indexes, and asks the server about those that are not here.
  async at(branch, from, before, begins) {
    for (let index = from; index < before; index++) {
      const item = branch.child(index);
      if (!item) return this.ask(branch, index, before, begins);
      if (item.name.toLowerCase().startsWith(begins)) return { branch, index };
    }
    return null;
  }

  async ask(branch, from, before, begins) {
    const { items, total, offset, found } = await this.tree.pageOf(branch, { prefix: begins, from });
    if (found < 0) return null;
    branch.put(offset, items, total);
    return found < before ? { branch, index: found } : null;
  }
}
