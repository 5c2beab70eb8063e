// Notebook pages: the data browser, the editor and the result grid.
import "./editor/element.js";
import "./grid/element.js";
import "./tree/element.js";
