// Notebook pages: the data browser, the editor and the result grid.
export {};
