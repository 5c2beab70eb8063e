// Completion asks the server by prefix: the catalog is never shipped whole. After a dot there are no keywords. Loaded when
// someone first goes into an editor.
import { autocompletion, closeBrackets, closeBracketsKeymap, completeFromList, completionKeymap, ifNotIn } from "@codemirror/autocomplete";
import { keymap } from "@codemirror/view";
import { getJSON, icon } from "../dom.js";
import { picture } from "../tree/rows.js";
import { typing } from "./statement.js";

// completion offers names known to the connection of host, and the keywords that words() gives.
export function completion(host, words) {
  return [
    closeBrackets(),
    keymap.of([...closeBracketsKeymap, ...completionKeymap]),
    autocompletion({
      override: [(context) => names(host, context), (context) => (at(context).qualified ? null : keywords(words(), context))],
      icons: false,
      addToOptions: [{ render: (option) => (option.item ? picture(option.item) : icon("minus")), position: 20 }],
      maxRenderedOptions: 50,
    }),
  ];
}

const keywords = (words, context) => ifNotIn(["QuotedIdentifier", "String", "LineComment", "BlockComment"], completeFromList(words))(context);

const at = (context) => typing(context.state.doc.toString(), context.pos);

async function names(host, context) {
  const { complete, connection } = host.dataset;
  const { prefix, length, rest, qualifier, qualified, tables } = at(context);
  if (!complete || !connection || (!prefix && !qualified && !context.explicit)) return null;
  const going = new AbortController();
  context.addEventListener("abort", () => going.abort());
  const query = new URLSearchParams({ connection, q: prefix, context: qualifier, tables: tables.join(",") });
  try {
    const { items } = await getJSON(`${complete}?${query}`, going.signal);
    return { from: context.pos - length, to: context.pos + rest, filter: false, options: items.map(option) };
  } catch {
    return null; // no names this time: writing goes on without them
  }
}

function option(item) {
  return { label: item.label, detail: [item.detail, item.note].filter(Boolean).join(" · "), apply: item.apply || item.label, info: item.info, item: { kind: item.kind, family: item.family, type: item.detail } };
}
