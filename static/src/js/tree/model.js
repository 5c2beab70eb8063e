// The data browser's rows as numbers: which node stands in which row, while only pages of nodes are known.

export const pageSize = 200;
const firstWait = 2000; // ms after a page could not be read, twice as long each time
const longestWait = 60000;

// Changed is thrown where a page tells of more or fewer children than are known: which stands where is then not known any more.
export class Changed extends Error {}

// A Branch is a node that can have children. Its rows are its children in order, each followed by the rows of that child
// while it is open. The root's children are the project's connections.
export class Branch {
  constructor(item, parent, index) {
    this.item = item;
    this.parent = parent;
    this.index = index;
    this.level = parent ? parent.level + 1 : 0;
    this.total = -1; // not known yet
    this.pages = new Map();
    this.loading = new Set(); // pages that are on their way
    this.open = []; // open children, by index
    this.failures = new Map(); // page -> how often it could not be read, and when it may be asked for again
  }

  get path() {
    return this.item?.path ?? "";
  }

  // size is the number of rows below; a branch that is loading, empty or failed has one row that says so.
  get size() {
    return Math.max(this.total, 1) + this.open.reduce((sum, child) => sum + child.size, 0);
  }

  // at is the node in a row: its branch, and its index there.
  at(row) {
    let before = 0;
    for (const child of this.open) {
      const own = child.index + before;
      if (row <= own) break;
      if (row <= own + child.size) return child.at(row - own - 1);
      before += child.size;
    }
    return { branch: this, index: row - before };
  }

  // rowOf is the row of the child at index, counted from the root.
  rowOf(index) {
    const before = this.open.reduce((sum, child) => (child.index < index ? sum + child.size : sum), 0);
    return index + before + (this.parent ? this.parent.rowOf(this.index) + 1 : 0);
  }

  child(index) {
    return this.pages.get(Math.floor(index / pageSize))?.[index % pageSize];
  }

  indexOf(path) {
    for (const [page, items] of this.pages) {
      const at = items.findIndex((item) => item.path === path);
      if (at >= 0) return page * pageSize + at;
    }
    return -1;
  }

  opened(index) {
    return this.open.find((child) => child.index === index);
  }

  expand(index) {
    const branch = new Branch(this.child(index), this, index);
    this.open.push(branch);
    this.open.sort((a, b) => a.index - b.index);
    return branch;
  }

  collapse(index) {
    this.open = this.open.filter((child) => child.index !== index);
  }

  // put takes one page of children; a page may start anywhere that is a multiple of the page's size.
  put(offset, items, total) {
    if (this.total >= 0 && this.total !== total) throw new Changed(`${total} children instead of ${this.total}`);
    this.total = total;
    const page = Math.floor(offset / pageSize);
    this.failures.delete(page);
    this.pages.set(page, items);
  }

  // fail marks the page that holds the child at index as one that could not be read, and says for how long to leave it alone.
  fail(index, now) {
    const page = Math.floor(index / pageSize);
    const times = (this.failures.get(page)?.times ?? 0) + 1;
    const wait = Math.min(longestWait, firstWait * 2 ** (times - 1));
    this.failures.set(page, { times, until: now + wait });
    return wait;
  }

  failed(index) {
    return this.failures.has(Math.floor(index / pageSize));
  }

  // due says whether the page that holds the child at index may be asked for.
  due(index, now) {
    return now >= (this.failures.get(Math.floor(index / pageSize))?.until ?? 0);
  }

  // forget drops pages that are far from the page in view, unless they hold an open node or the current row.
  forget(page, keep, current) {
    for (const known of this.pages.keys()) {
      const holds = known === current || this.open.some((child) => Math.floor(child.index / pageSize) === known);
      if (Math.abs(known - page) > keep && !holds) this.pages.delete(known);
    }
  }

  // find is the branch that is open for a path, or null.
  find(path) {
    if (this.path === path) return this;
    for (const child of this.open) {
      const found = child.find(path);
      if (found) return found;
    }
    return null;
  }

  // seek is the row of a path, or of what is left of the way to it, among what is open; find says where a path is in a branch.
  async seek(path, find) {
    let branch = this;
    let place = null;
    for (const step of prefixes(path)) {
      const index = branch ? await find(branch, step) : -1;
      if (index < 0) break;
      place = { branch, index, exact: step === path };
      branch = branch.opened(index);
    }
    return place;
  }

  // rowOfPath is the row of what is loaded below here, -1 where a path is not.
  rowOfPath(path) {
    const index = this.indexOf(path);
    if (index >= 0) return this.rowOf(index);
    return Math.max(-1, ...this.open.map((child) => child.rowOfPath(path)));
  }

  // paths are those of all open branches below, parents first.
  paths() {
    return this.open.flatMap((child) => [child.path, ...child.paths()]);
  }
}

// prefixes are the paths from the connection down to path itself: "c", "c/db", "c/db/t".
export function prefixes(path) {
  const parts = path.split("/");
  return parts.map((_, i) => parts.slice(0, i + 1).join("/"));
}
