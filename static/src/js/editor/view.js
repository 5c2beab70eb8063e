// The editor itself: what it is made of. Loaded apart from the rest of the page, since it is the largest part.
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { MariaSQL, MySQL, PostgreSQL, SQLite, StandardSQL } from "@codemirror/lang-sql";
import { bracketMatching, foldGutter, foldKeymap, indentOnInput } from "@codemirror/language";
import { Compartment, EditorState, Prec, StateEffect, StateField } from "@codemirror/state";
import { Decoration, EditorView, drawSelection, highlightActiveLine, highlightActiveLineGutter, keymap, lineNumbers } from "@codemirror/view";
import { look } from "./look.js";

const dialects = { postgres: PostgreSQL, duckdb: PostgreSQL, mysql: MySQL, mariadb: MariaSQL, sqlite: SQLite };

const dialectOf = (name) => dialects[name] ?? StandardSQL;

// The parts that change while an editor lives: its dialect, and completion once it is loaded.
const language = new Compartment();
const late = new Compartment();

// setDialect changes the grammar, when another connection is chosen.
export function setDialect(view, name) {
  view.dispatch({ effects: language.reconfigure(dialectOf(name).language) });
}

const setError = StateEffect.define();

// The word that the server pointed at stays marked until the text is changed.
const errorMark = StateField.define({
  create: () => Decoration.none,
  update(marks, transaction) {
    for (const effect of transaction.effects) if (effect.is(setError)) return effect.value;
    return transaction.docChanged ? Decoration.none : marks;
  },
  provide: (field) => EditorView.decorations.from(field),
});

// markError marks the word at a position that counts characters from 1; 0 takes the mark away.
export function markError(view, position, words) {
  const text = view.state.doc.toString();
  const from = Math.min([...text].slice(0, position - 1).join("").length, Math.max(0, text.length - 1));
  const to = from + (/^[\p{L}\p{N}_$]+/u.exec(text.slice(from))?.[0].length ?? 1);
  const mark = Decoration.mark({ class: "cm-error", attributes: { title: words } });
  view.dispatch({ effects: setError.of(position > 0 && to <= text.length ? Decoration.set([mark.range(from, to)]) : Decoration.none) });
}

// Typing over selected text is done here and not by the browser: Chromium would carry the colour of what it removes over to the
// new text in a style attribute, which the content security policy refuses.
const typeOver = EditorView.domEventHandlers({
  beforeinput(event, view) {
    const { main } = view.state.selection;
    if (event.inputType !== "insertText" || !event.data || main.empty || view.composing || view.state.readOnly) return false;
    event.preventDefault();
    const insert = () => view.state.update(view.state.replaceSelection(event.data), { userEvent: "input.type", scrollIntoView: true });
    const handlers = view.state.facet(EditorView.inputHandler);
    if (!handlers.some((handle) => handle(view, main.from, main.to, event.data, insert))) view.dispatch(insert());
    return true;
  },
});

// loadCompletion brings completion into an editor that someone goes into for the first time.
async function loadCompletion(host, view) {
  if (host.completes !== undefined || view.state.readOnly) return;
  host.completes = false;
  const { completion } = await import("./complete.js").catch((why) => {
    host.completes = undefined; // so that the next time tries again
    throw why;
  });
  const words = () => Object.keys(dialectOf(host.dataset.dialect).dialect.words); // not a published field; the version is pinned
  view.dispatch({ effects: late.reconfigure(completion(host, words)) });
  host.completes = true;
}

// createEditor makes the editor of host: its text, label and nonce; changed, left, run are told what happens.
export function createEditor(host, { text, label, readOnly, nonce, changed, left, run }) {
  const keys = [
    { key: "Mod-Enter", run: () => run(false) },
    { key: "Shift-Enter", run: () => run(true) },
  ];
  return new EditorView({
    doc: text,
    extensions: [
      EditorView.cspNonce.of(nonce),
      Prec.highest(keymap.of(keys)),
      late.of([]),
      keymap.of([...defaultKeymap, ...historyKeymap, ...foldKeymap, indentWithTab]),
      lineNumbers(), foldGutter(), history(), drawSelection(), highlightActiveLine(), highlightActiveLineGutter(),
      indentOnInput(), bracketMatching(), EditorView.lineWrapping,
      language.of(dialectOf(host.dataset.dialect).language), look, errorMark, typeOver,
      EditorState.readOnly.of(readOnly), EditorView.editable.of(!readOnly),
      EditorView.contentAttributes.of({ "aria-label": label }),
      EditorView.updateListener.of((update) => update.docChanged && changed(update.state.doc.toString())),
      EditorView.domEventHandlers({ blur: left, focus: (_, view) => void loadCompletion(host, view) }),
    ],
  });
}
