// The editor's look, in the tokens of the page: they change with the theme, so the editor does too. These rules live here and
// not in the style sheet because a library's own rules stand above every layer.
import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { EditorView } from "@codemirror/view";
import { tags } from "@lezer/highlight";

const colours = HighlightStyle.define([
  { tag: [tags.keyword, tags.operatorKeyword, tags.modifier, tags.bool, tags.null], color: "var(--code-keyword)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--code-string)" },
  { tag: [tags.number, tags.literal], color: "var(--code-number)" },
  { tag: [tags.typeName, tags.standard(tags.name)], color: "var(--code-type)" },
  { tag: [tags.comment, tags.lineComment, tags.blockComment], color: "var(--code-comment)", fontStyle: "italic" },
]);

const frame = EditorView.theme({
  "&": { color: "var(--text)", backgroundColor: "var(--surface)", fontSize: "12.5px" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.65", overflow: "auto", maxHeight: "60vh" },
  ".cm-content": { padding: "8px 0", caretColor: "var(--text)" },
  ".cm-line": { padding: "0 12px 0 6px" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  ".cm-gutters": { color: "var(--text-3)", backgroundColor: "transparent", border: "none" },
  ".cm-lineNumbers .cm-gutterElement": { minWidth: "30px", padding: "0 6px 0 10px" },
  ".cm-foldGutter .cm-gutterElement": { width: "16px", cursor: "pointer" },
  "&.cm-focused .cm-activeLine, &.cm-focused .cm-activeLineGutter": { backgroundColor: "var(--hover)" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "transparent" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": { backgroundColor: "color-mix(in oklch, var(--accent) 26%, transparent)" },
  "&.cm-focused .cm-matchingBracket": { backgroundColor: "var(--active)", outline: "1px solid var(--line-strong)" },
  ".cm-error": { textDecoration: "underline wavy var(--bad-dot) 1px", textUnderlineOffset: "3px" },
  ".cm-tooltip": { border: "none", borderRadius: "8px", color: "var(--text)", backgroundColor: "var(--raised)", boxShadow: "var(--shadow)" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul": { maxHeight: "280px", padding: "4px", fontFamily: "var(--sans)", fontSize: "13px" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li": { display: "flex", alignItems: "center", gap: "8px", padding: "3px 8px", borderRadius: "6px" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { color: "var(--text)", backgroundColor: "var(--accent-soft)" },
  ".cm-completionLabel, .cm-completionDetail": { unicodeBidi: "isolate" },
  ".cm-completionDetail": { marginLeft: "auto", paddingLeft: "16px", color: "var(--text-3)", fontStyle: "normal", fontSize: "11px" },
  ".cm-tooltip.cm-completionInfo": { padding: "6px 10px", fontFamily: "var(--sans)", fontSize: "12px", whiteSpace: "pre-line", overflowWrap: "anywhere" },
  ".cm-completionMatchedText": { textDecoration: "none", fontWeight: "600" },
  ".cm-foldPlaceholder": { border: "none", color: "var(--text-2)", backgroundColor: "var(--active)" },
});

export const look = [frame, syntaxHighlighting(colours)];
