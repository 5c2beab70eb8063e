// The rows of a result as the grid knows them: blocks of 200, fetched when they come into view, few kept.
import { getJSON } from "../dom.js";

export const blockSize = 200;
const kept = 60;
const pollEvery = 400; // ms, while the result is still arriving
const refusals = [401, 403, 404, 410]; // not signed in, not allowed, not there, not kept

export class Blocks {
  constructor(source, changed) {
    this.source = source;
    this.changed = changed;
    this.blocks = new Map(); // in order of use
    this.going = new Map();
    this.columns = [];
    this.total = 0;
    this.complete = false;
    this.failed = false;
    this.refused = false;
    this.stopped = false;
  }

  // row is null while it is not here.
  row(index) {
    return this.blocks.get(Math.floor(index / blockSize))?.[index % blockSize] ?? null;
  }

  // need fetches the blocks of rows first to last that are not here.
  need(first, last) {
    const wanted = [];
    for (let block = Math.floor(first / blockSize); block <= Math.floor(last / blockSize); block++) {
      if (this.blocks.has(block)) this.touch(block);
      else wanted.push(this.fetch(block));
    }
    return Promise.all(wanted);
  }

  touch(block) {
    const rows = this.blocks.get(block);
    this.blocks.delete(block);
    this.blocks.set(block, rows);
  }

  fetch(block) {
    if (!this.going.has(block)) this.going.set(block, this.read(block).finally(() => this.going.delete(block)));
    return this.going.get(block);
  }

  async read(block) {
    try {
      const query = new URLSearchParams({ offset: block * blockSize, limit: blockSize });
      const answer = await getJSON(`${this.source}?${query}`);
      this.take(block, answer);
    } catch (error) {
      this.failed = true;
      if (refusals.includes(error.status)) this.forget();
    }
    if (!this.stopped) this.changed();
  }

  // forget lets go of rows that are gone, or that the reader may not see any more.
  forget() {
    clearTimeout(this.timer);
    this.refused = true;
    this.blocks.clear();
    this.columns = [];
    this.total = 0;
  }

  take(block, answer) {
    if (this.refused) return; // it was asked for before the refusal
    this.failed = false;
    this.columns = answer.columns;
    this.total = answer.total;
    this.complete = answer.complete;
    this.blocks.set(block, answer.rows);
    while (this.blocks.size > kept) this.blocks.delete(this.blocks.keys().next().value);
    if (!this.complete && !this.stopped) this.later();
  }

  // later looks at the end again: the block that was last is longer by then.
  later() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.fetch(Math.max(0, Math.floor((this.total - 1) / blockSize))), pollEvery);
  }

  stop() {
    this.stopped = true;
    clearTimeout(this.timer);
  }
}
