// The current cell of a grid and the rectangle from the anchor to it.
export class Selection {
  constructor() {
    this.row = 0;
    this.column = 0;
    this.anchor = { row: 0, column: 0 };
  }

  // to makes a cell the current one; extend keeps the other corner.
  to(row, column, extend) {
    this.row = row;
    this.column = column;
    if (!extend) this.anchor = { row, column };
  }

  get rows() {
    return [Math.min(this.row, this.anchor.row), Math.max(this.row, this.anchor.row)];
  }

  get columns() {
    return [Math.min(this.column, this.anchor.column), Math.max(this.column, this.anchor.column)];
  }

  has(row, column) {
    const [top, bottom] = this.rows;
    const [left, right] = this.columns;
    return row >= top && row <= bottom && column >= left && column <= right;
  }

  get single() {
    return this.row === this.anchor.row && this.column === this.anchor.column;
  }
}

// after is the cell that a key leads to, or null for other keys. page is the number of rows in view.
export function after(key, jump, { row, column }, rows, columns, page) {
  const steps = {
    ArrowDown: [jump ? rows : 1, 0], ArrowUp: [jump ? -rows : -1, 0], PageDown: [page, 0], PageUp: [-page, 0],
    ArrowRight: [0, jump ? columns : 1], ArrowLeft: [0, jump ? -columns : -1],
    Home: [jump ? -rows : 0, -columns], End: [jump ? rows : 0, columns],
  };
  if (!steps[key]) return null;
  const clamp = (n, count) => Math.min(Math.max(n, 0), Math.max(count - 1, 0));
  return { row: clamp(row + steps[key][0], rows), column: clamp(column + steps[key][1], columns) };
}
