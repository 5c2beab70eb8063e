// Notebook pages: the data browser, the editor and the result grid.
import "./cells.js";
import "./editor/element.js";
import "./grid/element.js";
import "./tree/element.js";
import "./tree/tabs.js";
